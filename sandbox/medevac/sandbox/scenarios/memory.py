"""ZooKeeper in memory: what kazoo's client is answered, without a network, a thread or a wait.

The client is kazoo's own, and so are its requests, transactions and errors; only what would travel over the network is
carried out on a tree in this process.  The scenarios of tests/scenarios run on it and on a real ZooKeeper, and the same
must come of both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kazoo import exceptions
from kazoo.client import KazooClient
from kazoo.handlers.threading import SequentialThreadingHandler
from kazoo.protocol import serialization as wire
from kazoo.protocol.states import EventType, KazooState, WatchedEvent, ZnodeStat

EPHEMERAL, SEQUENCE = 1, 2
"""The flags of a create."""
ANY_VERSION = -1

Hook = Callable[[Any], None]
"""Called with each request before it is carried out."""
Watcher = Callable[[WatchedEvent], None]


@dataclass(frozen=True, slots=True)
class Znode:
    """One node of the tree."""

    data: bytes
    owner: int = 0
    """The session that it ends with; 0: it stays."""
    version: int = 0
    created: int = 0
    changed: int = 0
    births: int = 0
    """How many children were created below it, those that are gone included: it numbers sequential ones."""


class MemoryZookeeper:
    """The tree, and the sessions on it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Stamp with *clock*, seconds since the epoch."""
        self._clock = clock
        self._nodes: dict[str, Znode] = {"/": Znode(b"")}
        self._children: dict[str, set[str]] = {"/": set()}
        self._watchers: dict[str, list[Watcher]] = {}
        self._sessions = itertools.count(1)

    def client(self, hook: Hook = lambda _: None) -> MemoryClient:
        """Return the client of a new session; *hook* is called with each request, and may raise."""
        return MemoryClient(self, next(self._sessions), hook)

    def end_session(self, session: int) -> None:
        """Remove what was to end with *session*."""
        for path in [path for path, node in self._nodes.items() if node.owner == session]:
            self._delete(wire.Delete(path, ANY_VERSION))

    def answer(self, request: Any, session: int) -> Any:  # noqa: ANN401 - kazoo has no type hints
        """Return what *request* gives, and tell those who watch what it changes; raise kazoo's exceptions.

        Only changes of children are told of: what is watched otherwise, the processes of a play look at themselves.
        """
        result = self.carry_out(request, session)
        if isinstance(request, wire.GetChildren | wire.GetChildren2) and request.watcher:
            self._watchers.setdefault(request.path, []).append(request.watcher)
        operations = request.operations if isinstance(request, wire.Transaction) else [request]
        refused = isinstance(result, list) and any(isinstance(each, exceptions.KazooException) for each in result)
        for operation in operations if not refused else ():
            if isinstance(operation, wire.Create | wire.Create2 | wire.Delete):
                self._tell(_parent(operation.path))
        return result

    def _tell(self, path: str) -> None:
        for watcher in self._watchers.pop(path, ()):
            watcher(WatchedEvent(EventType.CHILD, KazooState.CONNECTED, path))

    def carry_out(self, request: Any, session: int) -> Any:  # noqa: ANN401 - kazoo has no type hints
        """Return what *request* gives; raise kazoo's exceptions."""
        if isinstance(request, wire.Transaction):
            return self._transaction(request.operations, session)
        if isinstance(request, wire.Create | wire.Create2):
            return self._create(request, session)
        name = type(request).__name__
        deeds: dict[str, Callable[[Any], Any]] = {
            "Delete": self._delete, "SetData": self._set, "CheckVersion": self._check, "GetData": self._get,
            "Exists": self._exists, "GetChildren": self._names, "GetChildren2": self._names_and_stat,
            "Sync": lambda asked: asked.path,
        }  # fmt: skip
        return deeds[name](request)

    def _transaction(self, operations: list[Any], session: int) -> list[Any]:
        """Carry out all of *operations* or none: one that is refused takes the others with it."""
        results: list[Any] = []
        undo: list[tuple[str, Znode | None]] = []
        for operation in operations:
            before = self._nodes.get(operation.path)
            parent = self._nodes.get(_parent(operation.path))
            births = parent.births if parent else 0
            try:
                given = self.carry_out(operation, session)
            except exceptions.KazooException as error:
                for path, node in reversed(undo):
                    self._put_back(path, node)
                rolled_back = [exceptions.RolledBackError()] * len(results)
                after = [exceptions.RuntimeInconsistency()] * (len(operations) - len(results) - 1)
                return [*rolled_back, error, *after]
            created = isinstance(operation, wire.Create | wire.Create2)
            if created:
                undo.append((_parent(given), replace(self._nodes[_parent(given)], births=births)))
            undo.append((given if created else operation.path, None if created else before))
            results.append(given)
        return results

    def _put_back(self, path: str, node: Znode | None) -> None:
        """Make *path* as it was; nodes are replaced and never changed, so that *node* still is what it was."""
        name, parent = path.rpartition("/")[2], _parent(path)
        if node is None:
            del self._nodes[path], self._children[path]
            self._children[parent].discard(name)
        else:
            self._nodes[path] = node
            self._children.setdefault(path, set())
            self._children[parent].add(name)

    def _create(self, asked: Any, session: int) -> str:  # noqa: ANN401 - see carry_out
        path: str = asked.path
        parent = _parent(path)
        if parent not in self._nodes:
            raise exceptions.NoNodeError
        if self._nodes[parent].owner:
            raise exceptions.NoChildrenForEphemeralsError
        if asked.flags & SEQUENCE:
            path = f"{path}{self._nodes[parent].births:010d}"
        if path in self._nodes:
            raise exceptions.NodeExistsError
        self._nodes[parent] = replace(self._nodes[parent], births=self._nodes[parent].births + 1)
        owner = session if asked.flags & EPHEMERAL else 0
        self._nodes[path] = Znode(asked.data or b"", owner, 0, self._now(), self._now())
        self._children[path] = set()
        self._children[parent].add(path.rpartition("/")[2])
        return path

    def _delete(self, asked: Any) -> bool:  # noqa: ANN401 - see carry_out
        self._versioned(asked)
        if self._children[asked.path]:
            raise exceptions.NotEmptyError
        del self._nodes[asked.path], self._children[asked.path]
        self._children[_parent(asked.path)].discard(asked.path.rpartition("/")[2])
        return True

    def _set(self, asked: Any) -> ZnodeStat:  # noqa: ANN401 - see carry_out
        node = self._versioned(asked)
        node = replace(node, data=asked.data or b"", version=node.version + 1, changed=self._now())
        self._nodes[asked.path] = node
        return self._stat(asked.path, node)

    def _check(self, asked: Any) -> bool:  # noqa: ANN401 - see carry_out
        self._versioned(asked)
        return True

    def _get(self, asked: Any) -> tuple[bytes, ZnodeStat]:  # noqa: ANN401 - see carry_out
        node = self._node(asked.path)
        return node.data, self._stat(asked.path, node)

    def _exists(self, asked: Any) -> ZnodeStat | None:  # noqa: ANN401 - see carry_out
        node = self._nodes.get(asked.path)
        return None if node is None else self._stat(asked.path, node)

    def _names(self, asked: Any) -> list[str]:  # noqa: ANN401 - see carry_out
        self._node(asked.path)
        return sorted(self._children[asked.path])

    def _names_and_stat(self, asked: Any) -> tuple[list[str], ZnodeStat]:  # noqa: ANN401 - see carry_out
        return self._names(asked), self._stat(asked.path, self._node(asked.path))

    def _versioned(self, asked: Any) -> Znode:  # noqa: ANN401 - see carry_out
        node = self._node(asked.path)
        if asked.version not in (ANY_VERSION, node.version):
            raise exceptions.BadVersionError
        return node

    def _node(self, path: str) -> Znode:
        if path not in self._nodes:
            raise exceptions.NoNodeError
        return self._nodes[path]

    def _stat(self, path: str, node: Znode) -> ZnodeStat:
        children = len(self._children[path])
        times = (node.created, node.changed)
        return ZnodeStat(0, 0, *times, node.version, 0, 0, node.owner, len(node.data), children, 0)

    def _now(self) -> int:
        return int(self._clock() * 1000)


