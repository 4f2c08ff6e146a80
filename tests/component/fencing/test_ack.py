"""A human's word: recorded with name and reason, it sets a held incident going; on the real engine and ZooKeeper."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from medevac.cli.incident import group
from medevac.cli.root import run
from medevac.core.errors import MedevacError
from medevac.core.incident import Incident, IncidentState
from medevac.flows.plan import Settings
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers import incidents
from tests.crash import verdict
from tests.crash.stage import DEAD, Stage, staged
from tests.crash.zygote import Zygote

WORD = ("--fenced", "--by", "ann", "--why", "pulled both power cords")


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as parent:
        yield parent


@pytest.fixture
def stage(zookeeper: ZookeeperServer) -> Iterator[Stage]:
    """Yield a site whose host is cut off, and whose fence device refuses."""
    with staged(zookeeper.hosts, Settings(shared_storage=("*",), fence_timeout=0.5)) as site:
        site.cloud.site.bmc(DEAD, "refuse")
        yield site


def ack(stage: Stage, *words: str) -> Result:
    return CliRunner().invoke(group, ["ack", *words, "--zookeeper", stage.zookeeper])


def work(stage: Stage, zygote: Zygote, name: str) -> Incident:
    """Let a process do all there is to do, and return what it made of the incident."""
    assert zygote.run(stage.told(name)) == 0, stage.last_words(name)
    return incidents.read(stage.client, verdict.INCIDENT).incident


def test_a_humans_word_sets_a_held_incident_going_and_stands_in_its_evidence(stage: Stage, zygote: Zygote) -> None:
    stage.post()
    held = work(stage, zygote, "first")
    assert held.state is IncidentState.HELD
    with stage.cloud.world.settled() as world:
        machines.power_off(world, DEAD)
        host = world.hosts[DEAD]  # nova-compute has been silent for longer than the test may take
        host.last_beat, host.changed_at = host.last_beat - 60, host.changed_at - 60
    said = ack(stage, held.id, *WORD)
    assert said.exit_code == 0, said.output
    assert "off on the word of ann (pulled both power cords)" in said.output
    found = work(stage, zygote, "second")
    assert (found.state, found.attempt) == (IncidentState.RECOVERED, 2)
    assert found.evidence is not None
    assert (found.evidence.source, found.evidence.action) == ("human:ann", "acknowledged")
    assert "pulled both power cords" in found.evidence.detail
    assert list(verdict.each_server_was_evacuated_once(stage)) == []
    assert list(verdict.never_two_copies(stage)) == []
    again = ack(stage, held.id, *WORD)
    assert isinstance(again.exception, MedevacError)
    assert "has ended" in str(again.exception)


@pytest.mark.parametrize(
    "words",
    [
        ("host.down:compute-1:1", "--by", "ann", "--why", "seen"),
        ("host.down:compute-1:1", "--fenced", "--why", "seen"),
        ("host.down:compute-1:1", "--fenced", "--by", "ann"),
        ("host.down:compute-1:1", "--fenced", "--by", " ", "--why", "seen"),
        ("host.down:compute-1:1", "--fenced", "--by", "ann", "--why", "two\nlines"),
    ],
)
def test_a_word_without_who_and_why_is_not_taken(words: tuple[str, ...]) -> None:
    assert run(["ack", *words, "--zookeeper", "127.0.0.1:1/medevac"], group) == 2
