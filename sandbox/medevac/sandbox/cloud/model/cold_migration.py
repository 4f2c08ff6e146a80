"""Cold migration: the server is shut off, moved, started, and waits to be confirmed (compute/manager.py: resize)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from medevac.sandbox.cloud.model import control, guests, hands, scheduler
from medevac.sandbox.cloud.model.errors import bad_request, conflict
from medevac.sandbox.cloud.model.history import begin_action, end_action, set_fault
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import COLD_MIGRATION, Migration
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.records import record, set_status
from medevac.sandbox.cloud.model.server import RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.services import is_up
from medevac.sandbox.cloud.model.world import World

ACTION = "migration"
_PHASES = {"conduct": 0.05, "claim": 0.05, "send": 0.4, "receive": 0.5}
"""The share of each phase in the whole time; the sum is one."""


@dataclass(slots=True)
class _Job:
    """One cold migration under way."""

    world: World
    server: Server
    migration: Migration
    source: Host
    destination: Host
    runs: bool
    """Whether it is started at its destination."""


def migrate(world: World, server_id: str, host: str | None = None, request_id: str = "") -> None:
    """Accept a cold migration to *host* (2.56) or one that the scheduler chooses.  Raises Nova's 400, 404 and 409s."""
    server = world.server(server_id)
    hands.check(server, "migrate", ("active", "stopped"))
    if not is_up(world, world.hosts[server.host or ""]):
        raise conflict("Service is unavailable at this time.")
    if host is not None and world.host(host).name == server.host:
        raise bad_request(f"Cannot migrate to the host {host} where the server exists.")
    server.task_state = "resize_prep"
    begin_action(world, server, "migrate", request_id)
    world.touch(server)
    if not take(world.mishaps.lose_actions, ACTION):
        task = functools.partial(control.conduct, world, functools.partial(_conduct, world, server, host))
        world.after(world.settings.move_seconds * _PHASES["conduct"], task)


def confirm(world: World, server_id: str, request_id: str = "") -> None:
    """Make it final (confirmResize): the source forgets the server.  Raises Nova's 400 and 409s."""
    server, migration = _finished(world, server_id, "confirmResize")
    if not is_up(world, world.hosts[migration.source]):
        raise conflict("Service is unavailable at this time.")
    set_status(world, migration, "confirming")
    begin_action(world, server, "confirmResize", request_id)
    if not take(world.mishaps.lose_actions, "confirm"):
        task = functools.partial(_confirm, world, server, migration)
        soon = functools.partial(world.after, world.settings.action_seconds, task)
        hands.tell(world, migration.source, soon)


def revert(world: World, server_id: str, request_id: str = "") -> None:
    """Bring the server back to where it was (revertResize).  Raises Nova's 400 and 409s."""
    server, migration = _finished(world, server_id, "revertResize")
    server.task_state = "resize_reverting"
    set_status(world, migration, "reverting")
    begin_action(world, server, "revertResize", request_id)
    world.touch(server)
    task = functools.partial(_revert, world, server, migration)
    hands.tell(world, server.host or "", functools.partial(world.after, world.settings.action_seconds, task))


def _finished(world: World, server_id: str, action: str) -> tuple[Server, Migration]:
    server = world.server(server_id)
    hands.check(server, action, ("resized",))
    for migration in reversed(world.migrations_of.get(server.id, [])):
        if migration.status == "finished":
            return server, migration
    raise bad_request(f"Instance {server_id} has not been resized.")


def _conduct(world: World, server: Server, requested: str | None) -> None:
    if server.deleted or server.task_state != "resize_prep":
        return
    migration = record(world, server, COLD_MIGRATION, "pre-migrating")
    control.schedule(world, functools.partial(_schedule, world, server, migration, requested))


def _schedule(world: World, server: Server, migration: Migration, requested: str | None) -> None:
    destination = scheduler.choose(world, server, requested)
    if destination is None:
        message = "No valid host was found. No valid host found for cold migrate"
        _give_up(world, server, migration, message, server.vm_state)
        return
    destination.allocate(server.id, server.flavor)
    migration.destination = destination.name
    runs = server.vm_state == "active"
    job = _Job(world, server, migration, world.hosts[migration.source], destination, runs)
    hands.tell(world, destination.name, functools.partial(_later, job, "claim", _claim))


