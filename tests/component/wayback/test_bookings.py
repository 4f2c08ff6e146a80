"""Caps over all workers: two that look at the same moment never ask for more than the site allows between them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.incident import IncidentState
from medevac.flows.bookings import NoBookings
from medevac.flows.caps import Caps
from medevac.flows.ports import Cloud, Migration, Ports
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.workers.booked import LASTS, ZookeeperBookings
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.job import BoardJob
from medevac.workers.recovery import Recovery
from medevac.workers.zookeeper import connect, disconnect
from tests.component.workers.bench import DEADLINE, SETTINGS, Bench, conducting
from tests.fixtures.waiting import until

DEAD = ("dead-1", "dead-2")
CAP = 2
SPEC = SiteSpec(
    tuple(HostSpec(name, zone="az1") for name in (*DEAD, "spare-1", "spare-2", "spare-3", "spare-4", "spare-5")),
    tuple(ServerSpec(f"{host}-{n}", host) for host in DEAD for n in range(3)),
)


class Racing:
    """The cloud, of which two workers count the evacuations under way at the same moment, the first time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._both = threading.Barrier(2)
        self._lock = threading.Lock()
        self.most = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def evacuations_under_way(self) -> tuple[Migration, ...]:
        found = self._cloud.evacuations_under_way()
        with contextlib.suppress(threading.BrokenBarrierError):
            self._both.wait(DEADLINE / 2)
            self._both.abort()
        return found

    def evacuate(self, *what: Any) -> None:
        with self._lock:
            self._cloud.evacuate(*what)
            self.most = max(self.most, len(self._cloud.evacuations_under_way()))


class Unbooked(Recovery):
    """Workers that do not book."""

    def prepare(self, job: BoardJob, claim: Claim) -> Mapping[str, object]:
        ports = cast("Ports", super().prepare(job, claim)["ports"])
        return {"ports": replace(ports, bookings=NoBookings())}


@pytest.fixture
def bench(zk: KazooClient, tmp_path: Path) -> Bench:
    """Return a site that has two dead hosts and allows two evacuations under way."""
    made = Bench(zk, tmp_path, SPEC)
    made.sit_at(replace(made.desk, settings=replace(SETTINGS, caps=Caps(cloud=CAP))))
    return made


def both_work(bench: Bench, zk_hosts: str, recovery: type[Recovery]) -> int:
    """Let two workers recover a host each, and return how many evacuations were under way at once."""
    bench.fenced(*DEAD)
    cloud = Racing(bench.site.cloud)
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(working(bench, zk_hosts, recovery, cloud, name))
        assert until(lambda: not bench.client.get_children(layout.BOARD), DEADLINE), "a job is left on the board"
    return cloud.most


@contextlib.contextmanager
def working(bench: Bench, zk_hosts: str, kind: type[Recovery], cloud: Racing, name: str) -> Iterator[None]:
    """Run a worker with a session of its own."""
    site, client = bench.site, connect(zk_hosts)
    with conducting(kind(client, cast("Cloud", cloud), site.fencer, site.clock, name, hypervisor=site.hypervisor)):
        yield
    disconnect(client)


def test_two_workers_that_count_at_the_same_moment_keep_within_the_cap(bench: Bench, zk_hosts: str) -> None:
    assert both_work(bench, zk_hosts, Recovery) == CAP
    assert {each.state for each in bench.incidents()} == {IncidentState.RECOVERED}
    assert b"dead" not in bench.client.get(layout.BOOKINGS)[0], "nothing stays booked"


def test_without_bookings_they_would_not(bench: Bench, zk_hosts: str) -> None:
    assert both_work(bench, zk_hosts, Unbooked) > CAP


def bookings(zk: KazooClient, incident: str, at: float = 0.0) -> ZookeeperBookings:
    return ZookeeperBookings(zk, incident, lambda: at)


def test_a_booking_is_seen_by_others_until_it_is_taken_back_or_too_old(zk: KazooClient) -> None:
    mine = bookings(zk, "host.down:a:1")
    assert mine.of_others() == set()
    assert mine.book(["x", "y"])
    assert mine.of_others() == set()
    assert bookings(zk, "host.down:b:1").of_others() == {"x", "y"}
    assert bookings(zk, "host.down:b:1", at=LASTS).of_others() == set()
    mine.clear()
    assert bookings(zk, "host.down:b:1").of_others() == set()


def test_who_has_looked_before_another_booked_looks_again(zk: KazooClient) -> None:
    one, other = bookings(zk, "host.down:a:1"), bookings(zk, "host.down:b:1")
    assert one.of_others() == other.of_others() == set()
    assert one.book(["x"])
    assert not other.book(["y"])
    assert other.of_others() == {"x"}
    one.clear()
    assert other.of_others() == set(), "it was taken back"
    assert other.book(["y"])
    other.clear()
    assert bookings(zk, "host.down:c:1").of_others() == set()


def test_whoever_takes_over_replaces_what_was_booked_before(zk: KazooClient) -> None:
    assert bookings(zk, "host.down:a:1").book(["x"])
    after = bookings(zk, "host.down:a:1")
    assert after.book(["z"])
    assert bookings(zk, "host.down:b:1").of_others() == {"z"}


def test_a_batch_costs_two_writes_and_no_read_while_nobody_else_writes(zk: KazooClient) -> None:
    mine = bookings(zk, "host.down:a:1")
    mine.of_others()
    before = zk.get(layout.BOOKINGS)[1].version
    zk.get_async = None  # a read from now on is an error
    for server in ("x", "y", "z"):
        assert mine.of_others() == set()
        assert mine.book([server])
        mine.clear()
    del zk.get_async
    assert zk.get(layout.BOOKINGS)[1].version == before + 6


def test_a_record_that_nobody_can_read_is_begun_anew(zk: KazooClient) -> None:
    zk.set(layout.BOOKINGS, b"{")
    mine = bookings(zk, "host.down:a:1")
    assert mine.of_others() == set()
    assert mine.book(["x"])
    assert bookings(zk, "host.down:b:1").of_others() == {"x"}


def test_steps_that_run_side_by_side_count_each_other(zk: KazooClient) -> None:
    incident = bookings(zk, "nova-compute.down:a:1")
    one, other = incident.for_step("evacuate:pets"), incident.for_step("evacuate:everyone")
    assert one.book(["x"])
    assert other.of_others() == {"x"}
    assert other.book(["y"])
    one.clear()
    assert bookings(zk, "host.down:b:1").of_others() == {"y"}
