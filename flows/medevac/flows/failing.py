"""Failing: how many evacuations find no host or time out, by how many are under way at once.  Pure.

Requests that are scheduled side by side take the same hosts in Placement, and some come to nothing.  From which
number on, and how steeply, nobody knows: every curve of a grid counts as far as it fits what was seen.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SLOPES = (0.1, 0.3, 1.0, 10.0)
"""The share of failures at twice as many as do not get in each other's way; it grows by as much with each further."""
BY_THEMSELVES = (0.03, 0.25)
"""The share that fails however few are under way."""
MOST = 0.9
"""The share that fails at most."""
NOTHING = 1e-3
"""A curve that is believed less is none."""
REPEATED = 0.5
"""Servers that could have been brought back for each that fails: most are asked for again at once, and some wait."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How those ended that were asked for beside so many others."""

    crowd: float
    """How many were under way."""
    arrived: float
    failed: float


@dataclass(frozen=True, slots=True)
class _Curve:
    """What may be."""

    by_themselves: float
    limit: float
    """How many do not get in each other's way."""
    slope: float

    def share(self, number: float) -> float:
        """Return how many of those fail that are beside so many."""
        return min(self.by_themselves + self.slope * max(number / self.limit - 1, 0.0), MOST)

    def cost(self, number: float) -> float:
        """Return the logarithm of what one server takes, in times of what it takes where only some fail anyway."""
        more = _again(self.share(number)) - _again(self.by_themselves)
        return math.log1p(REPEATED * more)

    def likely(self, ends: Iterable[Ends]) -> float:
        """Return the logarithm of how likely *ends* are."""
        found = 0.0
        for each in ends:
            share = self.share(each.crowd)
            found += each.failed * math.log(share) + each.arrived * math.log(1 - share)
        return found


def costs(ends: Sequence[Ends], numbers: tuple[int, ...]) -> list[float]:
    """Return the logarithms of what failures cost with each of *numbers* under way, in time for each server."""
    if not any(each.failed for each in ends):
        return [0.0 for _ in numbers]
    curves, ends = _curves(numbers), _together(ends)
    found = [curve.likely(ends) for curve in curves]
    greatest = max(found)
    believed = [math.exp(each - greatest) for each in found]
    whole = sum(believed)
    return [
        sum(part * curve.cost(number) for part, curve in zip(believed, curves, strict=True) if part > NOTHING) / whole
        for number in numbers
    ]


@functools.cache
def _curves(numbers: tuple[int, ...]) -> tuple[_Curve, ...]:
    """Return all that may be; infinite: a cloud that takes any number."""
    limits = [(float(limit), slope) for limit in numbers[:-1] for slope in SLOPES]
    return tuple(_Curve(least, *each) for least in BY_THEMSELVES for each in (*limits, (math.inf, 0.0)))


def _together(ends: Iterable[Ends]) -> list[Ends]:
    """Return *ends* with those of one number under way in one: there are few numbers, and many curves."""
    counted: dict[int, Ends] = {}
    for each in ends:
        crowd = round(each.crowd)
        so_far = counted.get(crowd, Ends(crowd, 0.0, 0.0))
        counted[crowd] = Ends(crowd, so_far.arrived + each.arrived, so_far.failed + each.failed)
    return list(counted.values())


def _again(share: float) -> float:
    """Return how often each is asked for again, on average."""
    return share / (1 - share)
