"""A conductor that was frozen for longer than its session writes and runs nothing more; TaskFlow's own runs it all."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.sandbox.freezing import freeze
from tests.component.engine.flows import said
from tests.component.engine.harness import child, conducting, post
from tests.fixtures.waiting import until

SESSION = 1.5


def changes(client: KazooClient, path: str = layout.BOOKS) -> dict[str, int]:
    """Return the transaction that last touched each znode of the persistence."""
    found = {path: client.get(path)[1].mzxid}
    for name in client.get_children(path):
        found |= changes(client, f"{path}/{name}")
    return found


def count(events: Path, event: str, atom: str = "") -> int:
    return sum(each["event"] == event and each["atom"] == atom for each in said(events))


def wake_a_zombie(kind: str, client: KazooClient, hosts: str, events: Path, *, knowing: bool) -> list[str]:
    """Return the steps that a conductor started after its job was taken and ended by another.

    *knowing*: it is connected again, and so can know of its loss, before the step that it was frozen in ends.
    """
    gate = events.with_name("gate")
    post(client, "job", {"name": "a"}, {"name": "b", "gate": str(gate)}, {"name": "c"}, {"name": "d"})
    with child("conductor_main.py", kind, hosts, str(SESSION), events=events) as zombie:
        assert until(lambda: count(events, "execute", "b") == 1)
        freeze(zombie.pid)
        with conducting(kind, hosts):
            assert until(lambda: client.get_children(layout.BOARD) == [])
        assert count(events, "executed", "d") == 1
        before, known = changes(client), len(said(events))
        if not knowing:
            gate.touch()
        zombie.send_signal(signal.SIGCONT)
        if knowing:
            assert until(lambda: any(each["event"] == "CONNECTED" for each in said(events)[known:]))
            gate.touch()
        if kind == "ours":
            assert zombie.wait(60) == 0
            assert changes(client) == before
        else:
            assert until(lambda: count(events, "executed", "d") == 2)
    return [each["atom"] for each in said(events)[known:] if each["event"] == "execute"]


@pytest.mark.parametrize("knowing", [True, False])
def test_our_zombie_writes_nothing_runs_nothing_and_ends(
    zk: KazooClient, zk_hosts: str, events: Path, *, knowing: bool
) -> None:
    assert wake_a_zombie("ours", zk, zk_hosts, events, knowing=knowing) == []


def test_a_stock_zombie_runs_the_rest_of_the_job_again(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    assert wake_a_zombie("stock", zk, zk_hosts, events, knowing=True) == ["c", "d"]
