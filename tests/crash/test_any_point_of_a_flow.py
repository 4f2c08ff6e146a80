"""A process dies at any point of a flow in which servers wait for each other, or in which steps are tried again."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from medevac.sandbox.zookeeper import ZookeeperServer
from tests.crash import verdict_flows
from tests.crash.casts import CONTROLS, TIERS, refuse_claims
from tests.crash.theatre import Scenario, Theatre, zygotes_ready
from tests.crash.zygote import Zygote

SAMPLE = 41
"""Not a divisor of all: a step of an even number would meet only points before, and none after."""
IN_ORDER = Scenario(
    lambda _: None,
    verdict_flows.STARTED_IN_ORDER,
    least=65,
    cast=TIERS,
    comes_past=(r"os-start$",),
    span=("setdata plan RUNNING", "setdata evacuate:app SUCCESS"),
    sample=SAMPLE,
)
TRIED_AGAIN = Scenario(
    refuse_claims,
    verdict_flows.TRIED_AGAIN,
    least=320,
    cast=CONTROLS,
    comes_past=(
        "join:everyone SUCCESS",
        "if:everyone SUCCESS",
        "first_of:everyone RETRYING",
        "retry:everyone RETRYING",
    ),
    only=r"^(?!zookeeper checkversion /board/job\*$)",  # proofs during a wait come once more or less
    span=("setdata disable SUCCESS", ""),
    sample=SAMPLE,
)
PARTS = [
    *(
        pytest.param(IN_ORDER, n, 2, id=f"held and started in order, {SAMPLE} of some 72 points, part {n + 1} of 2")
        for n in range(2)
    ),
    *(
        pytest.param(TRIED_AGAIN, n, 2, id=f"rounds and alternatives, {SAMPLE} of some 344 points, part {n + 1} of 2")
        for n in range(2)
    ),
]


@pytest.fixture(scope="module")
def zygotes() -> Iterator[SimpleQueue[Zygote]]:
    with zygotes_ready() as queue:
        yield queue


@pytest.mark.slow
@pytest.mark.timeout(900)  # half a minute of work, on a machine that may do ten other things
@pytest.mark.parametrize(("scenario", "part", "parts"), PARTS)
def test_wherever_a_process_dies_the_flow_goes_on_as_its_policy_says(
    scenario: Scenario, part: int, parts: int, zookeeper: ZookeeperServer, zygotes: SimpleQueue[Zygote]
) -> None:
    Theatre(zookeeper.hosts, zygotes, scenario).check(part, parts)
