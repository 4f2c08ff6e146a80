"""A process dies before and after each thing it does to the world; another finishes, and everything holds.

The points are found by a first run in which nobody dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from medevac.flows.plan import Settings
from medevac.sandbox.zookeeper import ZookeeperServer
from tests.crash import verdict
from tests.crash.stage import DEAD, Stage
from tests.crash.theatre import Scenario, Theatre, zygotes_ready
from tests.crash.zygote import Zygote


def nothing(_: Stage) -> None:
    """Let everything go well."""


def refuse_the_list_of_servers(stage: Stage) -> None:
    """Let Nova refuse what the plan needs, so that the flow fails after the host was taken out."""
    with stage.cloud.world.settled() as world:
        world.mishaps.order("status", method="GET", path="/servers/detail", status=403)


def refuse_to_fence(stage: Stage) -> None:
    """Let the BMC refuse everything."""
    stage.cloud.site.bmc(DEAD, "refuse")


RECOVERY = Scenario(nothing, verdict.RECOVERED, least=120)
SLOWLY = Scenario(nothing, verdict.RECOVERED, least=20, evacuate_seconds=0.5, only=r" evacuate\b")
UNDOING = Scenario(refuse_the_list_of_servers, verdict.UNDONE, least=80)
HOLDING = Scenario(refuse_to_fence, verdict.HELD, least=30, settings=Settings(fence_timeout=0.5))


@pytest.fixture(scope="module")
def zygotes() -> Iterator[SimpleQueue[Zygote]]:
    with zygotes_ready() as queue:
        yield queue


PARTS = [
    *(pytest.param(RECOVERY, part, 3, id=f"a recovery that goes well, part {part + 1} of 3") for part in range(3)),
    *(pytest.param(UNDOING, part, 2, id=f"a recovery that is undone, part {part + 1} of 2") for part in range(2)),
    pytest.param(SLOWLY, 0, 1, id="a recovery that is taken over while Nova works"),
    pytest.param(HOLDING, 0, 1, id="a recovery that is held"),
]


@pytest.mark.slow
@pytest.mark.timeout(900)  # half a minute of work, on a machine that may do ten other things
@pytest.mark.parametrize(("scenario", "part", "parts"), PARTS)
def test_wherever_a_process_dies_another_finishes_and_everything_holds(
    scenario: Scenario, part: int, parts: int, zookeeper: ZookeeperServer, zygotes: SimpleQueue[Zygote]
) -> None:
    Theatre(zookeeper.hosts, zygotes, scenario).check(part, parts)
