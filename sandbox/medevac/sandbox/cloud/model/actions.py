"""What can be asked of one server where it is: reset, stop, start, reboot, lock, unlock, delete."""

from __future__ import annotations

import functools

from medevac.sandbox.cloud.model import guests, hands
from medevac.sandbox.cloud.model.history import begin_action, end_action, set_fault
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.server import NO_STATE, RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World

SOFT_REBOOT = ("active",)
_HARD = (
    ("active", "stopped", "paused", "suspended", "error"),
    (None, "rebooting", "rebooting_hard", "pausing", "unpausing", "suspending", "resuming"),
    "rebooting_hard",
)


def reset_state(world: World, server_id: str, state: str, request_id: str = "") -> None:
    """Set vm_state to *state* and task_state to none, whatever goes on (os-resetState)."""
    server = world.server(server_id)
    begin_action(world, server, "resetState", request_id)
    server.vm_state, server.task_state = state, None
    world.touch(server)


def stop(world: World, server_id: str, request_id: str = "", *, by_owner: bool = False) -> None:
    """Shut the server off (os-stop); *by_owner* makes that what its owner wants.  Raises Nova's 409s."""
    server = world.server(server_id)
    hands.check(server, "stop", ("active", "error"))
    server.should_run = server.should_run and not by_owner
    _begin(world, server, "stop", "powering-off", request_id)


def start(world: World, server_id: str, request_id: str = "", *, by_owner: bool = False) -> None:
    """Start the server (os-start); *by_owner* makes that what its owner wants.  Raises Nova's 409s."""
    server = world.server(server_id)
    hands.check(server, "start", ("stopped",))
    server.should_run = server.should_run or by_owner
    _begin(world, server, "start", "powering-on", request_id)


def reboot(world: World, server_id: str, kind: str, request_id: str = "") -> None:
    """Reboot the server: SOFT asks the guest, HARD destroys it and starts it again.  Raises Nova's 409s.

    Who reboots a server wants it to run, so that the owner's wish needs no change: one that is stopped is started.
    """
    server = world.server(server_id)
    states, tasks, task_state = (SOFT_REBOOT, (None,), "rebooting") if kind == "SOFT" else _HARD
    hands.check(server, "reboot", states, tasks)
    _begin(world, server, "reboot", task_state, request_id)


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
            guests.forget(world, server_id, name, "deleted")
    for host in world.hosts.values():
        host.release(server_id)
    world.forget(server)


def _begin(world: World, server: Server, name: str, task_state: str, request_id: str) -> None:
    server.task_state = task_state
    begin_action(world, server, name, request_id)
    world.touch(server)
    if not take(world.mishaps.lose_actions, name):
        host = server.host or ""
        carry_out = functools.partial(_carry_out, world, server, name, task_state, host)
        hands.tell(world, host, functools.partial(world.after, world.settings.action_seconds, carry_out))


def _carry_out(world: World, server: Server, name: str, task_state: str, host: str) -> None:
    if server.host != host or server.task_state != task_state or server.deleted:
        return
    if not world.hosts[host].alive:  # it died over it, and takes it up when it comes back
        world.hosts[host].waiting.append(functools.partial(_carry_out, world, server, name, task_state, host))
        return
    if world.hosts[host].libvirt == "hung":
        world.hosts[host].hanging.append(functools.partial(_carry_out, world, server, name, task_state, host))
        return
    error = hands.obstacle(world, host, name)
    if error is None:
        _DEEDS[name](world, server, host)
    else:
        set_fault(world, server, error)
        server.vm_state = "error" if name == "reboot" else server.vm_state
    server.task_state = None
    end_action(world, server, name, error)
    world.touch(server)


def _stop(world: World, server: Server, host: str) -> None:
    guests.end(world, server.id, host, "stopped")
    server.vm_state, server.power_state = "stopped", SHUT_DOWN


def _start(world: World, server: Server, host: str) -> None:
    guests.start(world, server.id, host, "started")
    server.vm_state, server.power_state = "active", RUNNING


def _reboot(world: World, server: Server, host: str) -> None:
    guests.end(world, server.id, host, "rebooted")
    guests.start(world, server.id, host, "rebooted")
    server.vm_state, server.power_state, server.fault = "active", RUNNING, None


_DEEDS = {"stop": _stop, "start": _start, "reboot": _reboot}
