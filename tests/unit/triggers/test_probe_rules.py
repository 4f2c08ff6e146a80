"""When something that is looked at counts as failed: N in a row, and only what was well before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medevac.triggers.probe_rules import Change, Outcome, Patience, Streak, judge

WORDS = {"w": Outcome.WELL, "f": Outcome.FAILED, "?": Outcome.UNKNOWN}


def told(seen: str, patience: Patience | None = None, *, armed: bool = False) -> str:
    """Return what is told after each look: D, U or a dot."""
    streak, said = Streak(armed=armed), ""
    for at, letter in enumerate(seen):
        streak, change = judge(streak, WORDS[letter], patience or Patience(), float(at))
        said += {None: ".", Change.DOWN: "D", Change.UP: "U"}[change]
    return said


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ("wfff", "...D"),
        ("fffffff", "......."),  # it was never well: a guest without an agent, or one that boots
        ("wffwff", "......"),
        ("wff?f", "....."),  # what cannot be asked breaks the row
        ("wfffff", "...D.."),  # told once
        ("wfffwfww", "...D...U"),
        ("wfffw?w", "...D..."),
        ("wfffwwfff", "...D.U..D"),
        ("????", "...."),
    ],
)
def test_rows_of_looks_and_what_is_told(seen: str, said: str) -> None:
    assert told(seen) == said


def test_a_network_that_is_down_from_the_start_is_told() -> None:
    assert told("fff", armed=True) == "..D"


def test_the_first_failure_of_the_row_dates_it() -> None:
    streak = Streak(armed=True)
    for at in (10.0, 20.0, 30.0):
        streak, _ = judge(streak, Outcome.FAILED, Patience(), at)
    assert streak.since == 10.0


@settings(deadline=None)
@given(st.text(st.sampled_from("wf?"), max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_down_and_up_take_turns_and_each_follows_its_row(seen: str, failures: int, successes: int) -> None:
    said = told(seen, Patience(failures, successes))
    assert "".join(said.split(".")) in ("DU" * 40)[: len(said.replace(".", ""))]
    for at, letter in enumerate(said):
        if letter == "D":
            assert seen[: at + 1].endswith("f" * failures)
        if letter == "U":
            assert seen[: at + 1].endswith("w" * successes)
