"""Keystone v3: passwords for tokens, the catalog, projects."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Any

from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.stamps import naive_zulu
from medevac.sandbox.cloud.http.tokens import Token
from medevac.sandbox.cloud.model.catalog import Project, User
from medevac.sandbox.cloud.model.errors import Refusal, not_found

_DOMAIN = {"id": "default", "name": "Default"}


def unauthorized() -> Refusal:
    """Return Keystone's 401, which tells nobody what was wrong."""
    return Refusal(HTTPStatus.UNAUTHORIZED, "The request you have made requires authentication.")


def _version(call: Call) -> dict[str, object]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{call.base}/identity/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _all_versions(call: Call) -> Answer:
    return Answer({"versions": {"values": [_version(call)]}}, HTTPStatus.MULTIPLE_CHOICES)


def _one_version(call: Call) -> Answer:
    return Answer({"version": _version(call)})


def _log_in(call: Call) -> Answer:
    auth = call.object("auth")
    user = _user(call, auth.get("identity", {}))
    scope = auth.get("scope")
    project = _project(call, scope["project"]) if isinstance(scope, dict) and "project" in scope else None
    token = call.tokens.issue(user, project)
    return Answer(_token_body(call, token), HTTPStatus.CREATED, {"X-Subject-Token": token.id})


def _user(call: Call, identity: dict[str, Any]) -> User:
    given = identity.get("password", {}).get("user", {})
    name, user_id, password = given.get("name"), given.get("id"), str(given.get("password", ""))
    good = hmac.compare_digest(password.encode(), call.world.settings.password.encode())
    for user in call.world.users.values():
        if good and (user.id == user_id or user.name == name):
            return user
    raise unauthorized()


def _project(call: Call, given: dict[str, Any]) -> Project:
    for project in call.world.projects.values():
        if project.id == given.get("id") or project.name == given.get("name"):
            return project
    raise unauthorized()


def _token_body(call: Call, token: Token) -> dict[str, object]:
    body: dict[str, object] = {
        "methods": ["password"],
        "user": {"id": token.user.id, "name": token.user.name, "domain": _DOMAIN, "password_expires_at": None},
        "audit_ids": [token.id[-12:]],
        "issued_at": naive_zulu(token.issued_at),
        "expires_at": naive_zulu(token.expires_at),
    }
    if token.project is not None:
        body["project"] = {"id": token.project.id, "name": token.project.name, "domain": _DOMAIN}
        body["is_domain"] = False
        body["roles"] = [{"id": "admin", "name": "admin"}, {"id": "reader", "name": "reader"}]
        body["catalog"] = _catalog(call)
    return {"token": body}


def _catalog(call: Call) -> list[dict[str, object]]:
    services = (
        ("identity", "keystone", f"{call.base}/identity"),
        ("compute", "nova", f"{call.base}/compute/v2.1"),
        ("image", "glance", f"{call.base}/image"),
        ("placement", "placement", f"{call.base}/placement"),
    )
    return [
        {"id": name, "type": kind, "name": name, "endpoints": _endpoints(call, url)} for kind, name, url in services
    ]


def _endpoints(call: Call, url: str) -> list[dict[str, str]]:
    region = call.world.settings.region
    return [
        {"id": f"{kind}:{url}", "interface": kind, "region": region, "region_id": region, "url": url}
        for kind in ("public", "internal", "admin")
    ]


def require_token(call: Call) -> Token:
    """Return the caller's token; raise a 401 for one that is missing, unknown or expired."""
    token = call.tokens.find(call.headers.get("X-Auth-Token"))
    if token is None:
        raise unauthorized()
    return token


def _validate(call: Call) -> Answer:
    require_token(call)
    token = call.tokens.find(call.headers.get("X-Subject-Token"))
    if token is None:
        raise not_found("Could not find token.")
    return Answer(_token_body(call, token), headers={"X-Subject-Token": token.id})


def _project_body(call: Call, project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": "default",
        "parent_id": "default",
        "description": "",
        "enabled": True,
        "is_domain": False,
        "tags": [],
        "options": {},
        "links": {"self": f"{call.base}/identity/v3/projects/{project.id}"},
    }


def _projects(call: Call) -> Answer:
    require_token(call)
    name = call.query.get("name")
    found = [_project_body(call, p) for p in call.world.projects.values() if name in (None, p.name)]
    links = {"next": None, "previous": None, "self": f"{call.base}/identity/v3/projects"}
    return Answer({"projects": found, "links": links})


def _one_project(call: Call) -> Answer:
    require_token(call)
    project = call.world.projects.get(call.parts["id"])
    if project is None:
        raise not_found(f"Could not find project: {call.parts['id']}.")
    return Answer({"project": _project_body(call, project)})


def _own_catalog(call: Call) -> Answer:
    require_token(call)
    return Answer({"catalog": _catalog(call), "links": {"self": f"{call.base}/identity/v3/auth/catalog"}})


ROUTES: tuple[Route, ...] = (
    ("GET", "", _all_versions),
    ("GET", "/v3", _one_version),
    ("POST", "/v3/auth/tokens", _log_in),
    ("GET", "/v3/auth/tokens", _validate),
    ("GET", "/v3/auth/catalog", _own_catalog),
    ("GET", "/v3/auth/projects", _projects),
    ("GET", "/v3/projects", _projects),
    ("GET", "/v3/projects/{id}", _one_project),
)
