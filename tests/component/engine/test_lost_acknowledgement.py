"""A claim that ZooKeeper took, and whose answer was lost, is released; in TaskFlow's own board the job is stuck."""

from __future__ import annotations

from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.sandbox.zookeeper import ZookeeperServer
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post
from tests.fixtures.proxy import Proxy
from tests.fixtures.waiting import until

STUCK = 3.0
"""Seconds; ours runs the job 0.3 s after the loss."""


def executions(events: Path) -> int:
    return sum(each["event"] == "execute" for each in said(events))


def run_after_a_lost_answer(kind: str, trap: bytes, zookeeper: ZookeeperServer, zk: KazooClient, site: str) -> bool:
    """Tell whether a job leaves the board although the answer to what *trap* marks was lost."""
    with Proxy(("127.0.0.1", zookeeper.port)) as proxy, conducting(kind, f"{proxy.hosts}/{site}") as running:
        assert until(lambda: running.conductor.dispatching)
        proxy.trap = trap
        post(zk, "job", {"name": "a"})
        assert until(proxy.sprung.is_set)
        ended = until(lambda: zk.get_children(layout.BOARD) == [], STUCK if kind == "stock" else 30)
        # Stuck: job and lock are there, and the session of the lock lives.
        assert ended or len(zk.get_children(layout.BOARD)) == 2
        return ended


def test_ours_releases_its_own_lock_and_runs_the_job_once(
    zookeeper: ZookeeperServer, zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    assert run_after_a_lost_answer("ours", b'"owner"', zookeeper, zk, zk_hosts.partition("/")[2])
    assert executions(events) == 1


def test_ours_ends_a_job_once_although_the_answer_to_its_end_was_lost(
    zookeeper: ZookeeperServer, zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    # A delete of the lock with any version: only the transaction that ends the job holds these bytes.
    trap = b".lock\xff\xff\xff\xff"
    assert run_after_a_lost_answer("ours", trap, zookeeper, zk, zk_hosts.partition("/")[2])
    assert executions(events) == 1


def test_ours_goes_on_although_the_answer_to_a_write_was_lost(
    zookeeper: ZookeeperServer, zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    # The write that stores all atoms and the flow's RUNNING, made once.
    assert run_after_a_lost_answer("ours", b'"state": "RUNNING"', zookeeper, zk, zk_hosts.partition("/")[2])
    assert executions(events) == 1


def test_stock_keeps_a_lock_that_nobody_works_under(
    zookeeper: ZookeeperServer, zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    assert not run_after_a_lost_answer("stock", b'"owner"', zookeeper, zk, zk_hosts.partition("/")[2])
    assert executions(events) == 0
