"""Crowding: how many evacuations at once are best, judged by the times that servers took beside others.  Pure.

Whatever they wait for (scheduler, Placement, disks), the time of each is taken to grow with a power of how many are
under way, from some number on; below that number they do not get in each other's way.  Which number and which power it
is, nobody knows: every curve of a grid counts as far as it fits what was seen, and the number is best at which the
least is lost on average.  Throughput is that number by its time (Little's law).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from medevac.flows.failing import Ends, costs

POWERS = (0.6, 0.9, 1.2, 1.5)
"""With 1, more at once would be neither faster nor slower; 1.3 is what we measured of a real Nova."""
FADED = 0.9
"""What is left of a level when another recovery has not seen it..."""
FORGOTTEN = 0.2
"""... and the ends below which it is gone."""
STEP = 1.4
"""From one number of the grid to the next: between them little is lost."""
SPREAD = 0.25
"""By how much times differ by themselves: standard deviation of their logarithm."""
OUTLIER = 4.0
"""The most that one kind of time may speak against a curve: chance, or a server of another size, is not all."""
KEPT = 4.0
"""Times that a level's mean stands on: older ones are forgotten, so that a change of the cloud is seen."""
ENDS = 12.0
"""Ends that a level's share of failures stands on."""
TASTE = 0.03
"""What more at once has to win to be worth it: fewer disturb others less."""
DARING = 0.15
"""What more than usual has to win beside that: where curves differ little, they differ much for many at once."""
EXACT = 16
"""Up to here each number is a level of its own; beyond, they share one with their like."""


@dataclass(frozen=True, slots=True)
class Level:
    """What was seen of servers that were asked for while so many were under way; stored: add fields with defaults."""

    beside: float
    """How many were under way when they were asked for, themselves included."""
    average: float
    """How many were under way on average, until they arrived."""
    seconds: float
    """How long they took (the mean of the logarithms)."""
    arrived: float
    """How many arrived; old ones fade."""
    failed: float = 0.0
    """How many did not; old ones fade."""

    def with_arrival(self, beside: int, average: float, seconds: float) -> Level:
        """Return the level after one more has arrived."""
        part = 1 / min(self.arrived + 1, KEPT)
        logarithm = math.log(self.seconds) + part * (math.log(max(seconds, 1e-3)) - math.log(self.seconds))
        fade = _fade(self)
        return Level(
            beside=self.beside + part * (beside - self.beside),
            average=self.average + part * (average - self.average),
            seconds=math.exp(logarithm),
            arrived=self.arrived * fade + 1,
            failed=self.failed * fade,
        )

    def with_failure(self) -> Level:
        """Return the level after one more has not arrived."""
        fade = _fade(self)
        return replace(self, arrived=self.arrived * fade, failed=self.failed * fade + 1)

    @property
    def is_sound(self) -> bool:
        """Tell whether it may be what was stored, and not what somebody else made of it."""
        numbers = (self.beside, self.average, self.seconds, self.arrived, self.failed)
        finite, counts = all(map(math.isfinite, numbers)), min(self.arrived, self.failed)
        return finite and self.beside >= 1 and self.average >= 1 and self.seconds > 0 and counts >= 0

    def with_those_of(self, other: Level) -> Level:
        """Return the level with what somebody else has seen of it."""
        part = other.arrived / (self.arrived + other.arrived) if other.arrived else 0.0
        mine = math.log(self.seconds)
        return Level(
            beside=self.beside + part * (other.beside - self.beside),
            average=self.average + part * (other.average - self.average),
            seconds=math.exp(mine + part * (math.log(other.seconds) - mine)),
            arrived=self.arrived + other.arrived,
            failed=self.failed + other.failed,
        )

    @property
    def ends(self) -> float:
        """Return how many arrived or did not; old ones fade."""
        return self.arrived + self.failed

    @property
    def crowd(self) -> float:
        """Return how many may have made it fail: also those count that were asked for right after."""
        return max(self.beside, self.average)

    def trusted(self, part: float) -> Level:
        """Return the level as if it stood on *part* of what it does."""
        return replace(self, arrived=self.arrived * part, failed=self.failed * part)


