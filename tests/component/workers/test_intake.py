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
