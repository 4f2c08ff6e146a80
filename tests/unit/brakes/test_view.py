"""What people are told of what waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.workers.brakes import marks, view

HOLDERS = ["evidence", "breaker", "storage", "disarm", "maintenance", "cap", "limit", "operator", "capacity"]
HOLDERS += ["way-back", "failback"]


def held(by: str) -> Incident:
    subject = Subject(SubjectKind.HOST, "c1")
    return Incident("host.down:c1:1", "host.down", subject, 1, 0.0, IncidentState.HELD, "x", held_by=by)


@pytest.mark.parametrize("by", HOLDERS)
def test_whatever_holds_an_incident_it_is_said_what_sets_it_going(by: str) -> None:
    told = view.set_going_by(held(by))
    assert told != view.set_going_by(held("something new"))
    assert ("off" in told) == (by == "evidence")


@pytest.mark.parametrize("by", ["capacity", "way-back", "limit", "storage"])
def test_what_a_release_tries_at_once_says_so(by: str) -> None:
    assert "medevac incident release host.down:c1:1 --why" in view.set_going_by(held(by))


def test_what_is_disarmed_is_set_going_by_the_very_command_of_its_reason() -> None:
    reason = f"az 1 is disarmed by ann (x; mode freeze); {marks.UNTIL_ARMED}{marks.arming('az 1')}"
    assert view.set_going_by(replace(held("disarm"), reason=reason)) == "medevac site arm --scope 'az 1'"


def test_an_end_names_its_day_since_it_may_not_be_today() -> None:
    assert view.ending(1795395000.0) == "until 2026-11-23 00:50:00Z"
    assert view.ending(0.0) == "without an end"
