"""How Nova finds out what became of guests without its doing (compute/manager.py: _sync_instance_power_state)."""

from __future__ import annotations

from medevac.sandbox.cloud.model.history import begin_action
from medevac.sandbox.cloud.model.server import PAUSED, RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World


def note_stop(world: World, server_id: str, host: str) -> None:
    """Let Nova call its own stop for an active server without a guest; anything else it leaves alone."""
    server = world.servers.get(server_id)
    if server is None or server.deleted or server.host != host or not world.hosts[host].acts:
        return
    if host not in world.ledger.hosts_of(server_id):
        _stop(world, server)


def note_state(world: World, server_id: str, host: str) -> None:
    """Let Nova write down that the guest is paused, or runs again; its vm_state stays ("paused unexpectedly")."""
    server, guest = world.servers[server_id], world.guests[host][server_id]
    if server.host == host and world.hosts[host].acts:
        server.power_state = PAUSED if guest.state == "paused" else RUNNING
        world.touch(server)


def sweep(world: World, host: str) -> None:
    """Let Nova look at all its servers on *host* (_sync_power_states)."""
    for server in world.servers_on(host):
        note_stop(world, server.id, host)


def _stop(world: World, server: Server) -> None:
    if server.vm_state == "active" and server.task_state is None:
        begin_action(world, server, "stop").by_nova = True
        server.vm_state, server.power_state = "stopped", SHUT_DOWN
        world.touch(server)