@dataclass(frozen=True, slots=True)
class _Curve:
    """Times grow with *power* of the number under way, from *limit* on; both numbers of it are logarithms."""

    limit: float
    power: float
    average: bool
    """Whether those under way on average count, as where they share something, or those that came before, as in a
    queue."""

    def slowness(self, number: float) -> float:
        """Return the logarithm of how many times as long each takes with so many (a logarithm) under way."""
        return self.power * max(0.0, number - self.limit)

    def losses(self, numbers: Sequence[int], idle: float) -> list[float]:
        """Return the logarithms of what is lost with each of *numbers* under way, beside the best of them.

        *idle*: for how long a place stands empty between two servers, in times of what one alone takes.
        """
        gained = [math.log(number / (math.exp(self.slowness(math.log(number))) + idle)) for number in numbers]
        most = max(gained)
        return [most - each for each in gained]


class Levels:
    """What was seen, by how many were under way."""

    def __init__(self, levels: Iterable[Level] = ()) -> None:
        """Begin with what is known already."""
        self._levels = {_place(level.beside, level.average): level for level in levels}

    @property
    def all(self) -> tuple[Level, ...]:
        """Return every level of which anything was seen, the smallest first."""
        return tuple(self._levels[place] for place in sorted(self._levels))

    @property
    def times(self) -> float:
        """Return how many times are known, those left out that are forgotten."""
        return sum(_weight(level) for level in self._levels.values())

    def arrived(self, beside: int, average: float, seconds: float) -> None:
        """Note that a server has arrived."""
        place = _place(beside, average)
        known = self._levels.get(place) or Level(beside, average, max(seconds, 1e-3), 0.0)
        if not known.arrived:  # only failures so far: their time was none
            known = Level(beside, average, max(seconds, 1e-3), 0.0, known.failed)
        self._levels[place] = known.with_arrival(beside, average, seconds)

    def failed(self, beside: int, average: float) -> None:
        """Note that a server has not arrived."""
        place = _place(beside, average)
        known = self._levels.get(place) or Level(beside, average, 1.0, 0.0)
        self._levels[place] = known.with_failure()


def level_of(beside: float) -> int:
    """Return the number of the level that *beside* under way belong to."""
    if beside < EXACT:
        return round(beside)
    return round(EXACT * STEP ** round(math.log(beside / EXACT, STEP)))


def _place(beside: float, average: float) -> tuple[int, int]:
    """Return what tells levels apart: how many were under way at first, and until the end."""
    return level_of(beside), level_of(average)


def merged(earlier: Sequence[Level], later: Sequence[Level]) -> tuple[Level, ...]:
    """Return what is known after all: *earlier* times as *later* ones tell how they compare, where both were seen.

    Servers of one host may take longer than those of another, which says nothing about how they crowd each other.
    What was not seen again fades, and is not gone: who always asks for one at a time knows why.
    """
    if not later:
        return tuple(earlier)
    found = {_place(level.beside, level.average): level for level in earlier}
    new = {_place(level.beside, level.average): level for level in later}
    shared = [math.log(new[n].seconds / found[n].seconds) for n in new if n in found and _timed(new[n], found[n])]
    factor = math.exp(sum(shared) / len(shared)) if shared else 1.0
    faded = {place: replace(level, seconds=level.seconds * factor).trusted(FADED) for place, level in found.items()}
    kept = {place: level for place, level in faded.items() if level.ends > FORGOTTEN}
    return tuple(level for _, level in sorted({**kept, **new}.items()))


def pooled(groups: Iterable[Sequence[Level]]) -> tuple[Level, ...]:
    """Return what is known after all, where several have seen the same cloud at the same time."""
    found: dict[tuple[int, int], Level] = {}
    for level in (level for group in groups for level in group):
        place = _place(level.beside, level.average)
        found[place] = found[place].with_those_of(level) if place in found else level
    return tuple(found[place] for place in sorted(found))


def limited(levels: Sequence[Level], most: float) -> tuple[Level, ...]:
    """Return *levels* as if all of them stood on *most* ends at most, none of which hides the others by its number."""
    ends = sum(min(level.ends, KEPT) for level in levels)
    part = min(most / ends, 1.0) if ends else 1.0
    return tuple(level.trusted(part * min(level.ends, KEPT) / level.ends) for level in levels if level.ends)


def best(groups: Sequence[Sequence[Level]], most: int, idle: float = 0.0, usual: int | None = None) -> int:
    """Return how many at once are best, *most* at most; each of *groups* is of times of one kind.

    *idle*: seconds for which a place stands empty until the next server is asked for; the last of *groups* that has
    times is of what it is to be compared with.  *usual*: how many are not so many that much has to be won by more.
    """
    numbers = grid(most)
    curves = _curves(numbers)
    believed = _believed(groups, curves)
    whole = next((times for group in reversed(groups) if (times := _times(group))), [])
    losses = [_losses(numbers, curve, _in_times_of_one(idle, whole, curve)) for curve in curves]
    failing = costs([Ends(level.crowd, level.arrived, level.failed) for group in groups for level in group], numbers)

    def lost(index: int) -> float:
        crowding = sum(part * each[index] for part, each in zip(believed, losses, strict=True)) / sum(believed)
        unusual = DARING if usual and numbers[index] > usual else 0.0
        return crowding + failing[index] + TASTE * math.log(numbers[index]) + unusual

    return numbers[min(range(len(numbers)), key=lost)]


