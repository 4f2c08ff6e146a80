"""Crowd: what evacuations that are under way at once do to each other in scheduler, Placement and conductor."""

from __future__ import annotations

import functools
from collections.abc import Callable

from medevac.sandbox.cloud.model.migration import EVACUATION, LIVE
from medevac.sandbox.cloud.model.world import World

_MOST_CONFLICTS = 0.9
_SLICES = 20
"""Into how many parts an evacuation's work is cut, where what the others do is to be seen at each."""


def seconds(world: World, alone: float) -> float:
    """Return the work of an evacuation that begins now: *alone* seconds by itself, in a queue those before it too."""
    return alone if world.settings.conflict_shared else alone * _slowness(world)


def work(world: World, amount: float, then: Callable[[], None]) -> None:
    """Do *then* when *amount* seconds of work are done, at the speed that the crowd leaves for it."""
    if not world.settings.conflict_shared:
        world.after(amount, then)
        return
    part = min(amount, world.settings.evacuate_seconds / _SLICES)
    rest = functools.partial(work, world, amount - part, then) if amount > part else then
    world.after(part * _slowness(world), rest)


def _slowness(world: World) -> float:
    settings = world.settings
    return max(1.0, _crowding(world)) ** settings.conflict_power if settings.conflict_above else 1.0


def conflicts(world: World) -> bool:
    """Tell whether an evacuation that is scheduled now is the one that conflicts with others."""
    settings = world.settings
    if not settings.conflict_above or not settings.conflict_fails:
        return False
    share = settings.conflict_fails * (_crowding(world) - 1)
    return world.random.random() < min(share, _MOST_CONFLICTS)


def _crowding(world: World) -> float:
    live = sum(m.kind == EVACUATION and m.status in LIVE for m in world.migrations.values())
    return live / world.settings.conflict_above
