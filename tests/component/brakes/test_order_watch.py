"""Orders are known without asking: at once, after a lost connection too, and for no request while there are none."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from kazoo.client import KazooClient, KazooState

from medevac.core import layout
from medevac.core.wire import encode
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.brakes.order_watch import OrderWatch
from medevac.workers.brakes.orders import Given, Order
from medevac.workers.engine.claim import Claim, check
from medevac.workers.zookeeper import connect, disconnect
from tests.fixtures.proxy import Proxy
from tests.fixtures.waiting import until

INCIDENT = "host.down:h1:1"
CLAIM = Claim(layout.incident(INCIDENT), 0)
"""Proves as a job's claim does, and stands for one."""
SAID = Given("alice", "because", 0.0)


@pytest.fixture
def proxy(zookeeper: ZookeeperServer) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", zookeeper.port)) as standing:
        yield standing


@pytest.fixture
def conductor(zk: KazooClient, zk_hosts: str, proxy: Proxy) -> Iterator[KazooClient]:
    """Return the client of the one that obeys; *zk* is that of the operator."""
    zk.create(layout.incident(INCIDENT))
    client = connect(f"{proxy.hosts}/{zk_hosts.partition('/')[2]}")
    yield client
    disconnect(client)


def test_what_was_ordered_before_a_proof_of_ownership_is_known_after_it(
    zk: KazooClient, conductor: KazooClient
) -> None:
    watch = OrderWatch(conductor, INCIDENT)
    seen = []
    for _ in range(10):
        zk.create(layout.order(INCIDENT, Order.HOLD), encode(SAID))
        check(conductor, CLAIM)
        seen.append(watch.standing())
        zk.delete(layout.order(INCIDENT, Order.HOLD))
        check(conductor, CLAIM)
        seen.append(watch.standing())
    assert seen == [{Order.HOLD: SAID}, {}] * 10


def test_what_has_arrived_is_waited_for_although_others_are_told_first(zk: KazooClient, conductor: KazooClient) -> None:
    watch = OrderWatch(conductor, INCIDENT)
    assert watch.standing() == {}
    told_slowly = threading.Event()
    conductor.get_children(layout.EVENTS, watch=lambda _: told_slowly.wait(0.3))
    zk.create(layout.event("e"))
    zk.create(layout.order(INCIDENT, Order.HOLD), encode(SAID))
    check(conductor, CLAIM)
    assert watch.standing() == {Order.HOLD: SAID}


def test_while_nothing_is_ordered_looking_costs_no_request(
    zookeeper: ZookeeperServer, zk: KazooClient, conductor: KazooClient
) -> None:
    watch = OrderWatch(conductor, INCIDENT)
    assert watch.standing() == {}
    zk.create(f"{layout.incident(INCIDENT)}/journal/p", makepath=True)
    assert watch.standing() == {}
    before = zookeeper.packets()
    for _ in range(200):
        assert watch.standing() == {}
    assert zookeeper.packets() - before < 20


def test_an_order_that_was_given_while_the_connection_was_away_is_known_when_it_is_back(
    zk: KazooClient, conductor: KazooClient, proxy: Proxy
) -> None:
    watch = OrderWatch(conductor, INCIDENT)
    assert watch.standing() == {}
    states: list[str] = []
    conductor.add_listener(states.append)
    proxy.cut()
    zk.create(layout.order(INCIDENT, Order.ABORT), encode(SAID))
    assert until(lambda: KazooState.CONNECTED in states)  # a client that was cut off goes on as connected for a moment
    check(conductor, CLAIM)
    assert watch.standing() == {Order.ABORT: SAID}