def doubt(levels: Sequence[Level], number: int, most: int) -> float:
    """Return what is lost with *number* at once beside the best of the grid up to *most*, as curves are believed.

    The mean of the logarithms: 0.1 is a tenth more time.  *number* is one of the grid.
    """
    numbers = grid(most)
    curves = _curves(numbers)
    believed, here = _believed([levels], curves), numbers.index(number)
    losses = (_losses(numbers, curve, 0.0)[here] for curve in curves)
    return sum(part * loss for part, loss in zip(believed, losses, strict=True)) / sum(believed)


@functools.cache
def grid(most: int) -> tuple[int, ...]:
    """Return the numbers that are told apart, up to *most*."""
    numbers = [1]
    while numbers[-1] < most:
        numbers.append(min(max(numbers[-1] + 1, round(numbers[-1] * STEP)), most))
    return tuple(numbers)


@functools.cache
def _curves(numbers: tuple[int, ...]) -> tuple[_Curve, ...]:
    """Return what may be; the last curve is that of a cloud that takes any number."""
    limits = [math.log(number) for number in numbers[:-1]]
    bent = [_Curve(limit, power, average) for average in (False, True) for limit in limits for power in POWERS]
    return (*bent, _Curve(math.inf, 1.0, average=False))


@functools.lru_cache(4096)
def _losses(numbers: tuple[int, ...], curve: _Curve, idle: float) -> tuple[float, ...]:
    """Return what is lost with each of *numbers*."""
    return tuple(curve.losses(numbers, idle))


def _in_times_of_one(idle: float, times: Sequence[tuple[float, float, float, float]], curve: _Curve) -> float:
    """Return *idle* seconds in times of what one server alone takes, if *curve* is right; to one part in ten."""
    if not times or idle <= 0:
        return 0.0
    return round(idle / math.exp(_alone(times, curve)[0]), 1)


def _believed(groups: Sequence[Sequence[Level]], curves: Sequence[_Curve]) -> list[float]:
    """Return how much each curve is believed, the best one fully."""
    kinds = [times for group in groups if (times := _times(group))]
    found = [sum(_fit(times, curve) for times in kinds) for curve in curves]
    found[-1] += math.log(len(curves) / 25)  # one of so many would be overlooked, and it is the most frequent one
    greatest = max(found)
    return [math.exp(each - greatest) for each in found]


def _fit(times: Sequence[tuple[float, float, float, float]], curve: _Curve) -> float:
    """Return the logarithm of how likely *times* (see `_times`) are, whatever one server alone takes."""
    mean, alone = _alone(times, curve)
    return -sum(
        weight * min((each - mean) ** 2 / (2 * SPREAD**2), OUTLIER)
        for (weight, _, _, _), each in zip(times, alone, strict=True)
    )


def _alone(times: Sequence[tuple[float, float, float, float]], curve: _Curve) -> tuple[float, list[float]]:
    """Return what one server alone takes if *curve* is right, the mean and by each of *times*, as logarithms."""
    alone = [taken - curve.slowness(average if curve.average else beside) for _, beside, average, taken in times]
    weights = [weight for weight, _, _, _ in times]
    return _product(weights, alone) / sum(weights), alone


def _times(levels: Sequence[Level]) -> list[tuple[float, float, float, float]]:
    """Return the weight of each level that has times, and the logarithms of its numbers under way and its seconds."""
    return [
        (_weight(level), math.log(level.beside), math.log(level.average), math.log(level.seconds))
        for level in levels
        if level.arrived
    ]


def _timed(*levels: Level) -> bool:
    return all(level.arrived for level in levels)


def _weight(level: Level) -> float:
    return min(level.arrived, KEPT)


def _fade(level: Level) -> float:
    """Return what is left of a level's counts when one more end is to fit in."""
    return (ENDS - 1) / level.ends if level.ends > ENDS - 1 else 1.0


def _product(some: Sequence[float], others: Sequence[float]) -> float:
    return sum(one * other for one, other in zip(some, others, strict=True))
