"""The control plane's own services: what waits while nova-conductor or nova-scheduler is away."""

from __future__ import annotations

import functools
from collections.abc import Callable

from medevac.sandbox.cloud.model.errors import not_found
from medevac.sandbox.cloud.model.world import World

CONDUCTOR = "nova-conductor"
SCHEDULER = "nova-scheduler"


def take_down(world: World, binary: str) -> None:
    """Take every process of *binary* away; without nova-conductor no heartbeat is written, of any host."""
    _check(world, binary)
    if world.control[binary] and binary == CONDUCTOR:
        for host in world.hosts.values():
            host.stop_beating(world.now, world.settings.report_interval)
    world.control[binary] = False


def bring_up(world: World, binary: str) -> None:
    """Bring *binary* back: nova-conductor does first what has waited for it."""
    _check(world, binary)
    world.control[binary] = True
    if binary != CONDUCTOR:
        return
    for host in world.hosts.values():
        if host.alive:
            host.start_beating(world.now)
    backlog, world.backlog = world.backlog, []
    for task in backlog:
        task()


def conduct(world: World, task: Callable[[], None]) -> None:
    """Let nova-conductor do *task*, now or when it is back."""
    if world.control[CONDUCTOR]:
        task()
    else:
        world.backlog.append(task)


def schedule(world: World, task: Callable[[], None]) -> None:
    """Let nova-conductor do *task*, which asks the scheduler: while there is none it waits for its answer.

    (A real nova-conductor gives up after rpc_response_timeout; then it is as if no host were valid.)
    """
    if not world.control[CONDUCTOR]:
        world.backlog.append(functools.partial(schedule, world, task))
    elif world.control[SCHEDULER]:
        task()
    else:
        world.after(world.settings.rpc_seconds, task)


def _check(world: World, binary: str) -> None:
    if binary not in world.control:
        raise not_found(f"unknown service {binary}: one of {', '.join(world.control)}")
