from __future__ import annotations

from medevac.core.journal import JournalEntry
from medevac.sandbox.demo.narrate import narrate


def _entry(at: float, step: str, text: str) -> JournalEntry:
    return JournalEntry(at=at, step=step, text=text)


def test_servers_of_one_moment_share_a_line() -> None:
    lines = narrate(
        [
            _entry(1.0, "fence", "ordering the power off"),
            *(_entry(2.0 + n / 100, "evacuate:pet", f"asking Nova to evacuate pet-{n}") for n in range(6)),
            _entry(4.0, "evacuate:pet", "pet-0: arrived on compute-1"),
            _entry(4.0, "evacuate:pet", "pet-1: arrived on compute-3"),
            _entry(5.0, "verify:pet", "2 of 6 servers of pet are back"),
        ]
    )

    assert [(line.at, line.who, line.text) for line in lines] == [
        (1.0, "fence", "ordering the power off"),
        (2.0, "pet", "asking Nova to evacuate pet-0, pet-1, pet-2 and 3 more"),
        (4.0, "pet", "pet-0, pet-1 arrived"),
        (5.0, "pet", "2 of 6 servers of pet are back"),
    ]


def test_the_same_said_later_or_by_another_policy_is_another_line() -> None:
    lines = narrate(
        [
            _entry(1.0, "evacuate:pet", "pet-0: arrived on compute-1"),
            _entry(3.0, "evacuate:pet", "pet-1: arrived on compute-1"),
            _entry(3.1, "evacuate:payments", "pay-0: arrived on compute-1"),
        ]
    )

    assert [line.text for line in lines] == ["pet-0 arrived", "pet-1 arrived", "pay-0 arrived"]


def test_nothing_said_is_no_line() -> None:
    assert narrate([]) == []
