"""Durations, the values of the language, and that its own description is whole."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings

from medevac.flows.policy.duration import Duration, NotADurationError, parse_duration
from medevac.flows.policy.language import (
    FAILURES,
    RESERVED,
    STEPS,
    SYNONYMS,
    Evacuate,
    Fence,
    Flow,
    Leave,
    Match,
    OnFailure,
    Policy,
    Priority,
    Verify,
)
from tests.unit.policy import strategies


@settings(max_examples=300, deadline=None, database=None)
@given(strategies.durations(0, 700_000))
def test_a_duration_is_read_as_it_is_written(duration: Duration) -> None:
    assert parse_duration(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("500ms", 0.5),
        ("0s", 0),
        ("5m0s", 300),
    ],
)
def test_durations_are_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == Duration(seconds)
    assert float(parse_duration(text)) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10 minutes", "did you mean '10m'?"),
        ("90 sec", "did you mean '90s'?"),
        ("2 Hours", "did you mean '2h'?"),
        ("100 millis", "did you mean '100ms'?"),
        ("30", "did you mean '30s' or '30m'?"),
        ("soon", "write a number"),
        ("", "write a number"),
        ("1:30", "write a number"),
        ("5s3m", "write a number"),
        ("-5s", "write a number"),
        ("1.5h", "write a number"),
        ("٣s", "write a number"),
    ],
)
def test_what_is_no_duration_comes_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(NotADurationError) as raised:
        parse_duration(text)

    assert raised.value.hint.startswith(hint)


def test_priorities_sort_by_urgency() -> None:
    assert min(Priority, key=lambda priority: priority.rank) is Priority.CRITICAL
    assert [priority.rank for priority in Priority] == [0, 1, 2, 3, 4]


def test_a_flow_gives_its_steps_by_class() -> None:
    flow = Flow((Fence(), Evacuate(parallel=3)))

    assert flow.step(Evacuate) == Evacuate(parallel=3)
    assert flow.step(Verify) is None
    assert not flow.leaves
    assert Flow((Leave(),)).leaves


def test_every_field_of_the_language_says_what_it_means() -> None:
    for noun in (Policy, Match, OnFailure, *STEPS.values()):
        assert all(field.metadata["about"].endswith(".") for field in dataclasses.fields(noun))


def test_no_word_is_both_reserved_and_read() -> None:
    assert not set(RESERVED) & set(STEPS)
    assert not set(RESERVED) & {field.name for field in dataclasses.fields(Policy)}
    assert not set(SYNONYMS) & set(STEPS)
    assert all(name == name.lower() for name in FAILURES)
