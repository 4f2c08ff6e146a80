"""A host's death swallows what else fails there; a job of it that runs ends at its next step, and touches nothing."""

from __future__ import annotations

import pytest

from medevac.core.errors import ClaimLostError
from medevac.core.event import EventKind, Subject, SubjectKind
from medevac.core.handled import Outcome
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.core.journal import JournalEntry
from medevac.flows.ports import Ports
from medevac.sandbox.cloud.model import machines
from medevac.workers import incidents
from medevac.workers.engine.board import Board
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.opening import MOST_SUPERSEDED
from medevac.workers.recovery import Recovery, SupersededError
from medevac.workers.zookeeper import commit
from tests.component.workers.bench import HOST, Bench
from tests.fixtures.waiting import until


def die(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)


def fenced(bench: Bench) -> str:
    die(bench)
    return bench.settled(bench.host_event(EventKind.HOST_FENCED, facts={"action": "off", "by": "node1"})).incident


def test_the_death_of_a_host_ends_what_is_open_there_and_nothing_else(bench: Bench) -> None:
    server = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    service = bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN)).incident
    elsewhere = bench.settled(bench.server_event(EventKind.SERVER_HUNG, "other", "compute-2")).incident
    death = fenced(bench)
    for each in (server, service):
        assert bench.incident(each).state is IncidentState.SUPERSEDED
        assert death in bench.incident(each).reason
    assert bench.incident(elsewhere).state is IncidentState.RECOVERING


def test_what_fails_on_a_host_whose_death_is_being_recovered_is_part_of_it(bench: Bench) -> None:
    death = fenced(bench)
    for event in (
        bench.server_event(EventKind.SERVER_CRASHED),
        bench.host_event(EventKind.NOVA_COMPUTE_DOWN),
        bench.host_event(EventKind.LIBVIRT_DOWN),
    ):
        handled = bench.settled(event)
        assert (handled.outcome, handled.incident) == (Outcome.DUPLICATE, death)
        assert handled.reason.startswith("superseded")
    assert len(bench.incidents()) == 1


def test_the_job_of_a_superseded_incident_ends_at_its_claim_and_touches_nothing(bench: Bench) -> None:
    server = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    death = fenced(bench)
    assert bench.jobs == 2
    bench.work()
    assert bench.incident(server).state is IncidentState.SUPERSEDED
    assert bench.incident(death).state is IncidentState.RECOVERED
    assert "claimed" not in bench.journal(server)
    assert not [label for label in bench.site.world.requests if "reboot" in label]


def test_a_job_that_runs_loses_its_ports_when_its_incident_is_superseded(bench: Bench) -> None:
    server = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    site = bench.site
    recovery = Recovery(bench.client, site.cloud, site.fencer, site.clock, "conductor", recent=0.0)
    board = Board(bench.client, FencedBackend(bench.client))
    board.connect()
    assert until(lambda: list(board.iterjobs()))
    (job,) = board.iterjobs()
    board.claim(job, "conductor")
    assert job.claim is not None
    ports = recovery.prepare(job, job.claim)["ports"]
    assert isinstance(ports, Ports)
    ports.log.assert_owned()
    fenced(bench)
    for touch in (
        ports.log.assert_owned,
        lambda: ports.log.finish("recovered", "it runs", {}),
        lambda: ports.log.append([JournalEntry(0.0, "restart", "done")]),
    ):
        with pytest.raises(ClaimLostError):
            touch()
    with pytest.raises(SupersededError):
        recovery.prepare(job, job.claim)
    assert bench.incident(server).state is IncidentState.SUPERSEDED
    board.close()


def test_the_death_of_a_host_does_not_wait_for_servers_that_crashed_before(bench: Bench) -> None:
    crashed = bench.server_event(EventKind.SERVER_CRASHED)
    bench.pass_time(1.0)
    die(bench)
    death = bench.host_event(EventKind.HOST_FENCED, facts={"action": "off", "by": "node1"})
    bench.post(crashed, death)
    bench.triage.settle_waiting()
    handled = bench.handled(crashed)
    assert handled is not None
    assert (handled.outcome, handled.incident) == (Outcome.DUPLICATE, f"host.down:{HOST}:1")
    assert bench.jobs == 1


def test_more_than_fits_into_one_write_is_superseded_in_the_next(bench: Bench) -> None:
    servers = [f"{number:08d}-1111-4111-8111-111111111111" for number in range(MOST_SUPERSEDED + 30)]
    for each in servers:
        store(bench, each)
    death = fenced(bench)
    found = {incident.state for incident in bench.incidents() if incident.subject.name in servers}
    assert found == {IncidentState.SUPERSEDED}
    assert all(death in incident.reason for incident in bench.incidents() if incident.subject.name in servers)


def test_what_a_leader_that_died_left_open_is_superseded_by_its_successor(bench: Bench) -> None:
    fenced(bench)
    store(bench, "left-open")
    bench.pass_time(10.0)
    store(bench, "opened-later", "compute-2")
    bench.intake.reconsider()
    states = {incident.subject.name: incident.state for incident in bench.incidents()}
    assert states["left-open"] is IncidentState.SUPERSEDED
    assert states["opened-later"] is IncidentState.RECOVERING


def store(bench: Bench, server: str, host: str = HOST) -> None:
    """Store an incident as triage does, without all the rest."""
    subject = Subject(SubjectKind.SERVER, server)
    incident = Incident(
        id=incident_id("server.crashed", subject, 1),
        failure="server.crashed",
        subject=subject,
        generation=1,
        opened_at=bench.now,
        state=IncidentState.RECOVERING,
        reason="it crashed",
        stored_at=bench.now,
        host=host,
        facts={f"fact-{number}": "x" * 200 for number in range(20)},
    )
    transaction = bench.client.transaction()
    incidents.create(transaction, incident, [JournalEntry(bench.now, "triage", "seen")])
    commit(transaction)
