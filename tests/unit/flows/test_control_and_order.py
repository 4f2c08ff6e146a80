"""Control together with order: rounds and alternatives of servers that are held, wait, or are waited for."""

from __future__ import annotations

import pytest

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    After,
    Disable,
    Ending,
    Evacuate,
    Fence,
    FirstOf,
    Flow,
    If,
    Match,
    Notify,
    Policy,
    Priority,
    Result,
    Retry,
    Step,
    Verify,
    Wait,
)
from tests.unit.flows.recovering import trying
from tests.unit.flows.tiers import Tiers, after, assert_clean, tier

ONCE = trying(0, wait=0)
VERSIONS = pytest.mark.parametrize("version", ["2.96", "2.94"])
"""A Nova that can hold evacuated servers, and one that cannot."""
FIRST = tier("db", priority=Priority.HIGH, evacuate=trying(3, wait=1))
"""Whom others wait for, by a policy whose servers go first: what fails there is tried again before anybody goes on."""


def controlled(role: str, *steps: Step, waits: tuple[After, ...] = (), ending: Ending = Ending.SKIP) -> Policy:
    made = Flow((Fence(), Disable(), *steps))
    match = Match(metadata={"role": (role,)})
    return Policy(name=role, match=match, after=waits, when={"host.down": made}, on_failure=ending)


def again(times: int, *steps: Step, wait: float = 10) -> Retry:
    return Retry(times=times, wait=Duration(wait), steps=steps)


@VERSIONS
def test_servers_that_wait_are_started_after_a_round_that_brings_back_whom_they_wait_for(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.server("db-1").pinned_zone = "nowhere"
    recovery.after(20, lambda: setattr(recovery.server("db-1"), "pinned_zone", None))
    recovery.run(tier("app", after("db", timeout=900)), controlled("db", again(5, ONCE, Verify(), wait=15)))

    assert recovery.raised is None
    assert set(recovery.results().values()) == {"recovered"}
    at = recovery.started()
    assert at["db-1"] > 15
    assert_clean(recovery)


@VERSIONS
def test_a_round_of_servers_that_wait_takes_on_only_those_that_are_left(version: str) -> None:
    recovery = Tiers("app-1", "app-2", "db-1", version=version, spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 2
    recovery.run(controlled("app", again(4, ONCE, Verify()), waits=(after("db"),)), FIRST)

    assert recovery.raised is None
    assert set(recovery.results().values()) == {"recovered"}
    at = recovery.started()
    assert at["db-1"] < min(at["app-1"], at["app-2"])
    assert_clean(recovery)


@VERSIONS
def test_the_second_alternative_waits_for_the_same_servers_as_the_first(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version, spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 1
    waits = (after("db", delay=20),)
    recovery.run(controlled("app", FirstOf(((ONCE,), (Wait(Duration(5)), ONCE))), Verify(), waits=waits), FIRST)

    assert recovery.raised is None
    assert set(recovery.results().values()) == {"recovered"}
    at = recovery.started()
    assert at["app-1"] >= at["db-1"] + 20
    assert_clean(recovery)


@VERSIONS
def test_a_condition_speaks_of_servers_that_waited_in_vain(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.server("db-1").pinned_zone = "nowhere"
    waits = (after("db", timeout=30, then="stop"),)
    tell = If("evacuate", Result.FAILED, (Notify(to="ops", text="{failed} of {servers}: {reason}"),))
    recovery.run(controlled("app", Evacuate(), tell, waits=waits), tier("db", evacuate=trying(0)))

    assert recovery.results() == {"app-1": "failed", "db-1": "failed"}
    (sent,) = recovery.site.notifier.sent
    assert "app-1: it" in sent.text
    assert "waited in vain for db-1: not active within 30 s" in sent.text
    assert recovery.started() == {}
    assert_clean_but_for_those_left(recovery)


def test_a_flow_that_stops_leaves_no_held_server_unstarted_without_a_word() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.server("db-1").pinned_zone = "nowhere"
    waits = (after("db", timeout=30),)
    recovery.run(
        controlled("app", Evacuate(), Verify(), waits=waits, ending=Ending.STOP),
        controlled("db", ONCE, Wait(Duration(900)), ending=Ending.STOP),
    )

    assert recovery.results() == {"app-1": "recovered", "db-1": "failed"}
    assert "waited in vain" in recovery.told()
    assert recovery.seconds() < 600, "the wait behind the failure was not begun"


def assert_clean_but_for_those_left(recovery: Tiers) -> None:
    with recovery.world.settled() as world:
        running = {run.server_id for run in world.ledger.runs if run.ended_at is None}
        assert recovery.server("app-1").id not in running
