"""A flow found reverted is ended; TaskFlow's own conductor runs it again from its start."""

from __future__ import annotations

from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.workers.engine.parking import parked
from tests.component.engine.flows import said
from tests.component.engine.harness import child, conducting, post
from tests.fixtures.waiting import until

SESSION = 1.5


def executions_after_death_at(state: str, kind: str, client: KazooClient, hosts: str, events: Path) -> int:
    post(client, "job", {"name": "a"}, {"name": "b", "error": "" if state == "SUCCESS" else "value"})
    with child("conductor_main.py", kind, hosts, str(SESSION), state, events=events) as victim:
        victim.wait(60)
    assert client.get_children(layout.BOARD) != []
    with conducting(kind, hosts):
        assert until(lambda: client.get_children(layout.BOARD) == [])
    return sum(each["event"] == "execute" and each["atom"] == "a" for each in said(events))


def test_ours_ends_a_flow_found_reverted(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    assert executions_after_death_at("REVERTED", "ours", zk, zk_hosts, events) == 1
    assert [record.reason for record in parked(zk).values()] == ["b: ValueError: b broke"]


def test_ours_ends_a_flow_found_succeeded(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    assert executions_after_death_at("SUCCESS", "ours", zk, zk_hosts, events) == 1
    assert parked(zk) == {}


def test_stock_runs_a_flow_found_reverted_again(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    assert executions_after_death_at("REVERTED", "stock", zk, zk_hosts, events) == 2
