"""A job that failed is parked with its reason, once; TaskFlow's own conductor drops it, or runs it in a hot loop."""

from __future__ import annotations

from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.workers.engine.claim import AbandonJobError
from medevac.workers.engine.parking import ParkedKind, parked
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post
from tests.fixtures.waiting import until


def executions(events: Path) -> int:
    return sum(each["event"] == "execute" for each in said(events))


def run_to_end(kind: str, client: KazooClient, hosts: str, *specs: dict[str, str], factory: str = "") -> None:
    with conducting(kind, hosts):
        post(client, "job", *specs, factory=factory)
        assert until(lambda: client.get_children(layout.BOARD) == [])


def test_ours_parks_a_failed_job_with_its_reason(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    run_to_end("ours", zk, zk_hosts, {"name": "a"}, {"name": "b", "error": "value"})
    (record,) = parked(zk).values()
    assert (record.kind, record.reason) == (ParkedKind.FAILED, "b: ValueError: b broke")
    assert [(each["event"], each["atom"]) for each in said(events) if each["event"] == "revert"] == [
        ("revert", "b"),
        ("revert", "a"),
    ]


def test_stock_drops_a_failed_job(zk: KazooClient, zk_hosts: str) -> None:
    run_to_end("stock", zk, zk_hosts, {"name": "a"}, {"name": "b", "error": "value"})
    assert parked(zk) == {}
    assert zk.get_children("/.trash") == []


def test_ours_runs_a_job_that_raises_an_execution_failure_once(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    run_to_end("ours", zk, zk_hosts, {"name": "a", "error": "execution"})
    assert executions(events) == 1
    assert [record.reason for record in parked(zk).values()] == ["a: ExecutionFailure: a broke"]


def test_stock_runs_a_job_that_raises_an_execution_failure_in_a_hot_loop(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    with conducting("stock", zk_hosts):
        post(zk, "job", {"name": "a", "error": "execution"})
        assert until(lambda: executions(events) >= 5)


def test_ours_parks_what_its_factory_cannot_build(zk: KazooClient, zk_hosts: str) -> None:
    run_to_end("ours", zk, zk_hosts, factory="broken")
    assert [record.reason for record in parked(zk).values()] == ["RuntimeError: the factory broke"]


def test_stock_puts_what_its_factory_cannot_build_into_the_trash_without_a_reason(
    zk: KazooClient, zk_hosts: str
) -> None:
    run_to_end("stock", zk, zk_hosts, factory="broken")
    (name,) = zk.get_children("/.trash")
    assert b"the factory broke" not in zk.get(f"/.trash/{name}")[0]


def test_ours_parks_a_job_whose_flow_is_gone(zk: KazooClient, zk_hosts: str) -> None:
    post(zk, "job", {"name": "a"})
    (flow,) = zk.get_children(f"{layout.BOOKS}/flow_details")
    zk.delete(f"{layout.BOOKS}/flow_details/{flow}")
    with conducting("ours", zk_hosts):
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert [record.reason.partition(":")[0] for record in parked(zk).values()] == ["NotFound"]


def test_ours_waits_before_it_takes_up_again_what_it_gave_back(zk: KazooClient, zk_hosts: str) -> None:
    asked: list[str] = []

    def prepare(job: object, _claim: object) -> dict[str, object]:
        asked.append(str(job))
        if len(asked) < 3:
            raise AbandonJobError
        return {}

    with conducting("ours", zk_hosts, prepare=prepare) as running:
        post(zk, "job", {"name": "a"})
        assert until(lambda: len(asked) == 1)
        assert until(lambda: running.conductor.board.next_due() is not None)
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert len(asked) == 3


def test_ours_ends_a_job_that_is_claimed_without_end(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    path = post(zk, "job", {"name": "a"})
    for _ in range(4):
        zk.set(path, zk.get(path)[0])
    with conducting("ours", zk_hosts, claim_limit=3):
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert executions(events) == 0
    assert "claimed 5 times" in next(iter(parked(zk).values())).reason
