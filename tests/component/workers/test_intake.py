"""What triage makes of events that ask for nothing."""

from __future__ import annotations

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.handled import Outcome
from medevac.core.wire import encode
from medevac.flows.plan import Settings
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.intake import Desk, Intake
from tests.component.workers.bench import Bench


class NeverAsked:
    """Promises that an event without an answer has no need of."""

    def current(self) -> PolicySet:
        raise AssertionError("a policy was asked for")


def test_a_test_event_is_recorded_and_starts_nothing(zk: KazooClient) -> None:
    site = FakeSite(SiteSpec(()))
    desk = Desk(zk, site.cloud, site.clock, NeverAsked(), Settings(), lambda name: name, "triage")
    event = Event("e1", EventKind.TEST, Subject(SubjectKind.HOST, "?"), "pacemaker", "node1", 1.0)
    zk.create(layout.event(event.id), encode(event))

    handled = Intake(desk).handle(event)

    assert (handled.outcome, handled.incident) == (Outcome.IGNORED, "")
    assert handled.reason == "a test: events arrive, and nothing has happened"
    assert zk.get_children(layout.INCIDENTS) == []


def test_a_clock_that_is_ahead_does_not_hide_a_later_death(bench: Bench) -> None:
    bench.settled(bench.host_event(EventKind.HOST_MEMBER), seen_at=bench.now + 86_400)
    bench.pass_time(10.0)
    fenced = bench.settled(bench.host_event(EventKind.HOST_FENCED))
    assert fenced.outcome is Outcome.INCIDENT


def test_how_far_a_clock_is_ahead_is_kept_with_the_event(bench: Bench) -> None:
    handled = bench.settled(bench.host_event(EventKind.HOST_LOST), seen_at=bench.now + 90)
    assert (handled.event.seen_at, handled.event.facts) == (bench.now, {"clock": "90 s ahead"})


def test_an_incident_keeps_short_facts_and_leaves_raw_values_to_the_event(bench: Bench) -> None:
    event = bench.host_event(EventKind.HOST_DEGRADED, facts={"what": "x" * 900, "CRM_alert_desc": "raw"})
    assert bench.incident(bench.settled(event).incident).facts == {"what": "x" * 200}
