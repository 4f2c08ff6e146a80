"""Rebuild: what conductor, scheduler and destination do with an accepted evacuation, one phase after the other.

Order of the phases as in compute/manager.py (rebuild_instance) and resource_tracker.py (finish_evacuation): the
server is seen active with task_state none while its host is still the dead one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from medevac.sandbox.cloud.model import control, crowd, guests, scheduler
from medevac.sandbox.cloud.model.history import REBUILT, begin_event, end_action, finish_event, set_fault
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import EVACUATION, Migration
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.server import RUNNING, SHUT_DOWN, Event, Server
from medevac.sandbox.cloud.model.world import World

_PHASES = {"schedule": 0.05, "claim": 0.05, "spawn": 0.1, "spawned": 0.55, "settle": 0.15, "finish": 0.1}
"""The share of each phase in the whole time; the sum is one."""


@dataclass(slots=True)
class _Job:
    """One rebuild under way."""

    world: World
    server: Server
    migration: Migration
    host: Host
    """The destination."""
    seconds: float
    vm_state: str
    """The server's state when the destination got it."""
    event: Event
    """What whoever has it now records about it: nova-conductor, then the destination."""
    process: int
    """Which start of the destination's nova-compute works on it."""


def begin(world: World, server: Server, migration: Migration) -> None:
    """Let nova-conductor take up the evacuation of *server*."""
    first = server.rebuild is None
    if first:
        server.rebuild = migration.id
    spread = world.settings.evacuate_spread * (2 * world.random.random() - 1)
    seconds = crowd.seconds(world, world.settings.evacuate_seconds * (1 + spread))
    conduct = functools.partial(
        control.schedule, world, functools.partial(_schedule, world, server, seconds, first=first)
    )
    crowd.work(world, seconds * _PHASES["schedule"], conduct)


def _schedule(world: World, server: Server, seconds: float, *, first: bool) -> None:
    """Find a destination for the oldest record that is `accepted`, as nova-conductor does, stale or not."""
    migration = next((m for m in world.migrations_of[server.id] if _is_next(m)), None)
    if server.deleted or migration is None:
        server.rebuild = None
        return
    event = begin_event(world, server, "evacuate", "rebuild_server")
    if migration.forced and migration.requested_host is not None:
        host = world.hosts[migration.requested_host]
    else:
        found = scheduler.choose(world, server, migration.requested_host)
        if found is None or crowd.conflicts(world):
            _no_valid_host(world, server, migration, event)
            return
        host = found
    finish_event(world, event)
    host.allocate(server.id, server.flavor)
    job = _Job(world, server, migration, host, seconds, server.vm_state, event, host.compute_starts)
    claim = _claim if first else _claim_in_vain
    if host.alive:
        _later(job, "claim", claim)
    else:  # the message waits in a queue that nobody reads, until somebody does
        server.rebuild = None
        host.waiting.append(functools.partial(_come_late, job, claim))


def _come_late(job: _Job, claim: Callable[[_Job], None]) -> None:
    """Let a nova-compute that works again carry out what it was told before, whatever has become of the server."""
    job.process = job.host.compute_starts
    job.server.rebuild = job.server.rebuild or job.migration.id
    _later(job, "claim", claim)


def _is_next(migration: Migration) -> bool:
    return migration.status == "accepted" and migration.kind == EVACUATION


def _no_valid_host(world: World, server: Server, migration: Migration, event: Event) -> None:
    message = "No valid host was found. There are not enough hosts available."
    _set_status(world, migration, "error")
    server.vm_state, server.task_state, server.rebuild = "error", None, None
    set_fault(world, server, message)
    finish_event(world, event, message)
    end_action(world, server, "evacuate", message)
    world.touch(server)


def _claim(job: _Job) -> None:
    _take(job)
    refused = take(job.world.mishaps.refuse_claims, job.host.name)
    reason = "Insufficient compute resources: Requested instance NUMA topology cannot fit." if refused else None
    reason = reason or scheduler.late_check(job.world, job.server, job.host)
    if reason is not None:
        _fail(job, f"Build of instance {job.server.id} aborted: {reason}", job.vm_state)
        return
    _later(job, "spawn", _spawn)


def _claim_in_vain(job: _Job) -> None:
    """Let the second of two evacuations that run at once end as measured: `pre-migrating` for ever."""
    _take(job)


