"""A claim ends with its session; TaskFlow's own conductor claims its own running job again, because its name did."""

from __future__ import annotations

from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, expire, post
from tests.fixtures.waiting import until


def executions(events: Path, atom: str) -> int:
    return sum(each["event"] == "execute" and each["atom"] == atom for each in said(events))


def test_ours_ends_itself_and_touches_the_job_no_more(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    gate = events.with_name("gate")
    with conducting("ours", zk_hosts) as first:
        post(zk, "job", {"name": "a", "gate": str(gate)}, {"name": "b"})
        assert until(lambda: executions(events, "a") == 1)
        expire(first.client)
        assert until(lambda: first.conductor.lost)
        gate.touch()
        first.thread.join(60)
        assert not first.thread.is_alive()
        assert (executions(events, "a"), executions(events, "b")) == (1, 0)
        assert len(zk.get_children(layout.BOARD)) == 1
        with conducting("ours", zk_hosts):
            assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert (executions(events, "a"), executions(events, "b")) == (2, 1)


def test_stock_runs_its_own_job_twice_at_once(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    gate = events.with_name("gate")
    with conducting("stock", zk_hosts) as first:
        post(zk, "job", {"name": "a", "gate": str(gate)}, {"name": "b"})
        assert until(lambda: executions(events, "a") == 1)
        expire(first.client)
        twice = until(lambda: executions(events, "a") == 2)
        gate.touch()
    assert twice
