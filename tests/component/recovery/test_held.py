"""Incidents that wait for evidence, on the real engine and ZooKeeper: held, released, and never recovered twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import EventKind
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import decode
from medevac.flows.plan import Settings
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers import incidents
from medevac.workers.zookeeper import commit
from tests.crash import verdict
from tests.crash.points import Point, recorded
from tests.crash.stage import DEAD, Stage, staged
from tests.crash.zygote import Zygote

SETTINGS = Settings(shared_storage=("*",), fence_timeout=0.5)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as parent:
        yield parent


@pytest.fixture
def stage(zookeeper: ZookeeperServer) -> Iterator[Stage]:
    """Yield a site whose host is cut off, and whose fence device refuses."""
    with staged(zookeeper.hosts, SETTINGS) as site:
        site.cloud.site.bmc(DEAD, "refuse")
        yield site


def work(stage: Stage, zygote: Zygote, name: str) -> None:
    """Let a process do all there is to do."""
    assert zygote.run(stage.told(name)) == 0, stage.last_words(name)


def incident(client: KazooClient) -> Incident:
    return incidents.read(client, verdict.INCIDENT).incident


def pacemaker_fences(stage: Stage) -> None:
    with stage.cloud.world.settled() as world:
        machines.power_off(world, DEAD)


def test_a_held_incident_says_why_and_nothing_was_touched(stage: Stage, zygote: Zygote) -> None:
    stage.post()
    work(stage, zygote, "first")
    assert verdict.wrong(stage, verdict.HELD) == []
    assert "the BMC refuses" in incident(stage.client).reason
    assert "Release it by" in incident(stage.client).reason


def test_a_held_incident_is_released_by_pacemakers_fencing_and_recovers_in_a_second_attempt(
    stage: Stage, zygote: Zygote
) -> None:
    stage.post()
    work(stage, zygote, "first")
    pacemaker_fences(stage)
    released = stage.post(EventKind.HOST_FENCED)
    work(stage, zygote, "second")
    found = incident(stage.client)
    assert (found.state, found.attempt) == (IncidentState.RECOVERED, 2)
    assert found.evidence is not None
    assert found.evidence.source == "pacemaker"
    handled = decode(Handled, stage.client.get(layout.handled(released.id))[0])
    assert (handled.outcome, handled.incident) == (Outcome.DUPLICATE, verdict.INCIDENT)
    assert list(verdict.each_server_was_evacuated_once(stage)) == []
    assert list(verdict.every_server_is_back_as_it_was(stage)) == []
    assert list(verdict.never_two_copies(stage)) == []
    assert list(verdict.nothing_is_left_behind(stage)) == []
    assert stage.power_commands()["off"] == 0


def test_evidence_that_comes_as_the_attempt_without_it_ends_starts_the_next_attempt(
    stage: Stage, zygote: Zygote
) -> None:
    stage.post()
    flow_reverted = next(point for point in _points(stage, zygote) if "setdata flow REVERTED" in point.label)
    with staged(stage.zookeeper.partition("/")[0], SETTINGS) as other:
        other.cloud.site.bmc(DEAD, "refuse")
        other.post()
        assert zygote.run(other.told("first", replace(flow_reverted, when="after"))) < 0
        other.close_session("first")
        pacemaker_fences(other)
        _add_evidence(other)
        work(other, zygote, "second")
        found = incident(other.client)
        assert (found.state, found.attempt) == (IncidentState.RECOVERED, 2)
        assert list(verdict.each_server_was_evacuated_once(other)) == []
        assert list(verdict.never_two_copies(other)) == []
        assert list(verdict.nothing_is_left_behind(other)) == []


def _points(stage: Stage, zygote: Zygote) -> list[Point]:
    work(stage, zygote, "first")
    return recorded(stage.told("first").file("points"))


def _add_evidence(stage: Stage) -> None:
    """Store evidence as triage does for an incident that is being recovered."""
    stored = incidents.read(stage.client, verdict.INCIDENT)
    evidence = FenceEvidence(DEAD, stored.incident.opened_at, "pacemaker", "off", "by node2: OK")
    transaction = stage.client.transaction()
    incidents.replace(transaction, stored, replace(stored.incident, evidence=evidence))
    commit(transaction)
