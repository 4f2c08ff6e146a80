"""What of the incidents that are over needs a human still."""

from __future__ import annotations

from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.workers.brakes.orders import ABORTED
from medevac.workers.roll import RollEntry
from medevac.workers.status import TOLD_FOR, SiteStatus, undone

NOW = 1_795_000_000.0
LEADER = RollEntry("w", "ctl-1", 1, NOW, triage=True, conductor=True, policy_set="x")


def ended(number: int, ago: float, state: IncidentState = IncidentState.PARKED, reason: str = "2 need you") -> Incident:
    """Return an incident of host c1 that was seen a minute before it ended, so many seconds *ago*."""
    subject = Subject(SubjectKind.HOST, "c1")
    at = NOW - ago
    return Incident(f"host.down:c1:{number}", "host.down", subject, number, at - 60, state, reason, ended_at=at)


def problems(*incidents: Incident) -> tuple[str, ...]:
    status = SiteStatus((LEADER,), "w", 0, 0, 0, {}, 0, undone=undone(incidents, NOW))
    return status.problems


def test_an_incident_that_was_parked_is_a_problem_of_the_site_for_a_day() -> None:
    (told,) = problems(ended(1, 60.0))
    assert told == (
        "host.down:c1:1 was parked at 2026-11-18 11:05:40Z: 2 need you (medevac incident show host.down:c1:1)"
    )
    assert problems(ended(1, TOLD_FOR + 1)) == ()


def test_what_went_well_since_or_before_makes_a_difference() -> None:
    assert problems(ended(1, 3600.0), ended(2, 60.0, IncidentState.RECOVERED)) == ()
    assert len(problems(ended(1, 3600.0, IncidentState.RECOVERED), ended(2, 60.0))) == 1


def test_what_people_have_aborted_they_know_of() -> None:
    assert problems(ended(1, 60.0, reason=f"{ABORTED}ann: it runs; undone: nothing")) == ()


def test_of_many_the_latest_is_told_and_how_many_more_there_are() -> None:
    told = problems(*(ended(number, 100.0 * number) for number in range(1, 7)))
    assert len(told) == 2
    assert told[0].startswith("host.down:c1:1 was parked at ")
    assert told[1] == "5 more incidents were parked within a day: medevac incident list"
