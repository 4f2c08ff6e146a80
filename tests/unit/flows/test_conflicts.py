"""Which attempts are not counted, since others took the same hosts, and when the next one need not wait."""

from __future__ import annotations

import math

import pytest

from medevac.flows.conflicts import NEVER, SPARED, Conflicts, conflicts
from medevac.flows.estate import Migration


def failed(number: int, at: float) -> Migration:
    """Return the record of an attempt for which there was no host."""
    return Migration(number, "mine", "error", "h1", "", at, at)


def others(number: int, status: str = "accepted", begun: float = 0.0, moved: float = 0.0) -> list[Migration]:
    return [Migration(50 + n, f"s{n}", status, "h1", "", begun, moved) for n in range(number)]


def given(begun: float, *, moved: float = 0.0) -> Migration:
    """Return the record of another server that was asked for, and was given a host; *moved*: it has arrived there."""
    status = "done" if moved else "pre-migrating"
    return Migration(70, f"given-{begun}", status, "h1", "h2", begun, moved or begun)


def in_vain(times: int) -> list[Migration]:
    return [failed(number, float(number)) for number in range(1, times + 1)]


def test_who_was_alone_has_met_nobody() -> None:
    assert conflicts([failed(1, 5.0)], []) == Conflicts(0, NEVER)
    assert conflicts([failed(1, 5.0)], [given(0.0, moved=5.0)]) == Conflicts(0, NEVER), "it had arrived before"
    assert conflicts([failed(1, 5.0)], others(3, begun=6.0)) == Conflicts(0, NEVER), "they came later"


def test_two_that_fail_in_the_same_second_were_in_each_others_way() -> None:
    other = Migration(2, "s0", "error", "h1", "", 5.0, 5.0)
    assert conflicts([failed(1, 5.0)], [other]) == Conflicts(1, math.inf)


def test_where_nobody_is_given_a_host_there_is_no_room() -> None:
    assert conflicts(in_vain(1), others(6)) == Conflicts(1, math.inf), "once it is taken for a conflict"
    assert conflicts(in_vain(2), others(6)) == Conflicts(2, 3), "and once more, when half of them are through"
    assert conflicts(in_vain(3), others(6)) == Conflicts(2, NEVER)


@pytest.mark.parametrize("news", [given(1.5), given(0.0, moved=1.5)])
def test_who_is_given_a_host_meanwhile_or_arrives_shows_that_there_is_room(news: Migration) -> None:
    assert conflicts(in_vain(2), [*others(6), news]) == Conflicts(2, math.inf)


@pytest.mark.parametrize("old", [given(0.5), given(1.0), given(0.0, moved=1.0)])
def test_a_host_that_was_given_before_says_nothing(old: Migration) -> None:
    assert conflicts(in_vain(2), [*others(6), old]).beside < math.inf


def test_after_a_few_times_it_waits_until_half_as_many_are_in_the_way_and_half_of_those_again() -> None:
    crowd = [*others(9), *(given(number + 0.5, moved=number + 0.6) for number in range(20))]
    seen = [conflicts(in_vain(times), crowd) for times in range(SPARED, SPARED + 6)]
    assert [each.beside for each in seen] == [math.inf, 4, 2, 1, 0, NEVER]
    assert [each.spared for each in seen] == [3, 4, 5, 6, 7, 7], "the last one counts, and waits"


def test_those_that_ended_meanwhile_are_not_waited_for() -> None:
    at = float(SPARED + 1)
    crowd = [*others(2), *(given(at - 0.5, moved=at) for _ in range(6))]
    assert conflicts(in_vain(SPARED + 1), [*crowd, *(given(number + 0.5) for number in range(3))]).beside == 2


def test_an_attempt_that_failed_otherwise_counts_and_waits() -> None:
    refused = Migration(2, "mine", "failed", "h1", "h3", 2.0, 2.0)
    assert conflicts([failed(1, 1.0), refused], others(4)) == Conflicts(1, NEVER)
