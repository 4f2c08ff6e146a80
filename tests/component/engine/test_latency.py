"""A conductor wakes when a job is posted; TaskFlow's own looks every half second."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import new_event_id
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post
from tests.fixtures.waiting import until

JOBS = 5
ROUNDS = 3
"""On a busy machine either may have bad luck in one of them."""


def latencies(kind: str, client: KazooClient, hosts: str, events: Path, **options: float) -> list[float]:
    """Return, for each of some jobs posted at different phases of the half second, the time to its first step."""
    events.unlink(missing_ok=True)
    found = []
    with conducting(kind, hosts, **options) as running:
        assert until(lambda: running.conductor.dispatching)
        for number in range(JOBS):
            time.sleep(0.1 * number)  # not synchronisation: the phase is what is varied
            began = time.time()
            post(client, new_event_id(began), {"name": "a"})
            assert until(lambda: client.get_children(layout.BOARD) == [])
            found.append(said(events)[2 * number]["at"] - began)
    return found


def test_ours_starts_much_sooner_after_posting(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    def much_sooner() -> bool:
        ours = statistics.median(latencies("ours", zk, zk_hosts, events, poll=3600.0))  # it looks when it is woken
        stock = statistics.median(latencies("stock", zk, zk_hosts, events))
        # On two idle cores 10 to 23 ms against 174 to 196, 8 to 18 times; load adds as much to both.
        return ours * 1.5 < stock

    assert any(much_sooner() for _ in range(ROUNDS))
