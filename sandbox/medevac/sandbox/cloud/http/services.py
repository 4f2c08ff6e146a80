"""GET and PUT /os-services."""

from __future__ import annotations

from typing import Any

from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.stamps import naive
from medevac.sandbox.cloud.model import services
from medevac.sandbox.cloud.model.errors import bad_request, not_found
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.services import ServiceUpdate

_CONTROLLERS = ("nova-conductor", "nova-scheduler")


def _list(call: Call) -> Answer:
    binary, name = call.query.get("binary"), call.query.get("host")
    found = []
    if name in (None, "controller"):
        found += [_controller(call, kind, at) for at, kind in enumerate(_CONTROLLERS) if binary in (None, kind)]
    if binary in (None, "nova-compute"):
        hosts = call.world.hosts.values() if name is None else filter(None, (call.world.hosts.get(name),))
        found += [view for host in hosts if (view := _view(call, host)) is not None]
    return Answer({"services": found})


def _controller(call: Call, binary: str, number: int) -> dict[str, object]:
    body: dict[str, object] = {
        "id": f"00000000-0000-4000-8000-00000000000{number}" if call.version >= (2, 53) else 1000 + number,
        "binary": binary,
        "host": "controller",
        "zone": "internal",
        "status": "enabled",
        "state": "up" if call.world.control[binary] else "down",
        "updated_at": naive(call.world.now),
        "disabled_reason": None,
    }
    if call.version >= (2, 11):
        body["forced_down"] = False
    return body


def _view(call: Call, host: Host) -> dict[str, object] | None:
    if host.cell in call.world.down_cells:
        unknown: dict[str, object] = {"binary": "nova-compute", "host": host.name, "status": "UNKNOWN"}
        return unknown if call.version >= (2, 69) else None
    body: dict[str, object] = {
        "id": host.service_id if call.version >= (2, 53) else host.number,
        "binary": "nova-compute",
        "host": host.name,
        "zone": call.world.zone_of(host.name),
        "status": "disabled" if host.disabled else "enabled",
        "state": "up" if services.is_up(call.world, host) else "down",
        "updated_at": naive(services.updated_at(call.world, host)),
        "disabled_reason": host.disabled_reason,
    }
    if call.version >= (2, 11):
        body["forced_down"] = host.forced_down
    return body


def _put(call: Call) -> Answer:
    body: dict[str, Any] = call.body if isinstance(call.body, dict) else {}
    if call.version < (2, 53):
        return _put_old(call, body)
    _only(body, ("status", "disabled_reason", "forced_down"))
    host = services.by_service_id(call.world, call.parts["id"])
    delay = services.update(call.world, host, _change(body))
    return Answer({"service": _view(call, host)}, delay=delay)


def _only(body: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise bad_request(f"Additional properties are not allowed ({', '.join(map(repr, unknown))} was unexpected)")


def _change(body: dict[str, Any]) -> ServiceUpdate:
    status, reason = body.get("status"), body.get("disabled_reason")
    if status not in (None, "enabled", "disabled"):
        message = f"Invalid input for field/attribute status. Value: {status}. '{status}' is not one of"
        raise bad_request(f"{message} ['enabled', 'disabled']")
    if reason is not None and not (isinstance(reason, str) and 1 <= len(reason) <= 255):  # noqa: PLR2004 - Nova's schema
        raise bad_request(f"Invalid input for field/attribute disabled_reason. Value: {reason}.")
    return ServiceUpdate(status, reason, _boolean(body))


def _boolean(body: dict[str, Any]) -> bool | None:
    if "forced_down" not in body:
        return None
    text = str(body["forced_down"]).lower()
    if text not in ("true", "false", "1", "0", "yes", "no", "on", "off"):
        raise bad_request(f"Invalid input for field/attribute forced_down. Value: {text}.")
    return text in ("true", "1", "yes", "on")


_OLD_STATUS = {"enable": "enabled", "disable": "disabled", "disable-log-reason": "disabled"}


def _put_old(call: Call, body: dict[str, Any]) -> Answer:
    """Serve PUT /os-services/disable and the like, as they were before 2.53."""
    name, verb = str(body.get("host")), call.parts["id"]
    if name not in call.world.hosts or body.get("binary") != "nova-compute":
        raise not_found(f"Could not find binary {body.get('binary')} on host {name}.")
    if verb in _OLD_STATUS:
        change = ServiceUpdate(_OLD_STATUS[verb], body.get("disabled_reason"))
        shown: dict[str, object] = {"status": change.status}
        if change.disabled_reason:
            shown["disabled_reason"] = change.disabled_reason
    elif verb == "force-down" and call.version >= (2, 11):
        change = ServiceUpdate(forced_down=_boolean(body))
        shown = {"forced_down": change.forced_down}
    else:
        raise not_found("Unknown action")
    delay = services.update(call.world, call.world.hosts[name], change)
    return Answer({"service": {"host": name, "binary": "nova-compute", **shown}}, delay=delay)


ROUTES: tuple[Route, ...] = (("GET", "/os-services", _list), ("PUT", "/os-services/{id}", _put))
