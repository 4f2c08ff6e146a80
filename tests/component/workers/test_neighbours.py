"""Workers that recover something at the same time know of each other: the fake of the port, and ZooKeeper's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.wire import decode
from medevac.flows.bulletin import Bulletin, Neighbours
from medevac.flows.crowding import Level
from medevac.flows.demand import Demand
from medevac.sandbox.neighbours import FakeNeighbours, Street
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.neighbours import ZookeeperNeighbours
from medevac.workers.zookeeper import connect, disconnect, ensure_layout
from tests.fixtures.proxy import Proxy
from tests.fixtures.waiting import until

LEVEL = Level(2, 1.5, 2.0, 3.0, 1.0)


def bulletin(wave: str, under_way: int = 0) -> Bulletin:
    return Bulletin((Demand(wave, under_way, due=3, most=20),), 4, (LEVEL,), (LEVEL, LEVEL))


@dataclass
class Site:
    """Makes workers, each with a session of its own."""

    connect: Callable[[], KazooClient] | None
    street: Street = field(default_factory=Street)

    def worker(self, name: str) -> Neighbours:
        if self.connect is None:
            return FakeNeighbours(self.street, name)
        return ZookeeperNeighbours(self.connect(), name)


@pytest.fixture
def sessions(request: pytest.FixtureRequest, zk_hosts: str) -> Iterator[Callable[[], KazooClient]]:
    """Return what opens a session; all of them end with the test."""
    opened: list[KazooClient] = []

    def session() -> KazooClient:
        opened.append(connect(zk_hosts))
        ensure_layout(opened[0])
        return opened[-1]

    yield session
    for client in opened:
        disconnect(client)


@pytest.fixture(params=["fake", "zookeeper"])
def site(request: pytest.FixtureRequest) -> Site:
    """Return the fake, and the real thing."""
    return Site(request.getfixturevalue("sessions") if request.param == "zookeeper" else None)


def test_what_one_worker_tells_the_others_hear(site: Site) -> None:
    one, other = site.worker("one"), site.worker("other")
    one.meet()
    one.tell(bulletin("a", 2))
    assert until(lambda: other.others() == {"one": bulletin("a", 2)})
    assert one.others() == {}


def test_what_was_told_last_is_what_is_heard(site: Site) -> None:
    one, other, third = site.worker("one"), site.worker("other"), site.worker("third")
    other.tell(bulletin("b"))
    assert until(one.others)
    for number in range(20):
        one.tell(bulletin("a", number))
        one.others()
    assert until(lambda: other.others().get("one") == bulletin("a", 19))
    assert until(lambda: third.others().keys() == {"one", "other"})
    one.tell(Bulletin(levels=(LEVEL,)))
    assert until(lambda: other.others()["one"] == Bulletin(levels=(LEVEL,)))


def test_whoever_meets_the_others_knows_at_once_what_they_told(site: Site) -> None:
    one, late = site.worker("one"), site.worker("late")
    one.tell(bulletin("a", 2))
    assert until(lambda: late.others() != {})
    newcomer = site.worker("newcomer")
    newcomer.meet()
    assert newcomer.others() == {"one": bulletin("a", 2)}


def test_of_two_that_tell_and_then_meet_one_at_least_knows_of_the_other(site: Site) -> None:
    one, other = site.worker("one"), site.worker("other")
    with ThreadPoolExecutor(2) as executor:
        for worker, wave in ((one, "a"), (other, "b")):
            executor.submit(lambda worker=worker, wave=wave: (worker.tell(bulletin(wave)), worker.meet()))
    assert one.others() or other.others()


def test_what_somebody_has_deleted_is_told_anew(sessions: Callable[[], KazooClient]) -> None:
    client = sessions()
    one = ZookeeperNeighbours(client, "one")
    one.tell(bulletin("a"))
    assert until(lambda: client.exists(layout.traffic("one")))
    client.delete(layout.traffic("one"))
    one.tell(bulletin("b"))
    assert until(lambda: (one.tell(bulletin("c")), client.exists(layout.traffic("one")))[1])


def test_a_worker_that_has_ended_is_heard_no_more(sessions: Callable[[], KazooClient]) -> None:
    session = sessions()
    one, other = ZookeeperNeighbours(session, "one"), ZookeeperNeighbours(sessions(), "other")
    one.tell(bulletin("a"))
    assert until(other.others)
    session.stop()
    assert until(lambda: other.others() == {})


def test_a_worker_that_is_alone_writes_when_its_waves_begin_and_end(sessions: Callable[[], KazooClient]) -> None:
    client = sessions()
    one = ZookeeperNeighbours(client, "one/with a slash")
    one.tell(bulletin("a"))
    path = layout.traffic("one/with a slash")
    assert until(lambda: client.exists(path))
    for number in range(5):
        one.tell(bulletin("a", number))
    one.tell(Bulletin())
    assert until(lambda: client.exists(path).version)
    assert client.exists(path).version == 1
    assert decode(Bulletin, client.get(path)[0]) == Bulletin()


@pytest.mark.parametrize("data", [b"", b"{", b'{"demands": 3}', b"\xff"])
def test_a_record_that_cannot_be_read_tells_nothing(sessions: Callable[[], KazooClient], data: bytes) -> None:
    client = sessions()
    client.create(layout.traffic("broken"), data)
    one = ZookeeperNeighbours(client, "one")
    one.meet()
    assert one.others() == {"broken": Bulletin()}
    client.set(
        layout.traffic("broken"), b'{"levels": [{"beside": 0, "average": 1, "seconds": 0, "arrived": 1}], "new": 1}'
    )
    assert until(lambda: one.others() == {"broken": Bulletin()})


def test_without_a_session_nobody_is_heard_and_nothing_raised(sessions: Callable[[], KazooClient]) -> None:
    client = sessions()
    one = ZookeeperNeighbours(client, "one")
    client.stop()
    one.meet()
    one.tell(bulletin("a"))
    assert one.others() == {}


def test_what_changed_while_the_connection_was_lost_is_heard_when_it_is_back(
    sessions: Callable[[], KazooClient], zookeeper: ZookeeperServer, zk_hosts: str
) -> None:
    one = ZookeeperNeighbours(sessions(), "one")
    with Proxy(("127.0.0.1", zookeeper.port)) as proxy:
        client = connect(f"{proxy.hosts}/{zk_hosts.partition('/')[2]}")
        other = ZookeeperNeighbours(client, "other")
        other.tell(bulletin("b"))
        one.tell(bulletin("a"))
        assert until(lambda: other.others().keys() | one.others().keys() == {"one", "other"})
        proxy.cut()
        one.tell(bulletin("a", 5))
        other.tell(bulletin("b", 6))
        assert until(lambda: other.others() == {"one": bulletin("a", 5)})
        assert until(lambda: (other.tell(bulletin("b", 7)), one.others()["other"])[1] == bulletin("b", 7))
        disconnect(client)
