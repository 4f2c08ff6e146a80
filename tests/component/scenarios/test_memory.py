"""The tree in memory answers what a real ZooKeeper answers: the same random requests, the same results and errors."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from medevac.sandbox.scenarios.memory import MemoryZookeeper
from medevac.sandbox.scenarios.stores import RealStore
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

PATHS = ("/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/deep")
REQUESTS = 250


def told(answer: Any) -> Any:
    """Return what of *answer* does not depend on the server's counters and clocks."""
    if hasattr(answer, "version") and hasattr(answer, "ephemeralOwner"):
        return ("stat", answer.version, bool(answer.ephemeralOwner), answer.dataLength, answer.numChildren)
    if isinstance(answer, tuple):
        return tuple(told(each) for each in answer)
    return sorted(answer) if isinstance(answer, list) and all(isinstance(each, str) for each in answer) else answer


def one(random: Random, client: KazooClient) -> Callable[[], Any]:
    """Return one request, drawn from *random*."""
    path, data, version = random.choice(PATHS), random.randbytes(3), random.choice((-1, 0, 1, 2))
    ephemeral, sequence = random.random() < 0.2, random.random() < 0.2
    return random.choice(
        (
            lambda: client.create_async(path, data, ephemeral=ephemeral, sequence=sequence),
            lambda: client.create_async(path, data, makepath=True),
            lambda: client.set_async(path, data, version),
            lambda: client.delete_async(path, version),
            lambda: client.get_async(path),
            lambda: client.exists_async(path),
            lambda: client.get_children_async(path),
            lambda: client.ensure_path_async(path),
        )
    )


def single(random: Random, client: KazooClient) -> Any:
    try:
        return told(bounded(one(random, client)()))
    except KazooException as error:
        return type(error).__name__


def group(random: Random, client: KazooClient) -> Any:
    transaction = client.transaction()
    for _ in range(random.randint(1, 4)):
        path, data, version = random.choice(PATHS), random.randbytes(3), random.choice((-1, 0, 1))
        random.choice(
            (
                lambda path=path, data=data: transaction.create(path, data),
                lambda path=path, data=data: transaction.create(f"{path}-", data, sequence=True),
                lambda path=path, data=data, version=version: transaction.set_data(path, data, version),
                lambda path=path, version=version: transaction.delete(path, version),
                lambda path=path: transaction.check(path, 0),
            )
        )()
    try:
        return [told(each) for each in commit(transaction)]
    except TransactionRefusedError as error:
        return (error.index, error.path, type(error.cause).__name__)


def answers(seed: int, client: KazooClient) -> list[Any]:
    random = Random(seed)
    return [(single if random.random() < 0.6 else group)(random, client) for _ in range(REQUESTS)]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_requests_get_the_same_answers(seed: int, zookeeper: ZookeeperServer) -> None:
    store = RealStore(zookeeper.hosts)
    try:
        client = store.client(lambda _: None)
        bounded(client.ensure_path_async("/"))
        real = answers(seed, client)
    finally:
        store.close()

    memory = answers(seed, MemoryZookeeper(lambda: 0.0).client())

    assert [pair for pair in zip(real, memory, strict=True) if pair[0] != pair[1]] == []
    assert len({str(answer) for answer in real}) > 40


def test_what_a_session_held_goes_with_it() -> None:
    zookeeper = MemoryZookeeper(lambda: 0.0)
    first, second = zookeeper.client(), zookeeper.client()
    bounded(first.create_async("/stays", b""))
    bounded(first.create_async("/goes", b"", ephemeral=True))
    lost: list[str] = []
    first.add_listener(lost.append)
    first.expire()

    assert bounded(second.get_children_async("/")) == ["stays"]
    assert lost == ["LOST"]
    assert not first.connected
