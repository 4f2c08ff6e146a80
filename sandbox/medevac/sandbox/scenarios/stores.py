"""Stores: where a play keeps what ZooKeeper keeps: in memory, or in a real one."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from kazoo.client import KazooClient

from medevac.sandbox.scenarios.memory import Hook, MemoryZookeeper

_START = 30.0
_TIMEOUT = 30.0
"""Seconds; real ones: sessions end when the play says so, and not by themselves."""


class Store(Protocol):
    """One ZooKeeper of a play."""

    def open(self, clock: Callable[[], float]) -> None:
        """Begin empty; *clock* tells the time of the play."""

    def client(self, hook: Hook) -> KazooClient:
        """Return the client of a new session, whose requests pass *hook* first."""

    def expire(self, client: KazooClient) -> None:
        """End the session of *client*, as ZooKeeper does that has not heard from it."""

    def close(self) -> None:
        """End everything."""


class MemoryStore:
    """The tree in this process."""

    def __init__(self) -> None:
        """Wait for open()."""
        self._zookeeper = MemoryZookeeper(lambda: 0.0)

    def open(self, clock: Callable[[], float]) -> None:
        """Begin empty."""
        self._zookeeper = MemoryZookeeper(clock)

    def client(self, hook: Hook) -> KazooClient:
        """Return a client that is carried out at once."""
        return self._zookeeper.client(hook)

    def expire(self, client: KazooClient) -> None:
        """End its session."""
        client.expire()

    def close(self) -> None:
        """Nothing is left of it."""


class HookedClient(KazooClient):  # type: ignore[misc]  # kazoo has no type hints
    """kazoo's client, whose requests pass a hook before they are queued."""

    def __init__(self, hosts: str, hook: Hook) -> None:
        """Speak to *hosts*."""
        super().__init__(hosts=hosts, timeout=_TIMEOUT, connection_retry={"max_tries": -1, "delay": 0.1})
        self._hook = hook

    def _call(self, request: Any, async_object: Any) -> Any:  # noqa: ANN401 - kazoo has no type hints
        self._hook(self._below_chroot(request))
        return super()._call(request, async_object)

    def _below_chroot(self, request: Any) -> Any:  # noqa: ANN401 - kazoo has no type hints
        """Return *request* with paths as its author wrote them."""
        if hasattr(request, "operations"):
            return request._replace(operations=[self._below_chroot(each) for each in request.operations])
        return request._replace(path=self.unchroot(request.path)) if hasattr(request, "path") else request


class RealStore:
    """A path of its own in a real ZooKeeper."""

    _numbers = itertools.count(1)

    def __init__(self, hosts: str) -> None:
        """Use the servers *hosts* ("host:port")."""
        self._hosts = f"{hosts}/scenario-{uuid.uuid4().hex[:8]}"
        self._clients: list[HookedClient] = []

    def open(self, clock: Callable[[], float]) -> None:
        """Begin empty: the path is new."""
        del clock

    def client(self, hook: Hook) -> KazooClient:
        """Return a client that is connected.  Raises TimeoutError when ZooKeeper does not answer."""
        client = HookedClient(self._hosts, hook)
        if not client.start_async().wait(_START):
            raise TimeoutError
        self._clients.append(client)
        return client

    def expire(self, client: KazooClient) -> None:
        """Close its session."""
        client.stop()
        client.close()

    def close(self) -> None:
        """Close all sessions; what is stored stays until the server goes."""
        for client in self._clients:
            self.expire(client)