def _claim(job: _Job) -> None:
    """Let the destination claim the room, and the source shut the server off."""
    if not _goes_on(job, job.destination):
        return
    if take(job.world.mishaps.refuse_claims, job.destination.name):
        job.destination.release(job.server.id)
        _give_up(job.world, job.server, job.migration, "Insufficient compute resources", job.server.vm_state)
        return
    hands.tell(job.world, job.source.name, functools.partial(_send, job))


def _send(job: _Job) -> None:
    if not _goes_on(job, job.source):
        return
    error = hands.obstacle(job.world, job.source.name, ACTION)
    if error is not None:
        job.destination.release(job.server.id)
        _give_up(job.world, job.server, job.migration, error, "error")
        return
    guests.end(job.world, job.server.id, job.source.name, "shut off to be moved", "shutdown")
    job.server.task_state, job.server.power_state = "resize_migrating", SHUT_DOWN
    job.world.touch(job.server)
    set_status(job.world, job.migration, "migrating")
    _later(job, "send", _sent)


def _sent(job: _Job) -> None:
    """Change the host, while the server runs nowhere (resize_instance)."""
    if not _goes_on(job, job.source):
        return
    job.world.move(job.server, job.destination.name)
    job.server.task_state = "resize_migrated"
    job.world.touch(job.server)
    set_status(job.world, job.migration, "post-migrating")
    finish = functools.partial(_later, job, "receive", _receive)
    hands.tell(job.world, job.destination.name, finish)


def _receive(job: _Job) -> None:
    if not _goes_on(job, job.destination):
        return
    if take(job.world.mishaps.fail_spawns, job.destination.name):
        _give_up(job.world, job.server, job.migration, "Virtual Interface creation failed", "error")
        return
    if job.runs:
        guests.start(job.world, job.server.id, job.destination.name, "cold-migrated")
    else:
        guests.define(job.world, job.server.id, job.destination.name).reason = "shutdown"
    job.server.vm_state, job.server.task_state = "resized", None
    job.server.power_state = RUNNING if job.runs else SHUT_DOWN
    job.world.touch(job.server)
    set_status(job.world, job.migration, "finished")
    end_action(job.world, job.server, "migrate", None)


def _confirm(world: World, server: Server, migration: Migration) -> None:
    guests.forget(world, server.id, migration.source, "confirmed to have moved")
    world.hosts[migration.source].release(server.id)
    set_status(world, migration, "confirmed")
    _come_to_rest(world, server, "confirmResize")


def _revert(world: World, server: Server, migration: Migration) -> None:
    destination, source = server.host or "", migration.source
    ran = destination in world.ledger.hosts_of(server.id)
    guests.forget(world, server.id, destination, "reverted")
    world.hosts[destination].release(server.id)
    world.move(server, source)
    if ran:
        guests.start(world, server.id, source, "brought back")
    set_status(world, migration, "reverted")
    _come_to_rest(world, server, "revertResize")


def _come_to_rest(world: World, server: Server, action: str) -> None:
    server.vm_state = "active" if server.power_state == RUNNING else "stopped"
    server.task_state = None
    end_action(world, server, action, None)
    world.touch(server)


def _goes_on(job: _Job, at: Host) -> bool:
    """Tell whether *at* still works on it; a dead one leaves everything as it stands, for ever."""
    if job.server.deleted or job.server.task_state is None:
        set_status(job.world, job.migration, "error")
        return False
    return at.alive


def _give_up(world: World, server: Server, migration: Migration, message: str, vm_state: str) -> None:
    set_status(world, migration, "error")
    server.vm_state, server.task_state = vm_state, None
    set_fault(world, server, message)
    end_action(world, server, "migrate", message)
    world.touch(server)


def _later(job: _Job, phase: str, action: Callable[[_Job], None]) -> None:
    job.world.after(job.world.settings.move_seconds * _PHASES[phase], functools.partial(action, job))
