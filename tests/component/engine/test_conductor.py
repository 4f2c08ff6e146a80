"""What a conductor promises to the worker that owns it: hooks, one ending, a graceful stop."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from kazoo.client import KazooClient, TransactionRequest
from taskflow import states

from medevac.core import layout
from medevac.workers.engine.claim import AbandonJobError, Claim, FencedOutError
from medevac.workers.engine.outcome import Outcome
from medevac.workers.engine.parking import parked
from medevac.workers.engine.posting import Priority
from medevac.workers.engine.sweep import sweep
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post
from tests.fixtures.waiting import until


def ran(events: Path) -> list[str]:
    return [each["atom"] for each in said(events) if each["event"] == "execute"]


def empty(client: KazooClient) -> bool:
    return bool(client.get_children(layout.BOARD) == [])


def test_what_prepare_returns_reaches_the_steps_and_is_not_stored(zk: KazooClient, zk_hosts: str) -> None:
    seen: list[tuple[str, Claim]] = []

    def prepare(job: object, claim: Claim) -> dict[str, object]:
        seen.append((str(job), claim))
        return {"ports": lambda: "answered"}

    with conducting("ours", zk_hosts, prepare=prepare):
        post(zk, "job", factory="with_ports")
        assert until(lambda: empty(zk))
    (atom,) = zk.get_children(f"{layout.BOOKS}/atom_details")
    raw = zk.get(f"{layout.BOOKS}/atom_details/{atom}")[0]
    assert b'"answered"' in raw
    assert b"ports" not in raw
    assert seen[0][1].token == 1


def test_finish_writes_in_the_transaction_that_ends_the_job(
    zk: KazooClient, zk_hosts: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Outcome] = []

    def finish(outcome: Outcome, transaction: TransactionRequest) -> None:
        outcomes.append(outcome)
        transaction.create(f"{layout.INCIDENTS}/{outcome.job.name}", outcome.flow_state.encode())

    with conducting("ours", zk_hosts, finish=finish):
        post(zk, "good", {"name": "a"})
        post(zk, "bad", {"name": "a", "error": "value"})
        assert until(lambda: empty(zk))
    assert {name: zk.get(f"{layout.INCIDENTS}/{name}")[0] for name in ("good", "bad")} == {
        "good": b"SUCCESS",
        "bad": b"REVERTED",
    }
    bad = next(outcome for outcome in outcomes if not outcome.succeeded)
    assert (bad.reason, type(bad.exception)) == ("a: ValueError: a broke", ValueError)
    assert "bad: a failed as nobody has foreseen:" in caplog.text
    assert "flows.py" in caplog.text
    assert parked(zk) == {}


def test_a_finish_that_fails_leaves_the_job_to_be_ended_later_and_runs_nothing_again(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    calls: list[str] = []

    def finish(outcome: Outcome, transaction: TransactionRequest) -> None:
        calls.append(outcome.flow_state)
        if len(calls) == 1:
            message = "the finish broke"
            raise RuntimeError(message)
        if len(calls) == 2:
            transaction.create(layout.INCIDENTS)

    with conducting("ours", zk_hosts, finish=finish):
        post(zk, "job", {"name": "a"})
        assert until(lambda: empty(zk))
    assert calls == [states.SUCCESS] * 3
    assert ran(events) == ["a"]


def test_a_held_job_is_not_claimed_until_it_is_released(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    asked = threading.Event()
    held = {"job"}

    def may_claim(job: object) -> bool:
        asked.set()
        return getattr(job, "name", "") not in held

    with conducting("ours", zk_hosts, may_claim=may_claim) as running:
        post(zk, "job", {"name": "a"})
        assert asked.wait(30)
        post(zk, "other", {"name": "b"})
        assert until(lambda: ran(events) == ["b"])
        held.clear()
        running.conductor.waker.wake()
        assert until(lambda: empty(zk))
    assert ran(events) == ["b", "a"]


def test_a_hook_between_steps_can_end_a_job_without_reverting_it(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    def between_atoms(_job: object, _claim: Claim) -> None:
        if "a" in ran(events):
            message = "an operator said stop"
            raise RuntimeError(message)

    with conducting("ours", zk_hosts, between_atoms=between_atoms):
        post(zk, "job", {"name": "a"}, {"name": "b"})
        assert until(lambda: empty(zk))
    assert [each["event"] for each in said(events)] == ["execute", "executed"]
    assert [record.reason for record in parked(zk).values()] == ["RuntimeError: an operator said stop"]


def test_a_hook_between_steps_can_give_a_job_back(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    raised = threading.Event()

    def between_atoms(_job: object, _claim: Claim) -> None:
        if "a" in ran(events) and not raised.is_set():
            raised.set()
            raise AbandonJobError

    with conducting("ours", zk_hosts, between_atoms=between_atoms):
        post(zk, "job", {"name": "a"}, {"name": "b"})
        assert until(lambda: empty(zk))
    assert ran(events) == ["a", "b"]
    assert parked(zk) == {}


def test_a_step_that_could_not_prove_its_claim_reverts_nothing_and_is_run_again(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    claims: list[Claim] = []

    def prepare(_job: object, claim: Claim) -> dict[str, object]:
        claims.append(claim)

        def port() -> str:
            if len(claims) == 1:
                claim.revoked.set()
                raise FencedOutError
            return "answered"

        return {"ports": port}

    with conducting("ours", zk_hosts, prepare=prepare):
        post(zk, "job", factory="with_ports")
        assert until(lambda: empty(zk))
    assert [claim.token for claim in claims] == [1, 2]
    assert said(events) == []
    assert parked(zk) == {}


def test_stopping_ends_the_running_step_and_another_conductor_goes_on_with_the_next(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    gate = events.with_name("gate")
    with conducting("ours", zk_hosts) as first:
        post(zk, "job", {"name": "a", "gate": str(gate)}, {"name": "b"})
        assert until(lambda: ran(events) == ["a"])
        first.conductor.stop()
        gate.touch()
        first.thread.join(60)
        assert not first.thread.is_alive()
        assert len(zk.get_children(layout.BOARD)) == 1
        with conducting("ours", zk_hosts):
            assert until(lambda: empty(zk))
    assert ran(events) == ["a", "b"]


def test_an_urgent_job_overtakes_those_that_wait_for_a_slot(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    gate = events.with_name("gate")
    with conducting("ours", zk_hosts, slots=1):
        post(zk, "first", {"name": "first", "gate": str(gate)})
        assert until(lambda: ran(events) == ["first"])
        for number in range(3):
            post(zk, f"n{number}", {"name": f"n{number}"})
        post(zk, "urgent", {"name": "urgent"}, priority=Priority.CRITICAL)
        gate.touch()
        assert until(lambda: empty(zk))
    assert ran(events) == ["first", "urgent", "n0", "n1", "n2"]


def test_the_sweep_removes_ended_logbooks_that_are_old_enough_and_no_others(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    with conducting("ours", zk_hosts):
        post(zk, "ended", {"name": "a"}, {"name": "b"})
        assert until(lambda: empty(zk))
    post(zk, "waiting", {"name": "c"})
    assert sweep(zk, keep=3600) == ()
    assert len(sweep(zk, keep=-60)) == 1
    assert sweep(zk, keep=-60) == ()
    assert len(zk.get_children(f"{layout.BOOKS}/books")) == 1
    assert zk.get_children(f"{layout.BOOKS}/atom_details") == []
    with conducting("ours", zk_hosts):
        assert until(lambda: empty(zk))
    assert ran(events) == ["a", "b", "c"]
