"""Servers that fail on hosts that live: one incident for each failure of each life, whatever is told twice."""

from __future__ import annotations

import pytest

from medevac.core.event import EventKind
from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import guests
from tests.component.workers.bench import DATABASE, HOST, SERVERS, WEB, Bench


def crash(bench: Bench, server: str = WEB) -> None:
    with bench.site.world.settled() as world:
        guests.crash(world, SERVERS[server])


FAILURES = (
    EventKind.SERVER_CRASHED,
    EventKind.SERVER_HUNG,
    EventKind.SERVER_IO_ERROR,
    EventKind.WORKLOAD_FAILED,
)


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_that_nobody_asked_for_opens_an_incident_with_a_job(bench: Bench, kind: EventKind) -> None:
    handled = bench.settled(bench.server_event(kind))
    assert (handled.outcome, handled.incident) == (Outcome.INCIDENT, f"{kind}:{SERVERS[WEB]}:1")
    incident = bench.incident(handled.incident)
    assert (incident.state, incident.host, incident.attempt) == (IncidentState.RECOVERING, HOST, 1)
    assert incident.facts["boot"] == "1"
    assert bench.jobs == 1


def test_copies_of_one_crash_make_one_incident(bench: Bench) -> None:
    event = bench.server_event(EventKind.SERVER_CRASHED)
    first = bench.settled(event)
    copies = [bench.settled(bench.server_event(EventKind.SERVER_CRASHED)) for _ in range(3)]
    assert {copy.outcome for copy in copies} == {Outcome.DUPLICATE}
    assert {copy.incident for copy in copies} == {first.incident}
    assert (len(bench.incidents()), bench.jobs) == (1, 1)


def test_an_event_that_a_spool_posts_again_changes_nothing(bench: Bench) -> None:
    event = bench.server_event(EventKind.SERVER_CRASHED)
    first = bench.settled(event)
    assert bench.settled(event) == first
    assert (len(bench.incidents()), bench.jobs) == (1, 1)


def test_crashes_of_two_servers_in_one_millisecond_are_two_incidents(bench: Bench) -> None:
    one, other = bench.server_event(EventKind.SERVER_CRASHED), bench.server_event(EventKind.SERVER_CRASHED, DATABASE)
    bench.post(one, other)
    assert bench.triage.settle_waiting() == 0
    assert {incident.subject.name for incident in bench.incidents()} == {SERVERS[WEB], SERVERS[DATABASE]}
    assert bench.jobs == 2


def test_two_crashes_of_a_server_seconds_apart_are_two_incidents(bench: Bench) -> None:
    crash(bench)
    first = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    bench.work()
    assert bench.incident(first.incident).state is IncidentState.RECOVERED
    bench.pass_time(2.0)
    crash(bench)
    second = bench.settled(bench.server_event(EventKind.SERVER_CRASHED, boot="2"))
    bench.work()
    assert second.incident == f"server.crashed:{SERVERS[WEB]}:2"
    assert bench.incident(second.incident).state is IncidentState.RECOVERED


def test_a_second_crash_during_the_recovery_of_the_first_is_kept_and_recovered_after_it(bench: Bench) -> None:
    crash(bench)
    bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    second = bench.server_event(EventKind.SERVER_CRASHED, boot="2")
    assert bench.told(second) is None
    bench.work()
    crash(bench)
    bench.triage.settle_waiting()
    handled = bench.handled(second)
    assert handled is not None
    assert handled.incident == f"server.crashed:{SERVERS[WEB]}:2"


def test_another_sign_of_a_server_that_is_being_recovered_is_told_in_its_journal(bench: Bench) -> None:
    crashed = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    hung = bench.settled(bench.server_event(EventKind.WORKLOAD_FAILED))
    assert (hung.outcome, hung.incident) == (Outcome.DUPLICATE, crashed.incident)
    assert "meanwhile: workload.failed" in bench.journal(crashed.incident)


def test_a_server_that_stopped_and_that_nova_thinks_is_active_has_crashed(bench: Bench) -> None:
    handled = bench.settled(bench.server_event(EventKind.SERVER_STOPPED, cause="signal"))
    assert handled.incident == f"server.crashed:{SERVERS[WEB]}:1"


def test_a_crash_that_nova_has_written_down_as_a_stop_by_itself_is_still_a_crash(bench: Bench) -> None:
    crash(bench)
    event = bench.server_event(EventKind.SERVER_CRASHED)
    bench.pass_time(20.0)
    server = bench.site.cloud.server(SERVERS[WEB])
    assert server is not None
    assert server.vm_state == "stopped"
    assert bench.settled(event).outcome is Outcome.INCIDENT


def test_an_event_waits_while_nova_does_not_answer(bench: Bench) -> None:
    bench.site.world.mishaps.order("reset")
    event = bench.server_event(EventKind.SERVER_CRASHED)
    assert bench.told(event) is None
    assert bench.incidents() == []
    bench.site.world.mishaps.withdraw()
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.outcome is Outcome.INCIDENT


@pytest.mark.parametrize("kind", [EventKind.SERVER_IO_ERROR, EventKind.SERVER_HUNG])
def test_what_can_befall_one_start_of_a_server_again_is_another_failure_then(bench: Bench, kind: EventKind) -> None:
    early = bench.server_event(kind)
    first = bench.settled(early)
    bench.pass_time(10.0)
    bench.end(first.incident)
    copy = bench.settled(bench.server_event(kind), seen_at=early.seen_at)
    assert (copy.outcome, copy.incident) == (Outcome.DUPLICATE, first.incident)
    bench.pass_time(600.0)
    assert bench.settled(bench.server_event(kind)).incident == f"{kind}:{SERVERS[WEB]}:2"


def test_a_late_copy_of_a_crash_is_known_by_the_start_of_the_server_whatever_the_clocks_say(bench: Bench) -> None:
    first = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    bench.end(first.incident)
    bench.pass_time(60.0)
    copy = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    assert (copy.outcome, copy.incident) == (Outcome.DUPLICATE, first.incident)
