"""Bulletin: what one worker tells the others of its evacuations: they share one cloud, and what is found out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from medevac.flows.crowding import Level
from medevac.flows.demand import Demand

EACH = 30.0
"""Seconds in which a bulletin is told anew, though nothing has changed."""
STALE = 120.0
"""Seconds after which it is not believed any more: the worker lives, and its step hangs; or its clock is wrong."""


def moment(now: float) -> float:
    """Return when a bulletin of *now* says that it is."""
    return now // EACH * EACH


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What stands at one look; stored in ZooKeeper, so fields are added with defaults."""

    demands: tuple[Demand, ...] = ()
    """Of its waves."""
    reached: int = 0
    """How many may be under way after what it has seen; 0: nothing yet."""
    taken: tuple[Level, ...] = ()
    """How soon destinations took its servers up."""
    levels: tuple[Level, ...] = ()
    """How long its servers took, and how many failed."""
    trying: int = 0
    """How many at once it tries in place of the best, which shows only if all do; 0: none."""
    at: float = 0.0
    """When its waves looked last, in seconds since the epoch, to half a minute."""

    def is_stale(self, now: float) -> bool:
        """Tell whether its waves have stood still for so long that nobody should wait for them."""
        return bool(self.demands) and now - self.at > STALE

    def sound(self) -> Bulletin:
        """Return it without what no worker has told: it stood where others write too."""
        taken, levels = (tuple(level for level in each if level.is_sound) for each in (self.taken, self.levels))
        return replace(self, taken=taken, levels=levels)

    @property
    def under_way(self) -> int:
        """Return how many of its servers take a place."""
        return sum(demand.under_way for demand in self.demands)


class Neighbours(Protocol):
    """How workers that recover something at the same time tell each other.

    What it says is advice, which may be a look old; so no method raises.
    """

    def meet(self) -> None:
        """Find out who else is there, as the first wave begins; waits for that, not long.

        Of two workers that both tell and then meet, one at least knows of the other.
        """

    def tell(self, bulletin: Bulletin) -> None:
        """Let the others know, without waiting for it."""

    def others(self) -> Mapping[str, Bulletin]:
        """Return what each of the others, by name, last told; also of those that recover nothing now."""


class NoNeighbours:
    """The Neighbours of a process that has the cloud for itself."""

    def meet(self) -> None:
        """Find nobody."""

    def tell(self, bulletin: Bulletin) -> None:
        """Tell nobody."""

    def others(self) -> Mapping[str, Bulletin]:
        """Return nothing."""
        return {}
