from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.demo.checks import check, recovered
from medevac.sandbox.demo.facts import Facts
from tests.unit.demo.facts_builder import handled, host, incident, perfect, record, run, server

Spoil = Callable[[Facts], Facts]


def _with_server(name: str, **changes: object) -> Spoil:
    def spoil(facts: Facts) -> Facts:
        after = [server(name, "compute-1", **changes) if each.name == name else each for each in facts.after]  # type: ignore[arg-type] # what server() takes
        return replace(facts, after=after)

    return spoil


def test_a_perfect_run_breaks_no_rule_and_recovers_every_server() -> None:
    facts = perfect()

    assert [each for each in check(facts) if not each.held] == []
    assert len(recovered(facts)) == 4


SPOILT: dict[str, tuple[Spoil, str]] = {
    "no server ever ran twice at once": (
        lambda facts: replace(facts, runs=[*facts.runs, run("pet-01", "compute-3", 104.0, 104.5)]),
        r"pet-01 ran on compute-1 and on compute-3 at the same time, from \+4.00 s on",
    ),
    "nothing was evacuated before the host was off": (
        lambda facts: replace(facts, records=[record(9, "pet-01", 100.9, 103.0), *facts.records[1:]]),
        r"began at \+0.90 s, and the host was off at \+1.00 s",
    ),
    "every server that ran runs again, once": (_with_server("web-01", runs_on=()), "web-01 runs nowhere"),
    "what its owner had stopped stays stopped": (
        lambda facts: replace(facts, runs=[*facts.runs, run("web-02", "compute-1", 112.0)]),
        "web-02, which its owner had stopped, was started",
    ),
    "what its owner had locked stays locked": (_with_server("pay-01", locked=False), "pay-01 was unlocked"),
    "no server was evacuated twice": (
        lambda facts: replace(facts, records=[*facts.records, record(5, "web-01", 111.0, 112.0)]),
        "web-01 was evacuated 2 times",
    ),
    "higher policies were ready before lower began": (
        lambda facts: replace(facts, records=[*facts.records[:2], record(3, "web-01", 104.5, 112.2)]),
        "web-01 was evacuated before pay-01 came back",
    ),
    "servers of other hosts were left alone": (
        lambda facts: replace(facts, records=[*facts.records, record(5, "web-03", 111.0, 112.0)]),
        "web-03 on compute-1, a healthy host, was touched",
    ),
    "one incident, one job, one fencing": (
        lambda facts: replace(facts, power={"compute-2": {"off": 2}}),
        "switched 2 times, not 1",
    ),
    "each event became exactly one thing": (
        lambda facts: replace(facts, handled=[handled(1, Outcome.INCIDENT)], waiting=["event-2"]),
        "2 alerts were sent, and 1 events are settled",
    ),
    "the host is out of service, in our name": (
        lambda facts: replace(facts, hosts=[host("compute-2", out=False)]),
        "forced down False",
    ),
    "nothing is left undone": (
        lambda facts: replace(facts, incidents=[incident(IncidentState.PARKED)]),
        "is parked",
    ),
    "a killed conductor's work was finished": (
        lambda facts: replace(facts, journal=facts.journal[:2]),
        "nobody took over from one",
    ),
    "the cloud's own observer objects to nothing": (
        lambda facts: replace(facts, objections=["at 104.000: server id-pet-01 runs on compute-3"]),
        "^server pet-01 runs on compute-3$",
    ),
}


@pytest.mark.parametrize("rule", SPOILT)
def test_a_rule_that_is_broken_is_found_broken(rule: str) -> None:
    spoil, sentence = SPOILT[rule]

    broken = {each.rule: each.broken for each in check(spoil(perfect())) if not each.held}

    assert rule in broken
    assert any(re.search(sentence, each) for each in broken[rule]), broken


def test_every_rule_has_a_test_that_breaks_it() -> None:
    assert {each.rule for each in check(perfect())} == set(SPOILT)


def test_two_jobs_and_two_incidents_break_the_rule_of_one() -> None:
    facts = perfect()
    second = replace(facts, incidents=[incident(attempt=2), incident()])

    broken = next(each.broken for each in check(second) if each.rule.startswith("one incident"))

    assert len(broken) == 2


def test_a_host_whose_guests_run_on_was_evacuated_too_early() -> None:
    facts = perfect()
    running = replace(facts, runs=[run("pet-01", "compute-2", 0.0), *facts.runs[1:]])

    broken = next(each.broken for each in check(running) if each.rule.startswith("nothing was evacuated"))

    assert broken == ("evacuations began at +2.00 s, and guests still run on compute-2",)


def test_no_kill_is_no_violation_where_none_was_wanted() -> None:
    facts = perfect()

    assert all(each.held for each in check(replace(facts, kill_wanted=False, takeover=None)))
    assert not all(each.held for each in check(replace(facts, takeover=None)))


def test_a_server_that_is_not_what_it_was_has_not_recovered() -> None:
    facts = _with_server("web-01", runs_on=())(perfect())

    assert [each.name for each in recovered(facts)] == ["pet-01", "pay-01", "web-02"]
