"""Servers in states that Nova does not evacuate: reset only where their policy wants them moved, and only once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows.policy.language import Answer, Policy, States
from medevac.sandbox.cloud.model import actions, verdict
from tests.unit.flows.recovering import Recovery, policy, trying

STATES = pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized"])


def moving(state: str, retry: int = 0) -> Policy:
    return replace(policy(evacuate=trying(retry, wait=1)), states=States(**{state: Answer.EVACUATE}))


def resets(recovery: Recovery) -> int:
    return recovery.told().count("its state was reset so that Nova evacuates it")


@STATES
def test_a_server_that_its_policy_wants_moved_is_reset_first_and_arrives_running(state: str) -> None:
    recovery = Recovery("plain", odd=state)
    recovery.run(moving(state))

    assert recovery.raised is None
    assert recovery.results() == {"plain": "recovered", "odd": "recovered"}
    assert recovery.server("odd").vm_state == "active"
    assert f"odd was {state}: its state was reset" in recovery.told()
    assert resets(recovery) == 1
    assert recovery.calls() == 3, "two evacuations and one reset"
    assert verdict.violations(recovery.world) == ()


@STATES
def test_without_a_word_it_is_held_as_it_is_and_nobody_touches_it(state: str) -> None:
    recovery = Recovery("plain", odd=state)
    recovery.run(policy())

    assert recovery.server("odd").vm_state == state
    assert recovery.server("odd").host == "dead"
    assert resets(recovery) == 0
    assert recovery.calls() == 1


def test_a_second_try_does_not_reset_what_is_in_error_already() -> None:
    recovery = Recovery(odd="paused", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 1
    recovery.run(moving("paused", retry=2))

    assert recovery.results() == {"odd": "recovered"}
    assert recovery.rows()["odd"]["attempts"] == 2
    assert resets(recovery) == 1


def test_a_server_that_its_owner_deletes_meanwhile_is_not_reset() -> None:
    recovery = Recovery("plain", odd="paused")
    odd = recovery.server("odd").id
    recovery.after(0.0, lambda: actions.delete(recovery.world, odd))
    recovery.run(moving("paused"))

    assert recovery.server("odd").deleted
    assert resets(recovery) == 0
    assert recovery.results()["plain"] == "recovered"
