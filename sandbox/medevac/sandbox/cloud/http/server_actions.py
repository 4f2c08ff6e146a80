"""POST /servers/{id}/action, and what was recorded about such actions."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from medevac.sandbox.cloud.http import server_views
from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.servers import find
from medevac.sandbox.cloud.http.stamps import naive
from medevac.sandbox.cloud.model import actions, cold_migration, evacuation, live_migration, reimage
from medevac.sandbox.cloud.model.errors import bad_request, not_found
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.server import Action, Server

PRODUCT = "medevac"
"""The user under test: a server that it stops or starts was not stopped or started by its owner."""


def _act(call: Call) -> Answer:
    body: dict[str, Any] = call.body if isinstance(call.body, dict) else {}
    verb = next((verb for verb in body if verb in _VERBS), None)
    if verb is None or len(body) != 1:
        raise bad_request(f"There is no such action: {', '.join(body)}")
    return _VERBS[verb](call, find(call), body[verb])


def _evacuate(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - a client may send anything
    fields: dict[str, Any] = asked if isinstance(asked, dict) else {}
    _check_evacuate(call, asked)
    evacuation.evacuate(
        call.world,
        server.id,
        EvacuationRequest(
            host=fields.get("host"),
            forced=_forced(call, fields),
            stopped_at_destination=call.version >= (2, 95),
            request_id=call.request_id,
        ),
    )
    if call.version < (2, 14):
        return Answer({"adminPass": fields.get("adminPass", "Zp7vJq2mXk4D")})
    return Answer()


def _check_evacuate(call: Call, asked: object) -> None:
    known = {"host", "adminPass"}
    if call.version < (2, 14):
        known.add("onSharedStorage")
    if (2, 29) <= call.version <= (2, 67):
        known.add("force")
    if not isinstance(asked, dict):
        raise bad_request(f"Invalid input for field/attribute evacuate. Value: {asked}. None is not of type 'object'")
    if unexpected := sorted(set(asked) - known):
        wrong = f"Additional properties are not allowed ({', '.join(map(repr, unexpected))} was unexpected)"
        raise bad_request(f"Invalid input for field/attribute evacuate. Value: {asked}. {wrong}")
    if call.version < (2, 14) and "onSharedStorage" not in asked:
        wrong = "'onSharedStorage' is a required property"
        raise bad_request(f"Invalid input for field/attribute evacuate. Value: {asked}. {wrong}")


def _forced(call: Call, fields: dict[str, Any]) -> bool:
    if call.version < (2, 29):
        return fields.get("host") is not None  # the scheduler was not asked before 2.29
    force = str(fields.get("force", False)).lower() == "true"
    if force and not fields.get("host"):
        raise bad_request("Can't force to a non-provided destination")
    return force


def _reset(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    state = asked.get("state") if isinstance(asked, dict) else None
    if state not in ("active", "error"):
        message = f"Invalid input for field/attribute state. Value: {state}. '{state}' is not one of"
        raise bad_request(f"{message} ['active', 'error']")
    actions.reset_state(call.world, server.id, state, call.request_id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _by_owner(call: Call) -> bool:
    return call.token is not None and call.token.user.name != PRODUCT


def _stop(call: Call, server: Server, _asked: Any) -> Answer:  # noqa: ANN401 - as above
    actions.stop(call.world, server.id, call.request_id, by_owner=_by_owner(call))
    return Answer(status=HTTPStatus.ACCEPTED)


def _start(call: Call, server: Server, _asked: Any) -> Answer:  # noqa: ANN401 - as above
    actions.start(call.world, server.id, call.request_id, by_owner=_by_owner(call))
    return Answer(status=HTTPStatus.ACCEPTED)


def _lock(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    reason = asked.get("locked_reason") if isinstance(asked, dict) and call.version >= (2, 73) else None
    actions.lock(call.world, server.id, reason)
    return Answer(status=HTTPStatus.ACCEPTED)


def _unlock(call: Call, server: Server, _asked: Any) -> Answer:  # noqa: ANN401 - as above
    actions.unlock(call.world, server.id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _reboot(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    kind = str(asked.get("type") if isinstance(asked, dict) else None).upper()
    if kind not in ("SOFT", "HARD"):
        raise bad_request(f"Invalid input for field/attribute type. Value: {kind}. '{kind}' is not one of")
    actions.reboot(call.world, server.id, kind, call.request_id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _live_migrate(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    known = {"host", "block_migration"}
    known |= {"disk_over_commit"} if call.version < (2, 25) else set()
    known |= {"force"} if (2, 30) <= call.version <= (2, 67) else set()
    if not isinstance(asked, dict) or set(asked) - known or not {"host", "block_migration"} <= set(asked):
        raise bad_request(f"Invalid input for field/attribute os-migrateLive. Value: {asked}.")
    live_migration.live_migrate(call.world, server.id, asked["host"], call.request_id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _migrate(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    host = asked.get("host") if isinstance(asked, dict) and call.version >= (2, 56) else None
    cold_migration.migrate(call.world, server.id, host, call.request_id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _confirm(call: Call, server: Server, _asked: Any) -> Answer:  # noqa: ANN401 - as above
    cold_migration.confirm(call.world, server.id, call.request_id)
    return Answer(status=HTTPStatus.NO_CONTENT)


def _revert(call: Call, server: Server, _asked: Any) -> Answer:  # noqa: ANN401 - as above
    cold_migration.revert(call.world, server.id, call.request_id)
    return Answer(status=HTTPStatus.ACCEPTED)


def _rebuild(call: Call, server: Server, asked: Any) -> Answer:  # noqa: ANN401 - as above
    image_id = asked.get("imageRef") if isinstance(asked, dict) else None
    if not isinstance(image_id, str):
        raise bad_request(f"Invalid input for field/attribute rebuild. Value: {asked}. 'imageRef' is required")
    reimage.reimage(call.world, server.id, image_id, call.request_id)
    return Answer({"server": server_views.full(call, server)}, status=HTTPStatus.ACCEPTED)


_VERBS: dict[str, Callable[[Call, Server, Any], Answer]] = {
    "evacuate": _evacuate,
    "os-resetState": _reset,
    "os-stop": _stop,
    "os-start": _start,
    "reboot": _reboot,
    "os-migrateLive": _live_migrate,
    "migrate": _migrate,
    "confirmResize": _confirm,
    "revertResize": _revert,
    "rebuild": _rebuild,
    "lock": _lock,
    "unlock": _unlock,
}


def _history(call: Call) -> Answer:
    server = _with_deleted(call)
    return Answer({"instanceActions": [_action(call, server, action) for action in reversed(server.actions)]})


def _with_deleted(call: Call) -> Server:
    server = call.world.servers.get(call.parts["id"])
    return server if server is not None and server.deleted and call.version >= (2, 21) else find(call)


def _action(call: Call, server: Server, action: Action) -> dict[str, object]:
    body: dict[str, object] = {
        "action": action.name,
        "instance_uuid": server.id,
        "request_id": action.request_id,
        "user_id": None if action.by_nova else server.user_id,
        "project_id": None if action.by_nova else server.project_id,
        "start_time": naive(action.started_at),
        "message": action.message,
    }
    if call.version >= (2, 58):
        body["updated_at"] = naive(action.updated_at)
    return body


def _one_action(call: Call) -> Answer:
    server = _with_deleted(call)
    for action in server.actions:
        if action.request_id == call.parts["request"]:
            return Answer({"instanceAction": _action(call, server, action) | {"events": _events(call, action)}})
    raise not_found(f"Action {call.parts['request']} not found")


def _events(call: Call, action: Action) -> list[dict[str, object]]:
    shown = []
    for event in reversed(action.events):
        body: dict[str, object] = {
            "event": event.name,
            "start_time": naive(event.started_at),
            "finish_time": naive(event.finished_at),
            "result": event.result,
            "traceback": None,
        }
        if call.version >= (2, 62):
            body |= {"host": event.host, "hostId": event.host}
        if call.version >= (2, 84):
            body["details"] = event.details
        shown.append(body)
    return shown


ROUTES: tuple[Route, ...] = (
    ("POST", "/servers/{id}/action", _act),
    ("GET", "/servers/{id}/os-instance-actions", _history),
    ("GET", "/servers/{id}/os-instance-actions/{request}", _one_action),
)
