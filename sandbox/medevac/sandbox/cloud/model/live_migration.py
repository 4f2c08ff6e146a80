"""Live migration: the guest runs on its source until it runs on its destination (compute/manager.py)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from medevac.sandbox.cloud.model import control, guests, hands, scheduler
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.history import begin_action, end_action, set_fault
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import LIVE_MIGRATION, Migration
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.records import record, set_status
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.services import is_up
from medevac.sandbox.cloud.model.world import World

ACTION = "live-migration"
_PHASES = {"conduct": 0.05, "prepare": 0.1, "run": 0.85}
"""The share of each phase in the whole time; the sum is one."""


@dataclass(slots=True)
class _Job:
    """One live migration under way."""

    world: World
    server: Server
    migration: Migration
    source: Host
    destination: Host


def live_migrate(world: World, server_id: str, host: str | None = None, request_id: str = "") -> None:
    """Accept a live migration to *host* or one that the scheduler chooses.  Raises Nova's 400 and 409s.

    From 2.34 on everything else is found out later, and the record is made by nova-conductor when it takes the call up.
    """
    server = world.server(server_id)
    hands.check(server, "os-migrateLive", ("active", "paused"))
    if host is not None and host not in world.hosts:
        raise bad_request(f"Compute host {host} could not be found.")
    server.task_state = "migrating"
    begin_action(world, server, ACTION, request_id)
    world.touch(server)
    if not take(world.mishaps.lose_actions, ACTION):
        task = functools.partial(control.conduct, world, functools.partial(_conduct, world, server, host))
        world.after(world.settings.move_seconds * _PHASES["conduct"], task)


def _conduct(world: World, server: Server, requested: str | None) -> None:
    if server.deleted or server.task_state != "migrating":
        return
    migration = record(world, server, LIVE_MIGRATION, "accepted")
    control.schedule(world, functools.partial(_schedule, world, server, migration, requested))


def _schedule(world: World, server: Server, migration: Migration, requested: str | None) -> None:
    source = world.hosts[migration.source]
    if not is_up(world, source):
        _give_up(world, server, migration, f"Compute service of {source.name} is unavailable at this time.", "error")
        return
    destination = scheduler.choose(world, server, requested)
    if destination is None:
        message = "No valid host was found. There are not enough hosts available."
        _give_up(world, server, migration, message, "error")
        return
    job = _Job(world, server, migration, source, destination)
    if source.acts or (source.alive and source.libvirt == "down"):
        _later(job, "prepare", _prepare)
    else:  # as measured: accepted and without a destination, until the question to the source times out
        world.after(world.settings.rpc_seconds, functools.partial(_prepare, job))


def _prepare(job: _Job) -> None:
    """Let the source ask the destination to make ready (pre_live_migration)."""
    job.destination.allocate(job.server.id, job.server.flavor)
    if not job.source.acts:
        _fail(job, f"Migration pre-check error: {job.source.name} has not answered", "error")
        return
    if not _goes_on(job):
        return
    job.migration.destination = job.destination.name
    if not job.destination.acts or take(job.world.mishaps.refuse_claims, job.destination.name):
        _fail(job, f"{job.destination.name} cannot take the server", "error")
        return
    set_status(job.world, job.migration, "running")
    _later(job, "run", _arrive)


def _arrive(job: _Job) -> None:
    if not _goes_on(job):
        return
    world, server = job.world, job.server
    runs = job.source.name in world.ledger.hosts_of(server.id)
    if not runs or not job.destination.acts or take(world.mishaps.fail_actions, ACTION):
        _fail(job, "Live Migration failure: operation failed: job 'migration out' failed", "failed")
        return
    guests.move(world, server.id, job.source.name, job.destination.name, "live-migrated")
    world.move(server, job.destination.name)
    job.source.release(server.id)
    server.task_state = None
    world.touch(server)
    set_status(world, job.migration, "completed")
    end_action(world, server, ACTION, None)


def _goes_on(job: _Job) -> bool:
    """Tell whether the source still works on it; a dead or a stuck one leaves everything as it stands, for ever."""
    if job.server.deleted or job.server.task_state != "migrating":
        set_status(job.world, job.migration, "error")
        job.destination.release(job.server.id)
        return False
    return job.source.acts


def _fail(job: _Job, message: str, status: str) -> None:
    job.destination.release(job.server.id)
    _give_up(job.world, job.server, job.migration, message, status)


def _give_up(world: World, server: Server, migration: Migration, message: str, status: str) -> None:
    """Roll back: the server runs on where it is, and its fault is there although nobody is shown it."""
    set_status(world, migration, status)
    server.task_state = None
    set_fault(world, server, message)
    end_action(world, server, ACTION, message)
    world.touch(server)


def _later(job: _Job, phase: str, action: Callable[[_Job], None]) -> None:
    job.world.after(job.world.settings.move_seconds * _PHASES[phase], functools.partial(action, job))
