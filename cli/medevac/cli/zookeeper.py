"""How commands reach ZooKeeper: one bounded connection for the time of a command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from kazoo.client import KazooClient

from medevac.cli import silence
from medevac.workers import founding
from medevac.workers.zookeeper import connect, disconnect

PATIENCE = 10.0
"""Seconds that a person at the terminal waits before being told that ZooKeeper is away."""


@contextlib.contextmanager
def store(hosts: str) -> Iterator[KazooClient]:
    """Give a client for the time of a command; raise StoreUnreachableError without an answer or a site there."""
    silence.keep()
    client = connect(hosts, start_timeout=PATIENCE)
    try:
        founding.require(client, hosts)
        yield client
    finally:
        disconnect(client)
