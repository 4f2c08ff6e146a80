"""How commands print: whole lines for programs, no word broken at the edge of a terminal for people."""

from __future__ import annotations

import pytest

from medevac.cli.output import arranged, hung

ROWS = [
    ("EVENT", "KIND", "SEEN", "WHY"),
    ("000660e3d3499500-59126a5c", "host.lost", "2026-11-22 21:04:38Z", "a lost connection alone proves nothing"),
    ("000660e3d349bb0e-55774db5", "host.down", "2026-11-22 21:04:39Z", "known"),
]


def test_a_program_gets_one_line_a_row_however_long() -> None:
    assert list(arranged(ROWS, None)) == [
        "EVENT                      KIND       SEEN                  WHY",
        "000660e3d3499500-59126a5c  host.lost  2026-11-22 21:04:38Z  a lost connection alone proves nothing",
        "000660e3d349bb0e-55774db5  host.down  2026-11-22 21:04:39Z  known",
    ]


def test_the_last_column_is_folded_below_its_own_head() -> None:
    assert list(arranged(ROWS, 85))[1:3] == [
        "000660e3d3499500-59126a5c  host.lost  2026-11-22 21:04:38Z  a lost connection alone",
        "                                                            proves nothing",
    ]


def test_what_does_not_fit_goes_below_in_every_row() -> None:
    assert list(arranged(ROWS, 62)) == [
        "EVENT                      KIND       SEEN",
        "  WHY",
        "000660e3d3499500-59126a5c  host.lost  2026-11-22 21:04:38Z",
        "  a lost connection alone proves nothing",
        "000660e3d349bb0e-55774db5  host.down  2026-11-22 21:04:39Z",
        "  known",
    ]


@pytest.mark.parametrize("width", [30, 47, 62, 80, 200])
def test_nothing_is_lost_and_only_a_single_word_is_ever_wider_than_the_terminal(width: int) -> None:
    lines = list(arranged(ROWS, width))
    assert " ".join(lines).split() == [word for row in ROWS for cell in row for word in cell.split()]
    assert [line for line in lines if len(line) > width] == []


def test_a_text_hangs_behind_its_head_or_below_where_that_leaves_no_room() -> None:
    assert hung("  +1.2  triage  ", "host.down of compute-3: fence", 40) == [
        "  +1.2  triage  host.down of compute-3:",
        "                fence",
    ]
    assert hung("  +1.2  triage  ", "host.down of compute-3: fence", 38) == [
        "  +1.2  triage  host.down of",
        "  compute-3: fence",
    ]


def test_an_empty_text_leaves_its_head() -> None:
    assert hung("compute-1  ", "", 5) == ["compute-1"]
