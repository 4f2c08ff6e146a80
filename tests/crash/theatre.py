"""Theatre: plays a scenario again and again, and lets a process die at another point each time."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from medevac.core.event import EventKind
from medevac.flows.plan import Settings
from tests.crash import verdict
from tests.crash.points import Point, recorded
from tests.crash.stage import EVERY_KIND, Cast, Stage, play, staged
from tests.crash.zygote import Zygote

TOGETHER = 3
"""Points that are played at the same time: much of each is waiting."""
TRIES = 8
"""A point that a run did not come past (the scheduler's whim) is played again; one that never comes is a failure."""
NOT_REACHED = "no run came past this point"


@dataclass(frozen=True)
class Scenario:
    """What is played at every point; without *settings*, as the stage has them."""

    prepare: Callable[[Stage], None]
    checks: tuple[verdict.Check, ...]
    least: int
    """Fewer points than this would mean that the enumeration is blind."""
    settings: Settings | None = None
    evacuate_seconds: float = 0.0
    cast: Cast = EVERY_KIND
    comes_past: tuple[str, ...] = ()
    """What a run in which nobody dies does, as regular expressions: else the scenario tests nothing of what it says."""
    only: str = ""
    """The points that are played: where a run may look once more or less, not all come in every run."""
    span: tuple[str, str] = ("", "")
    """The first label and the last, as regular expressions: what comes before or after them other scenarios play."""
    sample: int = 0
    """How many points are played, evenly spread; 0: all."""
    event: EventKind = EventKind.HOST_DOWN
    """What is reported of the host."""
    everywhere: tuple[verdict.Check, ...] = verdict.EVERYWHERE
    """What must hold whatever is played."""


class Theatre:
    """Plays a scenario, point by point."""

    def __init__(self, zookeeper: str, zygotes: SimpleQueue[Zygote], scenario: Scenario) -> None:
        self._zookeeper = zookeeper
        self._zygotes = zygotes
        self._scenario = scenario

    def points(self) -> list[Point]:
        """Return the points of a run in which nobody dies, and which ends well."""
        with self._staged() as stage:
            wrong = self._play(stage, None)
            assert wrong == [], wrong
            found = recorded(stage.told("first").file("points"))
            missing = [each for each in self._scenario.comes_past if not any(re.search(each, p.label) for p in found)]
            assert missing == []
            return [point for point in self._within(found) if re.search(self._scenario.only, point.label)]

    def _within(self, points: list[Point]) -> list[Point]:
        first, last = self._scenario.span
        begin = next(at for at, point in enumerate(points) if re.search(first, point.label))
        end = max(at for at, point in enumerate(points) if re.search(last, point.label))
        return points[begin : end + 1]

    def wrong_at(self, point: Point) -> list[str]:
        """Return what does not hold after a process has died at *point*."""
        for _ in range(TRIES):
            with self._staged() as stage:
                found = self._play(stage, point)
                if found != [NOT_REACHED]:
                    return found
        return [NOT_REACHED]

    def _staged(self) -> AbstractContextManager[Stage]:
        scenario = self._scenario
        seconds = scenario.evacuate_seconds
        return staged(self._zookeeper, scenario.settings, evacuate_seconds=seconds, cast=scenario.cast)

    def _play(self, stage: Stage, die_at: Point | None) -> list[str]:
        self._scenario.prepare(stage)
        stage.post(self._scenario.event)
        zygote = self._zygotes.get()
        try:
            first, second = play(stage, zygote, die_at)
        finally:
            self._zygotes.put(zygote)
        if first == 0 and die_at is not None:
            return [NOT_REACHED]
        if die_at is not None and first != -signal.SIGKILL:
            return [f"the first process ended with {first}: {stage.last_words('first')}"]
        if second != 0:
            words = stage.last_words("second") or stage.last_words("first")
            return [f"the process that finishes ended with {second}: {words}"]
        return verdict.wrong(stage, self._scenario.checks, self._scenario.everywhere)

    def check(self, part: int, parts: int) -> None:
        """Play every *parts*-th point from *part* on, and raise AssertionError where something does not hold."""
        points = self.points()
        assert len(points) >= self._scenario.least
        mine = _spread(points, self._scenario.sample)[part::parts]
        with ThreadPoolExecutor(TOGETHER) as together:
            found = dict(zip(mine, together.map(self.wrong_at, mine), strict=True))
        problems = {str(point): wrong for point, wrong in found.items() if wrong}
        assert problems == {}, "\n".join(f"{point}: {' | '.join(wrong)}" for point, wrong in problems.items())


def _spread(points: list[Point], count: int) -> list[Point]:
    """Return *count* of *points*, evenly spread; all of them where it is 0 or there are no more."""
    if not 0 < count < len(points):
        return points
    return [points[number * len(points) // count] for number in range(count)]


@contextmanager
def zygotes_ready() -> Iterator[SimpleQueue[Zygote]]:
    """Yield one zygote for each of the points that are played at the same time."""
    queue: SimpleQueue[Zygote] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(TOGETHER):
            queue.put(stack.enter_context(Zygote()))
        yield queue
