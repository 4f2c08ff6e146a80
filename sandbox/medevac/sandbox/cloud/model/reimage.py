"""Reimage: the rebuild that an owner asks for: a new root disk on the same host (compute/api.py: rebuild)."""

from __future__ import annotations

import functools

from medevac.sandbox.cloud.model import guests, hands
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.history import begin_action, end_action, set_fault
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.server import RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World

ACTION = "rebuild"


def reimage(world: World, server_id: str, image_id: str, request_id: str = "") -> None:
    """Accept a rebuild from *image_id*.  Raises Nova's 400s and 409s."""
    server = world.server(server_id)
    hands.check(server, ACTION, ("active", "stopped", "error"))
    if image_id not in world.images:
        raise bad_request("Cannot find image for rebuild")
    if not server.image_id:
        raise bad_request("Unable to rebuild with a different image for a volume-backed server.")
    server.task_state = "rebuilding"
    server.image_id = image_id
    begin_action(world, server, ACTION, request_id)
    world.touch(server)
    if not take(world.mishaps.lose_actions, ACTION):
        host, stops = server.host or "", server.vm_state == "stopped"
        carry_out = functools.partial(_carry_out, world, server, host, stops=stops)
        hands.tell(world, host, functools.partial(world.after, world.settings.action_seconds, carry_out))


def _carry_out(world: World, server: Server, host: str, *, stops: bool) -> None:
    works = world.hosts[host].alive and world.hosts[host].libvirt != "hung"
    if server.host != host or server.deleted or not works:
        return
    if server.task_state != "rebuilding":
        if server.vm_state == "error":  # nova-compute was away, found it half-way, and takes the order up in vain
            server.task_state = "rebuilding"
        return
    error = hands.obstacle(world, host, ACTION)
    if error is None:
        guests.end(world, server.id, host, "rebuilt")
        server.disks_made += 1
        if not stops:
            guests.start(world, server.id, host, "rebuilt")
        server.vm_state, server.power_state = ("stopped", SHUT_DOWN) if stops else ("active", RUNNING)
        server.fault = None
    else:
        set_fault(world, server, error)
        server.vm_state = "error"
    server.task_state = None
    end_action(world, server, ACTION, error)
    world.touch(server)
