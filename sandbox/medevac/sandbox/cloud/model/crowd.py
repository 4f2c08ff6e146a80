"""Crowd: what evacuations that are under way at once do to each other in scheduler, Placement and conductor."""

from __future__ import annotations

from medevac.sandbox.cloud.model.migration import EVACUATION, LIVE
from medevac.sandbox.cloud.model.world import World

_MOST_CONFLICTS = 0.9


def slowness(world: World) -> float:
    """Return how many times as long an evacuation takes that begins now."""
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
