"""Workers that recover a host each at the same moment know of each other, and take turns where the cloud is narrow."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.incident import IncidentState
from medevac.core.wire import encode
from medevac.flows.crowding import Level
from medevac.flows.learnt import Learnt
from medevac.flows.ports import Cloud, Migration, Traffic
from medevac.flows.steps.evacuate import YIELDS
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.workers.experience import Experience
from medevac.workers.neighbours import ZookeeperNeighbours
from medevac.workers.recovery import Recovery
from medevac.workers.zookeeper import connect, disconnect
from tests.component.workers.bench import DEADLINE, Bench, conducting
from tests.fixtures.waiting import until

DEAD = ("dead-1", "dead-2", "dead-3", "dead-4")
SPEC = SiteSpec(
    tuple(HostSpec(name, zone="az1") for name in (*DEAD, *(f"spare-{n}" for n in range(8)))),
    tuple(ServerSpec(f"{host}-{n}", host) for host in DEAD for n in range(4)),
)


class Starting:
    """The cloud, which shows its records to nobody until all recoveries want to see them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._all = threading.Barrier(len(DEAD))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def evacuations_from(self, host: str, *since: Any) -> tuple[Migration, ...]:
        if since:  # a wave asks so, when it has met the others
            with contextlib.suppress(threading.BrokenBarrierError):
                self._all.wait(DEADLINE)
                self._all.abort()
        return self._cloud.evacuations_from(host, *since)


@pytest.fixture
def bench(zk: KazooClient, tmp_path: Path) -> Bench:
    """Return a site of which four hosts are off, and whose cloud takes one evacuation at a time."""
    bench = Bench(zk, tmp_path, SPEC)
    levels = tuple(Level(n, n, 0.5 * n**1.5, 12.0) for n in (1, 2, 4, 8))
    zk.set(layout.LEARNT, encode(Learnt(bench.now, levels, 1)))
    bench.fenced(*DEAD)
    return bench


@contextlib.contextmanager
def working(bench: Bench, zk_hosts: str, cloud: Starting, name: str) -> Iterator[None]:
    """Run a worker with a session of its own."""
    site, client = bench.site, connect(zk_hosts)
    traffic = Traffic(Experience(client), ZookeeperNeighbours(client, name))
    nova = cast("Cloud", cloud)
    with conducting(Recovery(client, nova, site.fencer, site.clock, name, hypervisor=site.hypervisor, traffic=traffic)):
        yield
    disconnect(client)


def test_four_workers_take_turns_on_a_cloud_that_takes_one_evacuation_at_a_time(bench: Bench, zk_hosts: str) -> None:
    cloud = Starting(bench.site.cloud)
    with contextlib.ExitStack() as stack:
        for name in ("one", "two", "three", "four"):
            stack.enter_context(working(bench, zk_hosts, cloud, name))
        assert until(lambda: not bench.client.get_children(layout.BOARD), DEADLINE), "a job is left on the board"
    assert {each.state for each in bench.incidents()} == {IncidentState.RECOVERED}
    assert any(YIELDS in bench.journal(each.id) for each in bench.incidents())
