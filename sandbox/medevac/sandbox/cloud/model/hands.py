"""Hands: what every order to a server's host has in common: what Nova checks first, and who carries it out."""

from __future__ import annotations

from collections.abc import Callable

from medevac.sandbox.cloud.model.errors import conflict, invalid_state
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.world import World


def check(server: Server, action: str, states: tuple[str, ...], tasks: tuple[str | None, ...] = (None,)) -> None:
    """Raise Nova's 409 unless the server has a host and is in one of *states* and *tasks*, and was ever launched."""
    if server.host is None:
        raise conflict(f"Instance {server.id} is not ready")
    if server.vm_state not in states:
        raise invalid_state(server.id, action, "vm_state", server.vm_state)
    if server.task_state not in tasks:
        raise invalid_state(server.id, action, "task_state", server.task_state)
    if server.launched_at is None:
        raise invalid_state(server.id, action, "launched_at", None)


def tell(world: World, host: str, order: Callable[[], None]) -> None:
    """Let nova-compute on *host* take *order*: now, or when it is back, since the message waits in its queue."""
    if world.hosts[host].alive:
        order()
    else:
        world.hosts[host].waiting.append(order)


def obstacle(world: World, host: str, action: str) -> str | None:
    """Return why *action* fails on *host*, and use the mishap up; None: it does not."""
    if world.hosts[host].libvirt != "running":
        return f"Connection to the hypervisor is broken on host: {host}"
    if take(world.mishaps.fail_actions, action):
        return f"Unexpected vif_type=binding_failed: {action} was ordered to fail"
    if action in ("start", "reboot", "rebuild") and take(world.mishaps.fail_spawns, host):
        return "Virtual Interface creation failed"
    return None
