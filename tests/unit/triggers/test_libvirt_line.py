"""When the listener connects, gives up waiting, and tells that libvirt is away."""

from __future__ import annotations

import itertools

import pytest

from medevac.triggers.libvirt_line import (
    DOWN_LIMIT,
    LONGEST_PAUSE,
    MOST_ATTEMPTS,
    OPEN_LIMIT,
    SHORTEST_PAUSE,
    Closed,
    Connected,
    Line,
    Refused,
)


@pytest.fixture
def attempts() -> list[int]:
    return []


@pytest.fixture
def line(attempts: list[int]) -> Line:
    return Line(attempts.append, 0.0)


def connected(attempt: int) -> Connected:
    return Connected(attempt, f"connection {attempt}", (), 0.0)


def test_one_attempt_is_made_at_a_time(line: Line, attempts: list[int]) -> None:
    for second in range(int(OPEN_LIMIT)):
        line.tick(second)
    assert attempts == [1]


def test_stuck_attempts_are_joined_by_others_up_to_a_limit(line: Line, attempts: list[int]) -> None:
    for second in range(int(OPEN_LIMIT) * 20):
        line.tick(second)
    assert attempts == list(range(1, MOST_ATTEMPTS + 1))


def test_refused_attempts_are_repeated_ever_more_slowly(line: Line, attempts: list[int]) -> None:
    now, moments = 0.0, []
    for _ in range(2000):
        begun = len(attempts)
        line.tick(now)
        if len(attempts) > begun:
            moments.append(now)
            line.refused(Refused(attempts[-1], "no such socket"), now)
        now += 0.05
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses[0] == pytest.approx(SHORTEST_PAUSE, abs=0.06)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE, abs=0.06)
    assert pauses == sorted(pauses, key=lambda pause: round(pause, 1))


def test_a_late_second_connection_is_not_taken(line: Line) -> None:
    line.tick(0.0)
    line.tick(OPEN_LIMIT + 1)
    assert line.connected(connected(1))
    assert not line.connected(connected(2))
    assert line.up
    assert line.up.attempt == 1


def test_only_the_end_of_the_connection_in_use_counts(line: Line) -> None:
    line.tick(0.0)
    line.connected(connected(1))
    assert not line.closed(Closed(7, "end of file"), 5.0)
    assert line.closed(Closed(1, "end of file"), 5.0)
    assert line.up is None


def test_a_restart_is_not_told_and_a_long_absence_is_told_once_with_its_reason(line: Line) -> None:
    line.tick(0.0)
    line.connected(connected(1))
    line.closed(Closed(1, "end of file"), 100.0)
    line.tick(100.0)
    line.refused(Refused(2, "no such socket"), 100.0)
    told = [finding for second in range(100) if (finding := line.tick(100.0 + second))]
    assert [finding.facts["seconds"] for finding in told] == [f"{DOWN_LIMIT:.0f}"]


def test_a_libvirt_that_accepts_and_does_not_answer_is_called_so(line: Line) -> None:
    line.tick(0.0)
    finding = line.tick(DOWN_LIMIT)
    assert finding
    assert "does not answer" in finding.facts["cause"]