class _AtOnce(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no type hints
    """kazoo's handler without its threads."""

    def dispatch_callback(self, callback: Any) -> None:  # noqa: ANN401 - kazoo has no type hints
        """Call it."""
        callback.func(*callback.args)


class MemoryClient(KazooClient):  # type: ignore[misc]  # kazoo has no type hints
    """kazoo's client whose requests are carried out at once, on a tree in this process."""

    def __init__(self, zookeeper: MemoryZookeeper, session: int, hook: Hook) -> None:
        """Speak to *zookeeper* in *session*."""
        super().__init__(handler=_AtOnce())
        self._zookeeper = zookeeper
        self._hook = hook
        self._session_id = session
        self.expired = False

    @property
    def connected(self) -> bool:
        """Tell whether the session lives."""
        return not self.expired

    @property
    def client_id(self) -> tuple[int, bytes]:
        """Return the number of the session, with a password that nobody asks for."""
        return self._session_id, b""

    def expire(self) -> None:
        """End the session, as ZooKeeper does that has not heard from it."""
        if not self.expired:
            self.expired = True
            self._zookeeper.end_session(self._session_id)
            for listener in list(self.state_listeners):
                listener(KazooState.LOST)

    def _call(self, request: Any, async_object: Any) -> bool:  # noqa: ANN401 - kazoo has no type hints
        self._hook(request)
        if self.expired:
            async_object.set_exception(exceptions.SessionExpiredError())
            return False
        try:
            async_object.set(self._zookeeper.answer(request, self._session_id))
        except exceptions.KazooException as error:
            async_object.set_exception(error)
        return True


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
