"""What can be asked of one server besides an evacuation: reset, stop, start, lock, unlock, delete."""

from __future__ import annotations

import functools

from medevac.sandbox.cloud.model.errors import conflict, invalid_state
from medevac.sandbox.cloud.model.history import begin_action, end_action
from medevac.sandbox.cloud.model.server import NO_STATE, RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World


def reset_state(world: World, server_id: str, state: str, request_id: str = "") -> None:
    """Set vm_state to *state* and task_state to none, whatever goes on (os-resetState)."""
    server = world.server(server_id)
    begin_action(world, server, "resetState", request_id)
    server.vm_state, server.task_state = state, None
    world.touch(server)


def stop(world: World, server_id: str, request_id: str = "", *, by_owner: bool = False) -> None:
    """Shut the server off (os-stop); *by_owner* makes that what its owner wants.  Raises Nova's 409s."""
    server = world.server(server_id)
    _check(server, "stop", ("active", "error"))
    server.should_run = server.should_run and not by_owner
    _begin(world, server, "stop", "powering-off", request_id)


def start(world: World, server_id: str, request_id: str = "", *, by_owner: bool = False) -> None:
    """Start the server (os-start); *by_owner* makes that what its owner wants.  Raises Nova's 409s."""
    server = world.server(server_id)
    _check(server, "start", ("stopped",))
    server.should_run = server.should_run or by_owner
    _begin(world, server, "start", "powering-on", request_id)


def lock(world: World, server_id: str, reason: str | None = None) -> None:
    """Lock the server, with a reason from microversion 2.73 on."""
    server = world.server(server_id)
    begin_action(world, server, "lock")
    server.locked = True
    server.locked_reason = reason or server.locked_reason
    world.touch(server)


def unlock(world: World, server_id: str) -> None:
    """Unlock the server and forget the reason."""
    server = world.server(server_id)
    begin_action(world, server, "unlock")
    server.locked, server.locked_reason = False, None
    world.touch(server)


def delete(world: World, server_id: str) -> None:
    """Delete the server at once; a guest on a host without nova-compute lives on until that comes back."""
    server = world.server(server_id)
    server.deleted, server.vm_state, server.task_state = True, "deleted", None
    server.should_run, server.power_state = False, NO_STATE
    server.terminated_at = world.now
    world.touch(server)
    for name in world.ledger.hosts_of(server_id):
        if world.hosts[name].alive:
            world.ledger.end(world.now, server_id, name, "deleted")
    for host in world.hosts.values():
        host.release(server_id)
    world.forget(server)


def _check(server: Server, action: str, states: tuple[str, ...]) -> None:
    if server.host is None:
        raise conflict(f"Instance {server.id} is not ready")
    if server.vm_state not in states:
        raise invalid_state(server.id, action, "vm_state", server.vm_state)
    if server.task_state is not None:
        raise invalid_state(server.id, action, "task_state", server.task_state)
    if server.launched_at is None:
        raise invalid_state(server.id, action, "launched_at", None)


def _begin(world: World, server: Server, name: str, task_state: str, request_id: str) -> None:
    server.task_state = task_state
    begin_action(world, server, name, request_id)
    world.touch(server)
    if world.hosts[server.host or ""].alive:  # else the order waits for ever
        world.after(world.settings.action_seconds, functools.partial(_carry_out, world, server, name, task_state))


def _carry_out(world: World, server: Server, name: str, task_state: str) -> None:
    host = server.host
    if host is None or server.task_state != task_state or not world.hosts[host].alive:
        return
    if name == "stop":
        world.ledger.end(world.now, server.id, host, "stopped")
        server.vm_state, server.power_state = "stopped", SHUT_DOWN
    else:
        world.ledger.start(world.now, server.id, host, "started")
        server.vm_state, server.power_state = "active", RUNNING
    server.task_state = None
    end_action(world, server, name, None)
    world.touch(server)
