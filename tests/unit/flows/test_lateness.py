"""What is told of evacuations that Nova carries out when their recovery is over: one line a situation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from medevac.flows import lateness
from medevac.flows.lateness import Known
from medevac.flows.ports import Migration, Server

END = 10_000.0
BACK = Known("u1", "web", END - 60, "new")
LOST = Known("u1", "web", END)


def record(
    number: int, status: str, to: str = "new", *, changed: float = END - 100, made: float = END - 400
) -> Migration:
    return Migration(number, "u1", status, "dead", to, made, changed)


ARRIVED = record(1, "done")
STALE = record(2, "accepted", "", changed=END - 200)
LATE = record(1, "failed", "still", changed=END + 500)


@pytest.mark.parametrize(
    ("server", "records", "comes", "found"),
    [
        pytest.param(BACK, [ARRIVED], False, None, id="all is well"),
        pytest.param(BACK, [ARRIVED, STALE], True, None, id="an order is left"),
        pytest.param(BACK, [LATE, STALE], True, LATE, id="it was carried out"),
        pytest.param(BACK, [record(1, "failed", "full"), record(2, "done")], True, None, id="it was tried twice"),
        pytest.param(BACK, [record(1, "completed", changed=END + 900)], False, None, id="its host is back"),
        pytest.param(BACK, [record(1, "done", changed=END + 9)], False, None, id="clocks differ"),
        pytest.param(
            BACK, [LATE, record(2, "completed", changed=END + 900)], True, LATE, id="late, and its host is back"
        ),
        pytest.param(LOST, [record(1, "error", "")], False, None, id="there was no host"),
        pytest.param(LOST, [record(1, "accepted", "")], True, None, id="given up"),
        pytest.param(LOST, [record(1, "completed", "still")], True, None, id="given up, and its host was back"),
        pytest.param(LOST, [moved := record(1, "done", changed=END + 900)], True, moved, id="given up, and arrived"),
        pytest.param(BACK, [moved := record(1, "done", "x", changed=END + 9)], True, moved, id="moved once more"),
    ],
)
def test_what_may_come_and_what_has_come_late(
    server: Known, records: Sequence[Migration], comes: bool, found: Migration | None
) -> None:
    assert lateness.may_come(server, records) is comes
    assert lateness.late(server, records) == found


def test_what_was_asked_for_after_the_end_is_somebody_elses() -> None:
    assert lateness.of_each([ARRIVED, record(2, "accepted", made=END + 1)], END) == {"u1": [ARRIVED]}


def seen(vm_state: str, host: str, task_state: str = "") -> Server:
    return Server("u1", "web", "demo", host, vm_state, task_state, 1, "", "m1", "az1", locked=False, launched=True)


@pytest.mark.parametrize(
    ("server", "late", "now", "words"),
    [
        (BACK, LATE, seen("error", "new"), "web is in ERROR on new, and may run there all the same"),
        (
            BACK,
            LATE,
            seen("error", "new"),
            "nothing of it runs on still; then: openstack server set --state active u1",
        ),
        (BACK, LATE, seen("error", "new", "rebuilding"), "web is in ERROR on new"),
        (LOST, record(1, "done", "x"), seen("error", "x"), "web is in ERROR on x"),
        (LOST, record(1, "done", "x"), seen("active", "x"), "web has arrived on x after all, and is active there"),
        (BACK, record(1, "done", "x"), seen("active", "x"), "moved once more, from new to x"),
        (BACK, LATE, seen("active", "new"), ""),
        (LOST, record(1, "done", "x"), seen("active", "x", "powering-off"), ""),
        (LOST, LATE, seen("error", "dead"), ""),
        (BACK, LATE, seen("error", "dead"), "web is in ERROR on dead, and may run there all the same"),
        (BACK, LATE, seen("active", "dead"), ""),
        (BACK, record(1, "done", "x"), seen("active", "y"), ""),
    ],
)
def test_the_sentence_says_what_to_do_and_there_is_none_where_nothing_is(
    server: Known, late: Migration, now: Server, words: str
) -> None:
    said = lateness.told(server, late, now, "dead")
    assert words in said
    assert bool(said) is bool(words)


def test_what_a_report_says_of_servers_that_nova_was_asked_for_is_known() -> None:
    rows = [
        {"id": "u1", "name": "web", "attempts": 2, "recovered": True, "back_at": END - 60, "host": "new"},
        {"id": "u2", "name": "db", "attempts": 1, "recovered": False, "back_at": None, "host": ""},
        {"id": "u3", "name": "left", "attempts": 0, "recovered": False},
    ]
    assert lateness.known({"servers": rows}, END) == {"u1": BACK, "u2": Known("u2", "db", END)}
    assert lateness.known({}, END) == {}
