"""Hindsight: what evacuations that others did tell of how many at once the cloud takes, before the first recovery.

Pure.  Often they tell nothing: who always has five under way learns how long servers take beside four others, and not
how long they would take with fewer or more.  A record that is wrong costs more than none, so there is one only where
what was seen leaves little doubt (docs/decisions/0023-what-nova-remembers.md has what that rests on).

Nova keeps times in whole seconds.  A server that took several of them is told right on average; of those that took less
than one, some seem to have taken none (counted as half a second) and some one: times that differ look alike then,
and more at once look better than they are.  Recoveries that short cost little all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.flows.crowding import Level, Levels, doubt, limited
from medevac.flows.learnt import Learnt
from medevac.flows.throttle import Throttle

SHORTEST = 0.5
"""Seconds that one took whose acceptance and end were in the same second."""
ENOUGH = 8
"""Arrivals that are needed: fewer say less than a recovery finds out while it brings as many servers back."""
MOST = 20
"""How many at once are compared: what a policy allows that says nothing else."""
ROUNDING = 0.5
"""Of numbers under way."""
DOUBT = 0.1
"""The part of the time that may be lost by the number that seems best, as far as others may be."""
WEIGHED = 7.0
"""Ends that all count for at most where it is asked how sure they are: no curve is quite right, and where few numbers
were seen, many curves fit nearly as well."""
FAILED = 0.05
"""The part of the evacuations that may have failed: what more of them cost a recovery, their times do not tell."""


@dataclass(frozen=True, slots=True)
class Past:
    """An evacuation that is over; times are seconds since the epoch."""

    accepted: float
    ended: float
    arrived: bool

    @property
    def until(self) -> float:
        """Return when it ended: later than it was accepted."""
        return max(self.ended, self.accepted + SHORTEST)


@dataclass(slots=True)
class _UnderWay:
    beside: int
    area: float
    """Seconds that all had been under way when it was accepted."""


def learnt(past: Sequence[Past], unknown: float = -math.inf) -> Learnt | None:
    """Return what *past* tells, as of its newest end; None: too little, or not clearly enough.

    *past* lacks some that were accepted at *unknown* or before (seconds since the epoch).  Those may have been under
    way beside the oldest that are in it, which tell nothing therefore.
    """
    longest = max((each.until - each.accepted for each in past), default=0.0)
    told = [each for each in past if each.accepted > unknown + longest]
    if sum(each.arrived for each in told) < ENOUGH:
        return None
    found = levels(past, unknown + longest)
    at = max(each.until for each in told)
    best = Throttle(at, found).best(MOST)
    return Learnt(at, found, best) if _is_sure(found, best) else None


def _is_sure(found: Sequence[Level], best: int) -> bool:
    """Tell whether *best* at once, or more, were seen, and little speaks for another number."""
    seen = max(level.average for level in found if level.arrived)
    failed = sum(level.failed for level in found) / sum(level.ends for level in found)
    return best <= seen + ROUNDING and failed <= FAILED and doubt(limited(found, WEIGHED), best, MOST) <= DOUBT


def levels(past: Iterable[Past], since: float = -math.inf) -> tuple[Level, ...]:
    """Return what those of *past* tell that were accepted after *since*, each counted beside all others.

    Where one ended in the second in which another was accepted, it made room for it: that is how scripts go on.
    """
    found = Levels()
    under_way: dict[int, _UnderWay] = {}
    area, before = 0.0, 0.0
    for at, begins, index, each in sorted(_moments(past)):
        area += len(under_way) * (at - before)
        before = at
        if begins:
            under_way[index] = _UnderWay(len(under_way) + 1, area)
            continue
        begun = under_way.pop(index)
        if each.accepted <= since:
            continue
        seconds = each.until - each.accepted
        average = max((area - begun.area) / seconds, 1.0)
        if each.arrived:
            found.arrived(begun.beside, average, seconds)
        else:
            found.failed(begun.beside, average)
    return found.all


def _moments(past: Iterable[Past]) -> Iterable[tuple[float, bool, int, Past]]:
    """Yield both ends of each of *past*; of those accepted at the same time, those that come first in it are first."""
    for index, each in enumerate(past):
        yield each.accepted, True, index, each
        yield each.until, False, index, each
