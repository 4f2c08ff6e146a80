"""Learnt: what recoveries have found out about how many evacuations a cloud takes at once, for those to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from medevac.flows.crowding import Level

HALVES = 30 * 86400.0
"""Seconds in which what is remembered loses half of its weight."""
FORGOTTEN = 0.1
"""What has less weight than this part is not believed at all."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was known at one time; stored in ZooKeeper, so fields are added with defaults."""

    at: float
    """Seconds since the epoch."""
    levels: tuple[Level, ...] = ()
    best: int = 0
    """How many at once were thought to be best: for people."""

    def believed(self, now: float) -> tuple[Level, ...]:
        """Return what of it is still believed; how much that counts beside what is seen is the throttle's matter."""
        left = 0.5 ** (max(now - self.at, 0.0) / HALVES)
        levels = tuple(level.trusted(left) for level in self.levels if level.is_sound)
        return levels if left >= FORGOTTEN else ()


class Memory(Protocol):
    """Where it is kept for other workers and later recoveries; what it says is advice, so neither method raises."""

    def recall(self) -> Learnt | None:
        """Return what was kept last; None: nothing, nothing readable, or no answer."""

    def keep(self, learnt: Learnt) -> None:
        """Keep *learnt*, without waiting for it."""


class NoMemory:
    """The Memory of those who keep nothing."""

    def recall(self) -> None:
        """Return nothing."""

    def keep(self, learnt: Learnt) -> None:
        """Keep nothing."""
