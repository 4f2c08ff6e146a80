"""What triage makes of events that no flow of this release answers."""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.handled import Handled, Outcome
from medevac.core.wire import decode, encode
from medevac.flows.plan import Settings
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.intake import Desk, Intake

UNANSWERED = [kind for kind in EventKind if kind.startswith(("server.", "libvirt."))]


class NeverAsked:
    """Promises that an event without an answer has no need of."""

    def current(self) -> PolicySet:
        raise AssertionError("a policy was asked for")


@pytest.mark.parametrize("kind", UNANSWERED)
def test_an_event_that_no_flow_answers_yet_is_recorded_with_that_reason(kind: EventKind, zk: KazooClient) -> None:
    site = FakeSite(SiteSpec(()))
    desk = Desk(zk, site.cloud, site.clock, NeverAsked(), Settings(), lambda name: name, "triage")
    event = Event("e1", kind, Subject(SubjectKind.SERVER, "7c5c"), "libvirt", "compute-1", 1.0, {"boot": "1"})
    zk.create(layout.event(event.id), encode(event))

    handled = Intake(desk).handle(event)

    assert handled.outcome is Outcome.IGNORED
    assert handled.reason == f"{kind.value} is seen but not answered yet by this release"
    assert decode(Handled, zk.get(layout.handled(event.id))[0]) == handled
    assert zk.get_children(layout.EVENTS) == []


def test_a_test_event_is_recorded_and_starts_nothing(zk: KazooClient) -> None:
    site = FakeSite(SiteSpec(()))
    desk = Desk(zk, site.cloud, site.clock, NeverAsked(), Settings(), lambda name: name, "triage")
    event = Event("e1", EventKind.TEST, Subject(SubjectKind.HOST, "?"), "pacemaker", "node1", 1.0)
    zk.create(layout.event(event.id), encode(event))

    handled = Intake(desk).handle(event)

    assert (handled.outcome, handled.incident) == (Outcome.IGNORED, "")
    assert handled.reason == "a test: events arrive, and nothing has happened"
    assert zk.get_children(layout.INCIDENTS) == []
