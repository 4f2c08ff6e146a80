"""What is held: by brakes, by limits, for want of evidence; and what lets it go, or ends it, when its time has come."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from medevac.core.errors import CloudUnavailableError
from medevac.core.event import EventKind
from medevac.core.handled import Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import HostService
from medevac.sandbox.cloud.model import actions, guests, machines
from medevac.workers.brakes import orders
from medevac.workers.brakes.orders import Given
from medevac.workers.recovery import back_off
from medevac.workers.telling import Teller
from medevac.workers.verdict import GO, Verdict
from tests.component.workers.bench import HOST, HOSTS, SERVERS, WEB, Bench


@dataclass
class Brake:
    """Brakes that say what a test wants."""

    verdict: Verdict = GO
    asked: list[str] = field(default_factory=list)

    def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
        del fences
        assert service is not None
        self.asked.append(incident.id)
        return self.verdict

    def recall(self, incident: Incident, service: HostService | None, unbegun: Collection[str]) -> Verdict:
        del incident, service, unbegun
        return GO


def braked(bench: Bench, verdict: Verdict) -> Brake:
    brake = Brake(verdict)
    bench.sit_at(replace(bench.desk, brakes=brake))
    return brake


def held(reason: str = "a storm", again_at: float = 0.0, by: str = "breaker") -> Verdict:
    return Verdict(go=False, held_by=by, reason=reason, again_at=again_at)


def fail_so_often(bench: Bench, times: int) -> None:
    """Let the server crash and be recovered, without a conductor: each incident is ended by hand."""
    for boot in range(times):
        handled = bench.settled(bench.server_event(EventKind.SERVER_CRASHED, boot=f"earlier-{boot}"))
        bench.end(handled.incident)
        bench.pass_time(60.0)


def test_a_brake_holds_an_incident_with_its_word_and_reason_and_no_job_is_posted(bench: Bench) -> None:
    braked(bench, held(again_at=bench.now + 30))
    handled = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    incident = bench.incident(handled.incident)
    assert (incident.state, incident.held_by, incident.reason) == (IncidentState.HELD, "breaker", "a storm")
    assert (incident.attempt, bench.jobs) == (0, 0)
    assert "held by breaker: a storm" in bench.journal(incident.id)


def test_a_brake_may_have_an_incident_ignored_for_good(bench: Bench) -> None:
    braked(bench, Verdict(go=False, ignore=True, reason="compute-1 is in maintenance"))
    incident = bench.incident(bench.settled(bench.host_event(EventKind.HOST_FENCED)).incident)
    assert (incident.state, incident.reason) == (IncidentState.IGNORED, "compute-1 is in maintenance")
    assert bench.jobs == 0


def test_a_held_incident_is_judged_again_when_its_time_has_come_and_not_before(bench: Bench) -> None:
    brake = braked(bench, held(again_at=bench.now + 30))
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    brake.verdict = GO
    assert bench.intake.reconsider() == bench.now + 30
    assert brake.asked == [incident_id]
    bench.pass_time(31.0)
    bench.intake.reconsider()
    incident = bench.incident(incident_id)
    assert (incident.state, incident.attempt, incident.held_by) == (IncidentState.RECOVERING, 1, "")
    assert bench.jobs == 1
    assert bench.intake.reconsider() is None


def test_what_stays_held_is_told_once_and_not_at_each_look(bench: Bench) -> None:
    brake = braked(bench, held(again_at=bench.now + 5))
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    before = bench.journal(incident_id)
    for _ in range(3):
        bench.pass_time(6.0)
        brake.verdict = held(again_at=bench.now + 5)
        bench.intake.reconsider()
    assert bench.journal(incident_id) == before
    bench.pass_time(6.0)
    brake.verdict = held("the gateway is away", again_at=bench.now + 5)
    bench.intake.reconsider()
    assert "the gateway is away" in bench.journal(incident_id)


def test_a_cloud_that_is_slow_to_say_nothing_does_not_keep_triage_from_events_for_each_that_is_held(
    bench: Bench,
) -> None:
    class Slow(Brake):
        def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
            if bench.now - began > 1:
                bench.site.clock.wait(30.0)
                self.asked.append(incident.id)
                message = "the Compute API does not answer"
                raise CloudUnavailableError(message)
            return super().judge(incident, service, fences=fences)

    began = bench.now
    brake = Slow(held(again_at=began + 5))
    bench.sit_at(replace(bench.desk, brakes=brake))
    held_ones = [bench.settled(bench.host_event(EventKind.HOST_FENCED, host)).incident for host in HOSTS]
    bench.pass_time(6.0)
    brake.asked.clear()
    for looks in (1, 2, 3):
        before = bench.now
        bench.intake.reconsider()
        assert bench.now - before < 60.0
        assert len(brake.asked) == looks
    assert sorted(brake.asked) == sorted(held_ones), "each has its turn"


def test_a_held_incident_without_a_time_waits_for_people(bench: Bench) -> None:
    brake = braked(bench, held())
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    brake.verdict = GO
    bench.pass_time(86_400.0)
    assert bench.intake.reconsider() == math.inf
    assert bench.incident(incident_id).state is IncidentState.HELD


def test_a_server_that_its_owner_stopped_while_it_was_held_is_left_alone(bench: Bench) -> None:
    brake = braked(bench, held(again_at=bench.now + 30))
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_HUNG)).incident
    brake.verdict = GO
    with bench.site.world.settled() as world:
        actions.stop(world, SERVERS[WEB], by_owner=True)
    bench.pass_time(31.0)
    bench.intake.reconsider()
    incident = bench.incident(incident_id)
    assert incident.state is IncidentState.IGNORED
    assert "stopped through Nova since" in incident.reason
    assert bench.jobs == 0


def test_one_that_was_shut_down_from_inside_while_libvirt_forgot_why_is_left_alone_once_nova_has_noticed(
    bench: Bench,
) -> None:
    brake = braked(bench, held(again_at=bench.now + 40))
    with bench.site.world.settled() as world:
        guests.shut_down(world, SERVERS[WEB])
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_STOPPED, cause="forgotten")).incident
    brake.verdict = GO
    bench.pass_time(41.0)
    bench.intake.reconsider()
    assert bench.incident(incident_id).state is IncidentState.IGNORED
    assert bench.jobs == 0


def test_a_successor_goes_on_with_what_is_held(bench: Bench) -> None:
    braked(bench, held(again_at=bench.now + 30))
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    braked(bench, GO)
    bench.pass_time(31.0)
    bench.intake.reconsider()
    assert bench.incident(incident_id).state is IncidentState.RECOVERING


def test_a_server_that_fails_too_often_waits_for_people(bench: Bench) -> None:
    fail_so_often(bench, 3)
    handled = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    incident = bench.incident(handled.incident)
    jobs = bench.jobs
    assert (incident.state, incident.held_by, incident.again_at) == (IncidentState.HELD, "limit", 0.0)
    assert "had 3 recoveries in the last 60 min (limit 3)" in incident.reason
    assert f"medevac incident release {incident.id}" in incident.reason
    again = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    assert (again.outcome, again.incident) == (Outcome.DUPLICATE, incident.id)
    assert bench.jobs == jobs


def test_old_failures_do_not_count(bench: Bench) -> None:
    fail_so_often(bench, 3)
    bench.pass_time(3600.0)
    handled = bench.settled(bench.server_event(EventKind.SERVER_CRASHED))
    assert bench.incident(handled.incident).state is IncidentState.RECOVERING


def test_what_a_limit_holds_goes_when_somebody_releases_it(bench: Bench) -> None:
    fail_so_often(bench, 3)
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    orders.release(bench.client, incident_id, Given("alice", "memory replaced", bench.now))
    bench.intake.reconsider()
    incident = bench.incident(incident_id)
    assert (incident.state, incident.held_by) == (IncidentState.RECOVERING, "")
    assert "release by alice: memory replaced" in bench.journal(incident_id)


def test_a_server_that_its_hypervisor_restarts_again_and_again_is_shown_to_people(bench: Bench) -> None:
    for count in range(1, 4):
        handled = bench.settled(bench.server_event(EventKind.SERVER_RESTARTED, cause="watchdog", restarts=str(count)))
        assert handled.outcome is Outcome.IGNORED
        assert f"counted, {count} in 60 min (limit 3)" in handled.reason
    handled = bench.settled(bench.server_event(EventKind.SERVER_RESTARTED, cause="watchdog"))
    incident = bench.incident(handled.incident)
    assert (incident.state, incident.held_by) == (IncidentState.HELD, "limit")
    assert bench.jobs == 0


def test_a_host_that_fails_too_often_waits_for_people_and_its_dead_servers_do_not(bench: Bench) -> None:
    for _ in range(2):
        bench.end(bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN)).incident)
        bench.pass_time(60.0)
    service = bench.incident(bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN)).incident)
    assert (service.state, service.held_by) == (IncidentState.HELD, "limit")
    death = bench.incident(bench.settled(bench.host_event(EventKind.HOST_FENCED)).incident)
    assert death.state is IncidentState.RECOVERING


def test_a_host_that_we_would_fence_too_often_ourselves_waits_for_people(bench: Bench) -> None:
    for _ in range(2):
        bench.end(bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN)).incident)
        bench.pass_time(60.0)
    death = bench.incident(bench.settled(bench.host_event(EventKind.HOST_DOWN)).incident)
    assert (death.state, death.held_by) == (IncidentState.HELD, "limit")
    bench.settled(bench.host_event(EventKind.HOST_FENCED))
    assert bench.incident(death.id).state is IncidentState.RECOVERING


def test_what_could_not_be_fenced_is_tried_again_with_a_growing_pause(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.cut_network(world, HOST)
    bench.site.bmc.order(HOST, "refuse")
    incident_id = bench.settled(bench.host_event(EventKind.HOST_DOWN)).incident
    pauses = []
    for _ in range(3):
        bench.work()
        incident = bench.incident(incident_id)
        assert (incident.state, incident.held_by) == (IncidentState.HELD, "evidence")
        pauses.append(round(incident.again_at - bench.now))
        bench.pass_time(incident.again_at - bench.now + 1)
        bench.intake.reconsider()
    assert pauses == [30, 60, 120]
    bench.site.bmc.order(HOST, "obey")
    bench.work()
    assert bench.incident(incident_id).state is IncidentState.RECOVERED


def test_the_pause_between_attempts_ends_growing() -> None:
    assert [back_off(attempt) for attempt in (1, 2, 5, 6, 50, 5000)] == [30.0, 60.0, 480.0, 600.0, 600.0, 600.0]


def test_a_host_that_came_back_while_it_could_not_be_fenced_is_not_fenced_later(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.cut_network(world, HOST)
    bench.site.bmc.order(HOST, "refuse")
    incident_id = bench.settled(bench.host_event(EventKind.HOST_DOWN)).incident
    bench.work()
    with bench.site.world.settled() as world:
        machines.mend_network(world, HOST)
    bench.site.bmc.order(HOST, "obey")
    bench.pass_time(20.0)
    bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    bench.pass_time(60.0)
    bench.intake.reconsider()
    incident = bench.incident(incident_id)
    assert (incident.state, incident.reason) == (IncidentState.IGNORED, f"the cluster has reached {HOST} again since")
    assert bench.jobs == 0


def told(bench: Bench) -> list[str]:
    """Let triage look, and return whom people were told of once its messages are out."""
    bench.intake.reconsider()
    return paged(bench)


def paged(bench: Bench) -> list[str]:
    """Return what people were told when all that is on its way has arrived."""
    for thread in threading.enumerate():
        if thread.name == "page":
            thread.join(30.0)
    return [message.title for message in bench.site.notifier.sent]


def test_people_are_paged_once_for_what_waits_for_them_also_by_a_successor(bench: Bench) -> None:
    bench.sit_at(replace(bench.desk, notifier=bench.site.notifier))
    fail_so_often(bench, 3)
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    for _ in range(3):
        assert told(bench) == [f"medevac holds {incident_id}"]
        bench.pass_time(120.0)
    bench.sit_at(bench.desk)
    assert told(bench) == [f"medevac holds {incident_id}"]
    assert "told page: server" in bench.journal(incident_id)


def test_a_page_that_does_not_go_out_is_tried_again_and_said_once(bench: Bench) -> None:
    bench.sit_at(replace(bench.desk, notifier=bench.site.notifier))
    bench.site.notifier.fails = True
    fail_so_often(bench, 3)
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    for _ in range(3):
        assert told(bench) == []
        bench.pass_time(120.0)
    assert bench.journal(incident_id).count("was not told") == 1
    bench.site.notifier.fails = False
    assert told(bench) == [f"medevac holds {incident_id}"]


def test_what_is_held_no_more_is_forgotten_and_told_at_once_when_it_is_held_again(bench: Bench) -> None:
    bench.site.notifier.fails = True
    fail_so_often(bench, 3)
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED)).incident
    teller = Teller(bench.desk, bench.site.notifier)
    teller.tell([bench.incident(incident_id)])
    assert paged(bench) == []
    bench.site.notifier.fails = False
    teller.tell([bench.incident(incident_id)])
    assert paged(bench) == [], "it is tried again after a minute"
    teller.tell([])
    teller.tell([bench.incident(incident_id)])
    assert paged(bench) == [f"medevac holds {incident_id}"]
