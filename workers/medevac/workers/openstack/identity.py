"""Keystone, as far as recovery needs it: the names of projects."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from medevac.core.errors import CloudUnavailableError
from medevac.workers.openstack.answers import answered
from medevac.workers.openstack.convert import Json
from medevac.workers.openstack.session import CloudSession

_DOING = "list the projects"


def project_names(cloud: CloudSession) -> dict[str, str]:
    """Return project id to project name, of all domains.  Raises as the Cloud port does."""
    return {project["id"]: project["name"] for page in _pages(cloud) for project in page["projects"]}


def _pages(cloud: CloudSession) -> Iterator[Json]:
    where = {
        "service_type": "identity",
        "interface": cloud.interface,
        "region_name": cloud.region,
        "min_version": (3, 0),
        "max_version": (3, "latest"),
    }
    path: str | None = "/projects"
    while path:
        with answered(_DOING):
            # A catalog may name Keystone without its version: hence the filter with versions.
            answer = cloud.session.get(
                path,
                endpoint_filter=where,
                endpoint_override=cloud.identity_endpoint,
                user_agent=cloud.agent,
                headers={"Accept": "application/json"},
            )
        page = _read(answer)
        yield page
        path = (page.get("links") or {}).get("next")


def _read(answer: requests.Response) -> Json:
    try:
        page = answer.json()
    except ValueError:
        page = None
    if not isinstance(page, dict) or "projects" not in page:
        message = f"{_DOING}: this is not Keystone's answer (a proxy's page, or cut short)"
        raise CloudUnavailableError(message)
    return page
