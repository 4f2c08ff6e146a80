"""A process dies at any point of a host's way back: another finishes it, and nothing is done that must not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue

import pytest

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import Duration
from medevac.flows.returning import WayBack
from medevac.sandbox.cloud.model import evacuation, machines, services
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.services import ServiceUpdate
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers import incidents
from tests.crash import verdict
from tests.crash.stage import DEAD, EVERY_KIND, Cast, Stage
from tests.crash.theatre import Scenario, Theatre, zygotes_ready
from tests.crash.zygote import Zygote

RETURN = f"host.up:{DEAD}:1"
SETTINGS = Settings(shared_storage=("*",), grace=0.3, way_back=WayBack(hold=Duration(0.3), again=Duration(1)))
MOVED = Cast(tuple(each for each in EVERY_KIND.servers if each.host == DEAD), EVERY_KIND.policies, ())


def recover(stage: Stage) -> None:
    """Leave the site as a recovery has left it, with the host's power on again."""
    with stage.cloud.world.settled() as world:
        world.settings = replace(world.settings, report_interval=0.2, boot_seconds=0.0)
        machines.power_off(world, DEAD)
        reason = f"medevac host.down:{DEAD}:1: host.down"
        services.update(world, world.hosts[DEAD], ServiceUpdate("disabled", reason, forced_down=True))
        for server in list(world.servers_on(DEAD)):
            evacuation.evacuate(world, server.id, EvacuationRequest())
    with stage.cloud.world.settled() as world:
        machines.mend_network(world, DEAD)
        machines.power_on(world, DEAD)


def the_host_is_in_service_and_clean(stage: Stage) -> Iterator[str]:
    with stage.cloud.world.settled() as world:
        host = world.hosts[DEAD]
        found = (host.forced_down, host.disabled, host.disabled_reason)
        states = {record.status for record in world.migrations.values()}
        calls = world.requests["PUT /compute/v2.1/os-services/{id}"]
    if found != (False, False, None):
        yield f"the service is {found}"
    if states != {"completed"}:
        yield f"the evacuations are {states}"
    if calls > 3:
        yield f"the service was changed {calls} times"


def the_return_is_recovered(stage: Stage) -> Iterator[str]:
    found = incidents.read(stage.client, RETURN).incident
    if found.state is not IncidentState.RECOVERED:
        yield f"the return is {found.state}: {found.reason}"
    if not incidents.report(stage.client, RETURN):
        yield "the return has no report"


WAY_BACK = Scenario(
    recover,
    (the_host_is_in_service_and_clean, the_return_is_recovered),
    least=25,
    settings=SETTINGS,
    cast=MOVED,
    comes_past=("return-clean SUCCESS", "return-enable SUCCESS", r"http PUT"),
    only=r"^(?!http GET|zookeeper checkversion /board/job\*$)",  # looks during a wait come once more or less
    span=("setdata return-survey RUNNING", "incident recovered"),
    sample=15,
    event=EventKind.HOST_MEMBER,
    everywhere=(verdict.never_two_copies, verdict.nothing_is_left_behind),
)


@pytest.fixture(scope="module")
def zygotes() -> Iterator[SimpleQueue[Zygote]]:
    with zygotes_ready() as queue:
        yield queue


@pytest.mark.slow
@pytest.mark.timeout(900)  # half a minute of work, on a machine that may do ten other things
def test_wherever_a_process_dies_the_host_is_brought_back_once_and_clean(
    zookeeper: ZookeeperServer, zygotes: SimpleQueue[Zygote]
) -> None:
    Theatre(zookeeper.hosts, zygotes, WAY_BACK).check(0, 1)
