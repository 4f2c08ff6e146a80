"""The side door: building a site, ordering faults, and reading what really happened.  No client of Nova's sees it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import from_plain, to_plain
from medevac.sandbox.cloud.http import side_hands
from medevac.sandbox.cloud.http.call import Answer, Call, Handler, Route
from medevac.sandbox.cloud.model import actions, control, guests, machines, site, verdict
from medevac.sandbox.cloud.model.errors import bad_request, not_found
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.site import ServerSpec, SiteSpec
from medevac.sandbox.cloud.model.world import World

_SETTABLE = ("vm_state", "task_state", "power_state", "launched_at", "metadata", "tags", "pinned_zone", "should_run")


def _build(call: Call) -> Answer:
    site.build(call.world, _spec(SiteSpec, call.body))
    return Answer({"hosts": len(call.world.hosts), "servers": len(call.world.servers)})


def _build_server(call: Call) -> Answer:
    return Answer(_server(call.world, site.build_server(call.world, _spec(ServerSpec, call.body))))


def _spec(cls: type[Any], body: object) -> Any:  # noqa: ANN401 - it returns an object of cls
    try:
        return from_plain(cls, body, "body")
    except MalformedDocumentError as error:
        raise bad_request(str(error)) from None


def _server(world: World, server: Server) -> dict[str, object]:
    return {
        "id": server.id,
        "name": server.name,
        "project": world.projects[server.project_id].name,
        "host": server.host,
        "status": server.status,
        "vm_state": server.vm_state,
        "task_state": server.task_state,
        "should_run": server.should_run,
        "locked": server.locked,
        "runs_on": list(world.ledger.hosts_of(server.id)),
    }


def _servers(call: Call) -> Answer:
    return Answer([_server(call.world, server) for server in call.world.servers.values()])


def _change_server(call: Call) -> Answer:
    server = call.world.server(call.parts["id"])
    changes: dict[str, Any] = call.body if isinstance(call.body, dict) else {}
    if unknown := sorted(set(changes) - set(_SETTABLE)):
        raise bad_request(f"cannot set {', '.join(unknown)}: one of {', '.join(_SETTABLE)}")
    for name, value in changes.items():
        setattr(server, name, value)
    call.world.touch(server)
    return Answer(_server(call.world, server))


_OWNER_VERBS: dict[str, Callable[[World, str], None]] = {
    "start": functools.partial(actions.start, by_owner=True),
    "stop": functools.partial(actions.stop, by_owner=True),
    "lock": actions.lock,
    "unlock": actions.unlock,
    "delete": actions.delete,
}
_HOST_VERBS: dict[str, Callable[[World, str], None]] = {
    "power-off": machines.power_off,
    "power-on": machines.power_on,
    "cut-network": machines.cut_network,
    "mend-network": machines.mend_network,
    "kill-compute": machines.kill_compute,
    "start-compute": machines.start_compute,
    "stop-libvirt": machines.stop_libvirt,
    "freeze-libvirt": machines.freeze_libvirt,
    "start-libvirt": machines.start_libvirt,
    "break-storage": machines.break_storage,
    "mend-storage": machines.mend_storage,
}
_CONTROL_VERBS: dict[str, Callable[[World, str], None]] = {"down": control.take_down, "up": control.bring_up}
_GUEST_VERBS: dict[str, Callable[[World, str], None]] = {
    "crash": guests.crash,
    "panic": functools.partial(guests.crash, reason="panicked"),
    "hang": guests.hang,
    "hang-busy": functools.partial(guests.hang, busy=True),
    "wake": guests.wake,
    "io-error": guests.pause,
    "watchdog": functools.partial(guests.pause, reason="watchdog"),
    "shut-down": guests.shut_down,
    "autostart": guests.let_autostart,
    "silence": guests.take_agent,
}


def _act(verbs: dict[str, Callable[[World, str], None]]) -> Handler:
    def handler(call: Call) -> Answer:
        verb = verbs.get(call.parts["verb"])
        if verb is None:
            raise not_found(f"unknown verb {call.parts['verb']}: one of {', '.join(verbs)}")
        verb(call.world, call.parts["id"])
        return Answer({})

    return handler


def _hosts(call: Call) -> Answer:
    world = call.world
    return Answer(
        [
            {
                "name": host.name,
                "zone": world.zone_of(host.name),
                "powered": host.powered,
                "reachable": host.reachable,
                "compute_running": host.compute_running,
                "libvirt": host.libvirt,
                "forced_down": host.forced_down,
                "disabled": host.disabled,
                "disabled_reason": host.disabled_reason,
                "guests": list(world.ledger.on_host(host.name)),
                "cell": host.cell,
            }
            for host in world.hosts.values()
        ]
    )


def _guests(call: Call) -> Answer:
    return Answer([to_plain(guest) for of_host in call.world.guests.values() for guest in of_host.values()])


def _cell(call: Call) -> Answer:
    verb = {"down": call.world.down_cells.add, "up": call.world.down_cells.discard}.get(call.parts["verb"])
    if verb is None:
        raise not_found("unknown verb: one of down, up")
    verb(call.parts["id"])
    return Answer({})


def _migrations(call: Call) -> Answer:
    return Answer([to_plain(record) for record in call.world.migrations.values()])


def _ledger(call: Call) -> Answer:
    return Answer([to_plain(run) for run in call.world.ledger.runs])


def _verdict(call: Call) -> Answer:
    body = call.body if isinstance(call.body, dict) else {}
    violations = verdict.violations(call.world)
    return Answer(
        {"violations": violations, "not_running": verdict.check_all_running(call.world, body.get("expected"))}
    )


def _counters(call: Call) -> Answer:
    return Answer(dict(call.world.requests))


def _reset_counters(call: Call) -> Answer:
    call.world.requests.clear()
    return Answer({})


def _order(call: Call) -> Answer:
    scope: dict[str, Any] = dict(call.body) if isinstance(call.body, dict) else {}
    duration = scope.pop("for", None)
    if duration is not None:
        scope["until"] = call.world.now + duration
    try:
        return Answer(to_plain(call.world.mishaps.order(**scope)))
    except (TypeError, ValueError) as error:
        raise bad_request(str(error)) from None


def _orders(call: Call) -> Answer:
    return Answer([to_plain(order) for order in call.world.mishaps.orders])


def _withdraw(call: Call) -> Answer:
    call.world.mishaps.withdraw()
    return Answer({})


def _mishaps(call: Call) -> Answer:
    mishaps, body = call.world.mishaps, call.body if isinstance(call.body, dict) else {}
    mishaps.refuse_claims.update(body.get("refuse_claims", {}))
    mishaps.fail_spawns.update(body.get("fail_spawns", {}))
    mishaps.lose_evacuations = body.get("lose_evacuations", mishaps.lose_evacuations)
    for name in ("fail_actions", "lose_actions", "fail_kills", "fail_restarts"):
        getattr(mishaps, name).update(body.get(name, {}))
    return Answer({})


def _bmc(call: Call) -> Answer:
    return Answer(call.bmc.power_commands())


def _order_bmc(call: Call) -> Answer:
    body: dict[str, Any] = call.body if isinstance(call.body, dict) else {}
    try:
        call.bmc.order(call.parts["id"], body["mode"], body.get("count", -1), body.get("for"))
    except (KeyError, ValueError) as error:
        raise bad_request(str(error)) from None
    return Answer({})


def _revoke(call: Call) -> Answer:
    call.tokens.revoke_all()
    return Answer({})


ROUTES: tuple[Route, ...] = (
    ("POST", "/site", _build),
    ("GET", "/servers", _servers),
    ("POST", "/servers", _build_server),
    ("PATCH", "/servers/{id}", _change_server),
    ("POST", "/servers/{id}/{verb}", _act(_OWNER_VERBS)),
    ("GET", "/hosts", _hosts),
    ("POST", "/hosts/{id}/{verb}", _act(_HOST_VERBS)),
    *side_hands.ROUTES,
    ("GET", "/guests", _guests),
    ("POST", "/guests/{id}/{verb}", _act(_GUEST_VERBS)),
    ("POST", "/control/{id}/{verb}", _act(_CONTROL_VERBS)),
    ("POST", "/cells/{id}/{verb}", _cell),
    ("GET", "/migrations", _migrations),
    ("GET", "/ledger", _ledger),
    ("POST", "/verdict", _verdict),
    ("GET", "/counters", _counters),
    ("DELETE", "/counters", _reset_counters),
    ("GET", "/faults", _orders),
    ("POST", "/faults", _order),
    ("DELETE", "/faults", _withdraw),
    ("POST", "/mishaps", _mishaps),
    ("GET", "/bmc", _bmc),
    ("POST", "/bmc/{id}", _order_bmc),
    ("DELETE", "/tokens", _revoke),
)
