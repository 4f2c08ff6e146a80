"""Demand: what each wave would have under way, and how all of them divide what the cloud takes.  Pure.

The waves may be those of several workers.  Each worker divides for itself, and by the same numbers all come to the same
shares: nobody has to give anything back, and nobody waits for a worker that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TURN = 20.0
"""Seconds for which a place goes to one wave where there are fewer places than waves: several servers' time on most
clouds, since at each change of turns a place stands empty until the next wave looks."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What one wave has and wants; stored in ZooKeeper, so fields are added with defaults."""

    wave: str
    """Which: the same for all workers."""
    under_way: int = 0
    """How many of its servers take a place."""
    due: int = 0
    """How many more it would ask for now, had it the places."""
    most: int = 1
    """How many its policy allows under way."""

    @property
    def wanted(self) -> int:
        """Return how many it would have under way."""
        return self.under_way + self.due


@dataclass(frozen=True, slots=True)
class Share:
    """What one wave may have under way."""

    sure: int = 0
    """Whatever others have under way: they may know less, or come down to their share only now."""
    turn: bool = False
    """Whether it is its turn to have one more of those that cannot be divided, if that one is free."""

    @property
    def most(self) -> int:
        """Return how many that are."""
        return self.sure + self.turn


def shares(places: int, demands: Iterable[Demand], now: float) -> Mapping[str, Share]:
    """Return the share of each wave in *places* at *now*: as many as any other that wants them."""
    wanted = {demand.wave: demand.wanted for demand in demands}
    given = dict.fromkeys(wanted, 0)
    left = places
    while (hungry := [wave for wave in wanted if given[wave] < wanted[wave]]) and left >= len(hungry):
        least = min(wanted[wave] - given[wave] for wave in hungry)
        each = min(left // len(hungry), least)
        for wave in hungry:
            given[wave] += each
            left -= each
    turns = _in_turn(hungry, now)[:left]
    return {wave: Share(sure, wave in turns) for wave, sure in given.items()}


def _in_turn(waves: Iterable[str], now: float) -> list[str]:
    """Return *waves*, another one first in each turn."""
    ordered = sorted(waves)
    first = int(now // TURN) % len(ordered) if ordered else 0
    return ordered[first:] + ordered[:first]
