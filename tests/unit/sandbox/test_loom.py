"""The loom: one strand at a time, a clock that only waits move, and processes that die or freeze where they are."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from medevac.sandbox.clock import START
from medevac.sandbox.scenarios.loom import Loom

FOR_EVER = START + 1e6


@pytest.fixture
def loom() -> Iterator[Loom]:
    made = Loom()
    yield made
    made.close()


def steps(loom: Loom, told: list[str], name: str, *waits: float) -> None:
    for seconds in waits:
        loom.wait(seconds)
        told.append(f"{name} {loom.now() - START:.0f}")


def play(loom: Loom, until: float = FOR_EVER) -> None:
    loom.play(until, lambda: False)


def test_strands_take_turns_as_their_waits_end_and_time_passes_by_nothing_else(loom: Loom) -> None:
    told: list[str] = []
    loom.spawn("a", lambda: steps(loom, told, "a", 1, 5, 1))
    loom.spawn("b", lambda: steps(loom, told, "b", 2, 2, 2))
    loom.at(START + 3, lambda: told.append("act 3"))
    play(loom)

    assert told == ["a 1", "b 2", "act 3", "b 4", "a 6", "b 6", "a 7"]


def test_a_strand_that_is_killed_does_nothing_more(loom: Loom) -> None:
    told: list[str] = []
    victim = loom.spawn("a", lambda: steps(loom, told, "a", 1, 1, 1))
    loom.at(START + 1.5, lambda: loom.kill(victim))
    play(loom)

    assert told == ["a 1"]
    assert victim.over


def test_a_strand_that_is_frozen_goes_on_where_it_was(loom: Loom) -> None:
    told: list[str] = []
    still = loom.spawn("a", lambda: steps(loom, told, "a", 1, 1, 1))
    loom.at(START + 1.5, lambda: loom.freeze(still, START + 30))
    play(loom)

    assert told == ["a 1", "a 30", "a 31"]


def test_who_rests_is_woken_by_news_and_keeps_nobody_waiting(loom: Loom) -> None:
    told: list[str] = []

    def rest() -> None:
        loom.rest(1000)
        told.append(f"woken {loom.now() - START:.0f}")

    loom.spawn("a", rest)
    loom.at(START + 7, loom.wake)
    loom.play(START + 1, lambda: False)
    assert not loom.busy
    play(loom)

    assert told == ["woken 7"]


def test_what_a_strand_dies_of_is_raised_to_whoever_plays(loom: Loom) -> None:
    def fail() -> None:
        raise ValueError("a mistake")

    loom.spawn("a", fail)
    with pytest.raises(ValueError, match="a mistake"):
        play(loom)


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_decides_who_goes_first_always_in_the_same_way(seed: int) -> None:
    def shuffled() -> list[str]:
        loom, told = Loom(Random(seed)), list[str]()
        for name in "abcdef":
            loom.spawn(name, lambda name=name: steps(loom, told, name, 1, 1))
        play(loom)
        loom.close()
        return told

    assert shuffled() == shuffled()
    assert sorted(shuffled()) == sorted(f"{name} {at}" for name in "abcdef" for at in (1, 2))
