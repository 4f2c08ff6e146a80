"""Evacuation: what Nova accepts (compute/api.py: evacuate)."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.sandbox.cloud.model import guests, rebuild
from medevac.sandbox.cloud.model.errors import bad_request, invalid_state, not_found
from medevac.sandbox.cloud.model.history import begin_action
from medevac.sandbox.cloud.model.migration import Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.services import is_up
from medevac.sandbox.cloud.model.world import World

EVACUABLE = ("active", "stopped", "error")


@dataclass(frozen=True, slots=True)
class EvacuationRequest:
    """What a call to evacuate asks for."""

    host: str | None = None
    forced: bool = False
    """Microversions 2.29 to 2.67: skip the scheduler."""
    stopped_at_destination: bool = False
    """Microversion 2.95 on."""
    request_id: str = ""


def evacuate(world: World, server_id: str, request: EvacuationRequest) -> Migration:
    """Accept an evacuation and return its record.  Raises Nova's 400, 404 and 409.

    Since bug 1978983 the task state is not looked at: a second call while the first is worked on is accepted, and
    breaks the server.
    """
    server = world.server(server_id)
    if request.host is not None and request.host not in world.hosts:
        raise not_found(f"Compute host {request.host} not found.")
    if server.host == request.host:  # also where both are None: a shelved server has no host
        raise bad_request("The target host can't be the same one.")
    _check_state(server)
    source = world.host(server.host or "")
    if is_up(world, source):
        raise bad_request(f"Compute service of {source.name} is still in use.")
    migration = _accept(world, server, source.name, request)
    _judge(world, server, source.name)
    if server.rebuild is not None:
        server.broken = True
    if world.mishaps.lose_evacuations:
        world.mishaps.lose_evacuations -= world.mishaps.lose_evacuations > 0
    else:
        rebuild.begin(world, server, migration)
    return migration


def _check_state(server: Server) -> None:
    if server.vm_state not in EVACUABLE:
        raise invalid_state(server.id, "evacuate", "vm_state", server.vm_state)
    if server.launched_at is None:
        raise invalid_state(server.id, "evacuate", "launched_at", None)


def _accept(world: World, server: Server, source: str, request: EvacuationRequest) -> Migration:
    server.task_state = "rebuilding"
    world.touch(server)
    begin_action(world, server, "evacuate", request.request_id)
    migration = Migration(
        id=world.new_number("migrations"),
        uuid=world.new_id(),
        server_id=server.id,
        project_id=server.project_id,
        user_id=server.user_id,
        source=source,
        created_at=world.now,
        destination=request.host,
        requested_host=request.host,
        forced=request.forced,
        stopped_at_destination=request.stopped_at_destination,
    )
    world.migrations[migration.id] = migration
    world.migrations_of.setdefault(server.id, []).append(migration)
    return migration


def _judge(world: World, server: Server, source: str) -> None:
    """Put into the ledger what an observer must object to."""
    guest = guests.find(world, source, server.id)
    proven_off = guest is not None and guest.proven_off
    if world.hosts[source].powered and not proven_off:
        sentence = f"evacuation of server {server.id} was accepted while its host {source} still had power"
        world.ledger.violate(world.now, sentence)
    if server.rebuild is not None:
        sentence = f"a second evacuation of server {server.id} was accepted while the first was being worked on"
        world.ledger.violate(world.now, sentence)