def _take(job: _Job) -> None:
    job.event = begin_event(job.world, job.server, "evacuate", REBUILT, job.host.name)
    job.migration.destination = job.host.name
    _set_status(job.world, job.migration, "pre-migrating")


def _spawn(job: _Job) -> None:
    if job.server.task_state != "rebuilding":
        _fail(job, _surprise(job), "error")
        job.server.task_state = "rebuilding"  # as Nova had set it before it noticed, and saves it with the error
        return
    if job.host.name in job.world.ledger.hosts_of(job.server.id):
        _fail(job, f"Instance {job.server.id} already exists.", "error")
        return
    job.server.task_state = "rebuild_spawning"
    job.world.touch(job.server)
    _later(job, "spawned", _spawned)


def _spawned(job: _Job) -> None:
    if take(job.world.mishaps.fail_spawns, job.host.name):
        _fail(job, "Virtual Interface creation failed", "error")
        return
    if job.server.broken or job.server.task_state != "rebuild_spawning":
        _leave_behind(job, _surprise(job))
        return
    if not job.world.control[control.SCHEDULER]:  # what it tells all schedulers finds no exchange
        _leave_behind(job, "MessageDeliveryFailure")
        return
    job.server.vm_state, job.server.task_state, job.server.power_state = "active", None, RUNNING
    if _to_be_stopped(job):  # the guest's moment of life is not put into the ledger
        job.server.task_state = "powering-off"
        guests.define(job.world, job.server.id, job.host.name).reason = "shutdown"
    else:
        guests.start(job.world, job.server.id, job.host.name, "evacuated")
    job.world.touch(job.server)
    _later(job, "settle", _settle)


def _leave_behind(job: _Job, message: str) -> None:
    """Let Nova fail after it has started the guest, and forget about it: whoever tries again makes a second copy."""
    guests.start(job.world, job.server.id, job.host.name, "evacuated, and left behind by Nova")
    _fail(job, message, "error")


def _surprise(job: _Job) -> str:
    return f"Conflict updating instance {job.server.id}. Actual: {{'task_state': {job.server.task_state!r}}}"


def _to_be_stopped(job: _Job) -> bool:
    """Tell whether Nova shuts the rebuilt guest off: what was stopped, and from 2.95 on all but what was in ERROR."""
    return job.vm_state == "stopped" or (job.migration.stopped_at_destination and job.vm_state != "error")


def _settle(job: _Job) -> None:
    if job.server.task_state == "powering-off":
        job.server.vm_state, job.server.task_state, job.server.power_state = "stopped", None, SHUT_DOWN
        job.world.touch(job.server)
    _later(job, "finish", _finish)


def _finish(job: _Job) -> None:
    """Change the host, then the record: Nova does the two one after the other, too quickly for a client to see."""
    job.world.move(job.server, job.host.name)
    job.server.rebuild = None
    job.server.fault = None
    job.world.touch(job.server)
    _set_status(job.world, job.migration, "done")
    finish_event(job.world, job.event)
    end_action(job.world, job.server, "evacuate", None)


def _go_on(job: _Job, action: Callable[[_Job], None]) -> None:
    """Do *action* where the destination still works on it; a dead one leaves everything as it stands, for ever."""
    host = job.host
    if job.server.deleted:
        _set_status(job.world, job.migration, "failed")
        _give_up(job)
    elif host.compute_starts == job.process and host.alive:
        action(job)
    elif host.compute_starts == job.process and host.frozen:
        host.waiting.append(functools.partial(_go_on, job, action))
    else:
        job.server.rebuild = None


def _fail(job: _Job, message: str, vm_state: str) -> None:
    """End the rebuild at the destination; *vm_state* is error, or what it was where Nova rolls it back."""
    _set_status(job.world, job.migration, "failed")
    _give_up(job)
    job.server.vm_state, job.server.task_state = vm_state, None
    set_fault(job.world, job.server, message)
    finish_event(job.world, job.event, message)
    end_action(job.world, job.server, "evacuate", message)
    job.world.touch(job.server)


def _give_up(job: _Job) -> None:
    job.server.rebuild = None
    job.server.broken = False
    job.host.release(job.server.id)


def _set_status(world: World, migration: Migration, status: str) -> None:
    migration.status = status
    migration.updated_at = world.now


def _later(job: _Job, phase: str, action: Callable[[_Job], None]) -> None:
    crowd.work(job.world, job.seconds * _PHASES[phase], functools.partial(_go_on, job, action))
