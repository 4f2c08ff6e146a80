from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from medevac.sandbox.demo import figures, report
from medevac.sandbox.demo.bare import BareFigures
from medevac.sandbox.demo.facts import Facts
from medevac.sandbox.demo.narrate import Line
from tests.unit.demo.facts_builder import perfect

BARE = BareFigures(seconds=2.5, http_requests=8, servers=4)
LINES = [Line(100.0, "demo", "compute-2 loses its network " + "and more " * 20), Line(101.0, "fence", "off")]


def _made(facts: Facts) -> report.Report:
    return report.make(facts, LINES, BARE)


def test_the_marks_of_the_timeline_are_measured_from_the_alert() -> None:
    assert figures.seconds(perfect()) == figures.Seconds(
        event_to_fence=0.5, first_server=2.8, last_server=11.8, takeover=4.0
    )


def test_down_time_is_taken_from_the_ledger_by_server_and_by_policy() -> None:
    found = figures.downtimes(perfect())

    assert [(each.name, each.seconds) for each in found] == [
        ("pet-01", 2.0),
        ("pay-01", 4.0),
        ("web-02", None),
        ("web-01", 11.0),
    ]
    everyone = figures.by_policy(found)[-1]
    assert (everyone.servers, everyone.back, everyone.last) == (2, 1, 11.0)


def test_the_document_for_machines_has_what_was_promised() -> None:
    document = json.loads(json.dumps(report.document(_made(perfect()))))

    assert document["servers"] == document["recovered"] == 4
    assert document["violations"] == []
    assert document["conductor_killed"] is True
    assert document["http_requests_per_server"] == 10.0
    assert document["zookeeper_operations_per_server"] == 20.0
    assert document["bare_seconds"] == 2.5
    assert set(document["seconds"]) == {"event_to_fence", "first_server", "last_server", "takeover"}


def test_a_run_in_which_nothing_happened_can_still_be_reported() -> None:
    nothing = replace(perfect(), incidents=[], journal=[], records=[], takeover=None, handled=[], power={})

    made = _made(nothing)

    assert not made.held
    assert report.document(made)["seconds"]["event_to_fence"] is None


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_the_terminal(width: int) -> None:
    facts = replace(perfect(), objections=["at 104.000: " + "something long " * 20])
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)

    report.show(_made(facts), console)

    file = console.file
    assert isinstance(file, io.StringIO)
    lines = file.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    assert any("1 of 14 rules broken" in line for line in lines)


def test_a_plain_report_breaks_no_line() -> None:
    console = Console(file=io.StringIO(), width=80)

    report.show(_made(perfect()), console)

    file = console.file
    assert isinstance(file, io.StringIO)
    assert f"    +0.00  demo      {LINES[0].text}".rstrip() in [line.rstrip() for line in file.getvalue().splitlines()]
    assert "everything held" in file.getvalue()
