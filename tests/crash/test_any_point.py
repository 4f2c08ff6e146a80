"""A process dies before and after each thing it does to the world; another finishes, and everything holds.

The points are found by a first run in which nobody dies.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from queue import SimpleQueue

import pytest

from medevac.flows.plan import Settings
from medevac.sandbox.zookeeper import ZookeeperServer
from tests.crash import verdict
from tests.crash.points import Point, recorded
from tests.crash.stage import DEAD, Stage, play, staged
from tests.crash.zygote import Zygote

TOGETHER = 3
"""Points that are played at the same time: much of each is waiting."""
TRIES = 3
"""A point that a run did not come past (the scheduler's whim) is played again; one that never comes is a failure."""


@dataclass(frozen=True)
class Scenario:
    """What is played at every point; without *settings*, as the stage has them."""

    prepare: Callable[[Stage], None]
    checks: tuple[verdict.Check, ...]
    least: int
    """Fewer points than this would mean that the enumeration is blind."""
    settings: Settings | None = None
    evacuate_seconds: float = 0.0
    only: str = ""
    """The points that are played: where a run may look once more or less, not all come in every run."""


def nothing(_: Stage) -> None:
    """Let everything go well."""


def refuse_the_list_of_servers(stage: Stage) -> None:
    """Let Nova refuse what the plan needs, so that the flow fails after the host was taken out."""
    with stage.cloud.world.settled() as world:
        world.mishaps.order("status", method="GET", path="/servers/detail", status=403)


def refuse_to_fence(stage: Stage) -> None:
    """Let the BMC refuse everything."""
    stage.cloud.site.bmc(DEAD, "refuse")


RECOVERY = Scenario(nothing, verdict.RECOVERED, least=130)
SLOWLY = Scenario(nothing, verdict.RECOVERED, least=20, evacuate_seconds=0.5, only=r" evacuate\b")
UNDOING = Scenario(refuse_the_list_of_servers, verdict.UNDONE, least=80)
HOLDING = Scenario(refuse_to_fence, verdict.HELD, least=30, settings=Settings(fence_timeout=0.5))


@pytest.fixture(scope="module")
def zygotes() -> Iterator[SimpleQueue[Zygote]]:
    queue: SimpleQueue[Zygote] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(TOGETHER):
            queue.put(stack.enter_context(Zygote()))
        yield queue


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
            assert wrong == []
            found = recorded(stage.told("first").file("points"))
            return [point for point in found if re.search(self._scenario.only, point.label)]

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
        return staged(self._zookeeper, scenario.settings, evacuate_seconds=scenario.evacuate_seconds)

    def _play(self, stage: Stage, die_at: Point | None) -> list[str]:
        self._scenario.prepare(stage)
        stage.post()
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
        return verdict.wrong(stage, self._scenario.checks)


NOT_REACHED = "no run came past this point"


PARTS = [
    *(pytest.param(RECOVERY, part, 3, id=f"a recovery that goes well, part {part + 1} of 3") for part in range(3)),
    *(pytest.param(UNDOING, part, 2, id=f"a recovery that is undone, part {part + 1} of 2") for part in range(2)),
    pytest.param(SLOWLY, 0, 1, id="a recovery that is taken over while Nova works"),
    pytest.param(HOLDING, 0, 1, id="a recovery that is held"),
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("scenario", "part", "parts"), PARTS)
def test_wherever_a_process_dies_another_finishes_and_everything_holds(
    scenario: Scenario, part: int, parts: int, zookeeper: ZookeeperServer, zygotes: SimpleQueue[Zygote]
) -> None:
    theatre = Theatre(zookeeper.hosts, zygotes, scenario)
    points = theatre.points()
    assert len(points) >= scenario.least
    mine = points[part::parts]
    with ThreadPoolExecutor(TOGETHER) as together:
        found = dict(zip(mine, together.map(theatre.wrong_at, mine), strict=True))
    problems = {str(point): wrong for point, wrong in found.items() if wrong}
    assert problems == {}, "\n".join(f"{point}: {' | '.join(wrong)}" for point, wrong in problems.items())
