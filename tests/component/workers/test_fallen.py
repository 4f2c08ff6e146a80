"""A host that is fenced and back before triage hears of either: its servers are started where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import NoHypervisor
from medevac.sandbox.cloud.model import actions, guests, machines, power_sync
from medevac.sandbox.cloud.model.migration import Migration
from medevac.workers.cases.fallen import PATIENCE, RETURN
from tests.component.workers.bench import DATABASE, HOST, SERVERS, WEB, Bench

FACTS = {"action": "off", "by": "ipmi", "result": "OK"}


def fenced(bench: Bench) -> Event:
    """Take the power of the host and give it back, and return what the cluster will tell of that."""
    told = bench.host_event(EventKind.HOST_FENCED, facts=FACTS)
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
        machines.power_on(world, HOST)
    bench.pass_time(10)
    bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    return told


def running(bench: Bench) -> list[str]:
    with bench.site.world.settled() as world:
        return sorted(name for name, server_id in SERVERS.items() if HOST in world.ledger.hosts_of(server_id))


def late(bench: Bench, event: Event) -> Handled:
    """Let the fencing be told once nova-compute has reported again, and what follows from it be done."""
    bench.pass_time(120)
    handled = bench.settled(event)
    bench.triage.settle_waiting()
    bench.work()
    return handled


def test_its_servers_are_started_where_they_are_and_nothing_is_evacuated_or_fenced(bench: Bench) -> None:
    handled = late(bench, fenced(bench))
    assert handled.outcome is Outcome.IGNORED
    assert handled.reason == (
        f"the cluster has reached {HOST} again since; off there, and answered one by one: {DATABASE}, {WEB}"
    )
    assert running(bench) == [DATABASE, WEB]
    assert {each.failure for each in bench.incidents()} == {"server.crashed"}
    assert {each.state for each in bench.incidents()} == {IncidentState.RECOVERED}
    assert bench.site.cloud.evacuations_from(HOST) == ()
    service = bench.site.cloud.host_service(HOST)
    assert service is not None
    assert service.enabled


def test_it_waits_until_nova_compute_works_there(bench: Bench) -> None:
    event = fenced(bench)
    with bench.site.world.settled() as world:
        machines.kill_compute(world, HOST)
    assert bench.told(event) is None, "nova-compute has not reported since"
    assert bench.incidents() == []
    with bench.site.world.settled() as world:
        machines.start_compute(world, HOST)
    bench.pass_time(30)
    bench.triage.settle_waiting()
    bench.triage.settle_waiting()
    assert len(bench.incidents()) == 2


def test_people_are_told_where_nova_compute_never_comes_back(bench: Bench) -> None:
    event = fenced(bench)
    with bench.site.world.settled() as world:
        machines.kill_compute(world, HOST)
    bench.pass_time(PATIENCE + 60)
    incident = bench.incident(bench.settled(event).incident)
    assert incident.state is IncidentState.PARKED
    assert f"nova-compute on {HOST} has not reported since the host is back" in incident.reason


def test_what_runs_again_is_left_alone(bench: Bench) -> None:
    event = fenced(bench)
    bench.pass_time(120)
    with bench.site.world.settled() as world:
        guests.start(world, SERVERS[WEB], HOST, "resumed by nova-compute")
    bench.settled(event)
    bench.triage.settle_waiting()
    assert [each.subject.name for each in bench.incidents()] == [SERVERS[DATABASE]]


def test_what_nova_has_shut_off_by_itself_meanwhile_is_started_and_what_its_owner_has_is_not(bench: Bench) -> None:
    event = fenced(bench)
    with bench.site.world.settled() as world:
        actions.stop(world, SERVERS[DATABASE], by_owner=True)
    bench.pass_time(120)
    with bench.site.world.settled() as world:
        power_sync.sweep(world, HOST)
    states = {each.name: each.vm_state for each in bench.site.cloud.servers_on(HOST)}
    assert states == {WEB: "stopped", DATABASE: "stopped"}
    late(bench, event)
    assert running(bench) == [WEB]


def test_what_its_owner_had_shut_off_before_stays_off(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        actions.stop(world, SERVERS[DATABASE], by_owner=True)
    bench.pass_time(60)
    late(bench, fenced(bench))
    assert running(bench) == [WEB]


def test_without_a_hypervisor_to_ask_people_are_told_which_servers_it_is_about(bench: Bench) -> None:
    bench.sit_at(replace(bench.desk, hypervisor=NoHypervisor()))
    event = fenced(bench)
    bench.pass_time(120)
    incident = bench.incident(bench.settled(event).incident)
    assert (incident.failure, incident.state) == ("host.down", IncidentState.PARKED)
    assert "and its servers died with it. Whether they run again is not known" in incident.reason
    assert WEB in incident.reason
    assert bench.jobs == 0
    assert bench.settled(replace(event, id=f"{event.id}-2")).outcome is Outcome.DUPLICATE


def test_people_are_told_of_one_that_nova_has_in_error(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        actions.reset_state(world, SERVERS[DATABASE], "error")
    event = fenced(bench)
    bench.pass_time(120)
    incident = bench.incident(bench.settled(event).incident)
    assert incident.state is IncidentState.PARKED
    assert f"Off, and in ERROR by Nova, which a policy does not answer: {DATABASE}." in incident.reason
    bench.triage.settle_waiting()
    bench.work()
    assert running(bench) == [WEB]


def test_copies_of_the_alert_are_looked_at_once(bench: Bench) -> None:
    event = fenced(bench)
    late(bench, event)
    with bench.site.world.settled() as world:
        guests.end(world, SERVERS[WEB], HOST, "it crashed")
    again = bench.settled(replace(event, id=f"{event.id}-2"))
    assert (again.outcome, again.reason) == (Outcome.IGNORED, f"the cluster has reached {HOST} again since")


@pytest.mark.parametrize(
    ("kind", "facts"), [(EventKind.HOST_DOWN, {}), (EventKind.HOST_FENCED, FACTS | {"human": "yes"})]
)
def test_what_proves_nothing_of_its_guests_asks_for_nothing(
    bench: Bench, kind: EventKind, facts: dict[str, str]
) -> None:
    told = replace(fenced(bench), kind=kind, facts=facts)
    bench.pass_time(120)
    assert bench.settled(told).reason == f"the cluster has reached {HOST} again since"
    assert bench.incidents() == []


def caught(bench: Bench) -> Incident:
    """Let the fencing be told in time, and the host boot again before a conductor has looked; return its incident."""
    opened = bench.settled(bench.host_event(EventKind.HOST_FENCED, facts=FACTS))
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
        machines.power_on(world, HOST)
    bench.pass_time(60)
    bench.work()
    return bench.incident(opened.incident)


def looked_at(bench: Bench) -> None:
    bench.pass_time(30)
    bench.intake.reconsider()
    bench.triage.settle_waiting()
    bench.work()


def test_a_host_that_is_back_before_its_recovery_begins_has_its_servers_started_where_they_are(bench: Bench) -> None:
    incident = caught(bench)
    assert (incident.state, incident.held_by) == (IncidentState.HELD, RETURN)
    assert incident.evidence is not None
    assert bench.site.cloud.evacuations_from(HOST) == ()
    looked_at(bench)
    incident = bench.incident(incident.id)
    assert incident.state is IncidentState.IGNORED
    assert incident.reason == (
        f"{HOST} works again since it was fenced; off there, and answered one by one: {DATABASE}, {WEB}"
    )
    assert running(bench) == [DATABASE, WEB]
    assert bench.site.cloud.evacuations_from(HOST) == ()
    service = bench.site.cloud.host_service(HOST)
    assert service is not None
    assert (service.enabled, service.forced_down) == (True, False)


def test_a_late_copy_of_its_fencing_changes_nothing_and_another_death_is_another_incident(bench: Bench) -> None:
    fencing = bench.host_event(EventKind.HOST_FENCED, facts=FACTS)
    incident = caught(bench)
    copy = bench.settled(replace(fencing, id=f"{fencing.id}-2"))
    assert copy.outcome is Outcome.DUPLICATE
    assert bench.incident(incident.id).held_by == RETURN
    bench.pass_time(30)
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    again = bench.settled(bench.host_event(EventKind.HOST_FENCED, facts=FACTS))
    assert (again.outcome, again.incident) == (Outcome.INCIDENT, f"host.down:{HOST}:2")
    assert bench.incident(incident.id).state is IncidentState.SUPERSEDED
    bench.work()
    assert bench.incident(again.incident).state is IncidentState.RECOVERED


def test_one_that_nova_was_asked_for_meanwhile_is_left_to_people(bench: Bench) -> None:
    incident = caught(bench)
    with bench.site.world.settled() as world:
        world.migrations[7] = Migration(7, "7", SERVERS[WEB], "p", "u", HOST, world.now, status="error")
    looked_at(bench)
    incident = bench.incident(incident.id)
    assert incident.state is IncidentState.PARKED
    assert f"Off, and maybe elsewhere, since Nova was asked to evacuate them: {WEB}." in incident.reason
    assert running(bench) == [DATABASE]


def test_one_that_somebody_has_forced_down_waits_for_its_way_back(bench: Bench) -> None:
    incident = caught(bench)
    service = bench.site.cloud.host_service(HOST)
    assert service is not None
    bench.site.cloud.take_out(service, "ann looks at it")
    looked_at(bench)
    incident = bench.incident(incident.id)
    assert incident.state is IncidentState.PARKED
    assert "its service is forced down (ann looks at it)" in incident.reason
    assert running(bench) == []
