"""The outbox of a resident trigger: the disk first, a real ZooKeeper when it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.spool import Spool
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.triggers.outbox import Outbox
from medevac.workers.zookeeper import connect, disconnect, ensure_layout
from tests.fixtures.proxy import Proxy
from tests.fixtures.waiting import until


def event(number: int = 1) -> Event:
    return Event(
        new_event_id(number), EventKind.SERVER_CRASHED, Subject(SubjectKind.SERVER, "7c5c"), "libvirt", "c", 1.0
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Callable[[str], Outbox]]:
    made: list[Outbox] = []

    def make(zookeeper: str) -> Outbox:
        made.append(Outbox(Spool(tmp_path / "spool"), zookeeper))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def waiting(tmp_path: Path) -> list[str]:
    return Spool(tmp_path / "spool").waiting()


def test_what_an_earlier_process_left_and_what_comes_is_posted(
    outbox: Callable[[str], Outbox], tmp_path: Path, zk_hosts: str, zk: KazooClient
) -> None:
    left, comes = event(1), event(2)
    Spool(tmp_path / "spool").put(left)
    made = outbox(zk_hosts)
    made.start()
    made.put(comes)
    assert until(lambda: sorted(zk.get_children(layout.EVENTS)) == [left.id, comes.id])
    assert until(lambda: not waiting(tmp_path))


def test_events_stay_on_disk_until_the_site_takes_them(
    outbox: Callable[[str], Outbox], tmp_path: Path, zk_hosts: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = outbox(zk_hosts)
    made.start()
    made.put(event())
    assert until(lambda: "start a worker there once" in caplog.text)
    assert len(waiting(tmp_path)) == 1
    client = connect(zk_hosts)
    try:
        ensure_layout(client)
        assert until(lambda: not waiting(tmp_path), 30)
        assert len(client.get_children(layout.EVENTS)) == 1
    finally:
        disconnect(client)


def test_an_event_that_no_disk_takes_is_posted_from_memory(
    outbox: Callable[[str], Outbox], tmp_path: Path, zk_hosts: str, zk: KazooClient
) -> None:
    (tmp_path / "spool").mkdir(mode=0o777)
    (tmp_path / "spool").chmod(0o777)
    made = outbox(zk_hosts)
    made.start()
    made.put(event())
    assert until(lambda: len(zk.get_children(layout.EVENTS)) == 1)


def test_without_an_address_events_stay_and_it_is_said_once(
    outbox: Callable[[str], Outbox], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = outbox("")
    made.start()
    made.put(event(1))
    assert until(lambda: "no ZooKeeper address" in caplog.text)
    made.put(event(2))
    made.stop()
    assert len(waiting(tmp_path)) == 2
    assert caplog.text.count("no ZooKeeper address") == 1


def test_a_broken_connection_is_mended_and_the_next_event_posted(
    outbox: Callable[[str], Outbox], zookeeper: ZookeeperServer, zk_hosts: str, zk: KazooClient
) -> None:
    with Proxy(("127.0.0.1", zookeeper.port)) as proxy:
        made = outbox(f"{proxy.hosts}/{zk_hosts.partition('/')[2]}")
        made.start()
        for number in (1, 2, 3):
            made.put(event(number))
            assert until(lambda: len(zk.get_children(layout.EVENTS)) == number)  # noqa: B023 - asked at once
            proxy.cut()
        made.stop()
