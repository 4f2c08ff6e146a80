"""Who wins a server, and why the others do not."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medevac.flows.policy.checks import includes
from medevac.flows.policy.language import Disable, Evacuate, Fence, Flow, Match, Policy, Priority, Verify
from medevac.flows.policy.matching import ServerFacts, matches, winner
from tests.unit.policy import strategies

SERVER = ServerFacts(
    id="5f0a3c0e",
    name="db-1",
    project_id="p1",
    project_name="payments",
    host="compute-3",
    zone="az1",
    aggregates=("ssd", "rack-7"),
    metadata={"ha": "no"},
    flavor="m1.large",
    image="",
)
MOVES = Flow((Fence(), Disable(), Evacuate(), Verify()))


def promise(match: Match, name: str = "pet", failure: str = "host.down") -> Policy:
    return Policy(name=name, match=match, when={failure: MOVES})


@pytest.mark.parametrize(
    "match",
    [
        Match(),
        Match(az=("az1",)),
        Match(az=("az2", "az*")),
        Match(host=("compute-*",)),
        Match(aggregate=("rack-7",)),
        Match(project=("payments",)),
        Match(project=("p1",)),
        Match(server=("db-*",)),
        Match(server=("5f0a3c0e",)),
        Match(metadata={"ha": ("*",)}),
        Match(flavor=("m1.*",)),
        Match(image=("",)),
        Match(az=("az1",), host=("compute-3",), metadata={"ha": ("yes", "no")}),
    ],
)
def test_a_server_is_covered_when_all_lines_hold_by_any_of_their_values(match: Match) -> None:
    policy = promise(match)

    assert winner([policy], SERVER, "host.down").policy is policy


@pytest.mark.parametrize(
    ("match", "sentence"),
    [
        (Match(metadata={"ha": ("pet",)}), "pet: metadata ha is 'no', wanted 'pet'"),
        (Match(metadata={"role": ("db", "web")}), "pet: metadata role is not set, wanted 'db' or 'web'"),
        (Match(az=("az2", "az3")), "pet: az is 'az1', wanted 'az2' or 'az3'"),
        (Match(project=("billing-*",)), "pet: project is 'payments' or 'p1', wanted 'billing-*'"),
        (Match(aggregate=("gpu",)), "pet: aggregate is 'ssd' or 'rack-7', wanted 'gpu'"),
        (Match(image=("*-*",)), "pet: image is '', wanted '*-*'"),
        (Match(server=("db",)), "pet: server is 'db-1' or '5f0a3c0e', wanted 'db'"),
        (Match(host=("compute-3",), flavor=("M1.*",)), "pet: flavor is 'm1.large', wanted 'M1.*'"),
    ],
)
def test_a_policy_that_does_not_cover_a_server_says_what_was_lacking(match: Match, sentence: str) -> None:
    verdict = winner([promise(match)], SERVER, "host.down")

    assert verdict.policy is None
    assert [str(reason) for reason in verdict.reasons] == [sentence]


def test_no_aggregate_at_all_reads_well() -> None:
    server = dataclasses.replace(SERVER, aggregates=())
    verdict = winner([promise(Match(aggregate=("gpu",)))], server, "host.down")

    assert str(verdict.reasons[0]) == "pet: aggregate is none, wanted 'gpu'"


def test_the_first_that_covers_the_server_and_knows_the_failure_wins_whatever_its_priority() -> None:
    deaf = promise(Match(), "deaf", "libvirt.down")
    first = promise(Match(az=("az1",)), "first")
    later = dataclasses.replace(promise(Match(), "later"), priority=Priority.CRITICAL)
    verdict = winner([deaf, first, later], SERVER, "host.down")

    assert verdict.policy is first
    assert [str(reason) for reason in verdict.reasons] == [
        "deaf: it does not answer host.down",
        "later: first comes first",
    ]


@settings(max_examples=300, deadline=None, database=None)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
@example("a*b*b", "ab")
@example("ab*ba", "aba")
@example("*a*a*", "a")
def test_a_star_stands_for_any_characters(pattern: str, text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None

    assert matches(pattern, text) == expected


@pytest.mark.parametrize(("pattern", "text"), [("[ab]", "a"), ("a?", "ab"), ("AZ1", "az1"), ("a.", "ab")])
def test_nothing_but_the_star_is_special(pattern: str, text: str) -> None:
    assert not matches(pattern, text)
    assert matches(pattern, pattern)


@settings(max_examples=300, deadline=None, database=None)
@given(strategies.matches, strategies.matches, strategies.servers)
def test_what_one_match_includes_it_covers(wide: Match, narrow: Match, server: ServerFacts) -> None:
    covered = winner([promise(narrow)], server, "host.down").policy is not None

    if includes(wide, narrow) and covered:
        assert winner([promise(wide)], server, "host.down").policy is not None


@settings(max_examples=100, deadline=None, database=None)
@given(strategies.matches)
def test_every_match_includes_itself_and_everyone_includes_every_match(match: Match) -> None:
    assert includes(match, match)
    assert includes(Match(), match)
    assert includes(match, Match()) == match.everyone


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(strategies.policies, max_size=4), strategies.servers)
def test_each_policy_wins_or_says_why_not(policies: list[Policy], server: ServerFacts) -> None:
    verdict = winner(policies, server, "host.down")

    assert len(verdict.reasons) + (verdict.policy is not None) == len(policies)
    assert all(reason.text for reason in verdict.reasons)
