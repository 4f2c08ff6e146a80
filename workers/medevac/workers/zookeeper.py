"""The one ZooKeeper client of a process, and calls on it that always come back.

kazoo queues calls while its connection is away and lets them wait for ever; `bounded` and `commit` do not.  A call
that timed out may still be carried out when the connection returns (the queue is sent then, in its order): the
outcome is unknown until it is looked up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, KazooException, SessionExpiredError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState

from medevac.core import layout
from medevac.core.errors import MedevacError, StoreUnreachableError

SESSION_TIMEOUT = 8.0
"""Seconds of silence after which ZooKeeper gives our claims to others."""
CALL_TIMEOUT = 10.0
"""Seconds after which a call counts as unanswered: longer than a change of ZooKeeper's leader (1.5 s measured)."""
START_TIMEOUT = 15.0
PACKET_LIMIT = 1_000_000
"""Bytes.  ZooKeeper cuts the connection at 1 MiB (jute.maxbuffer), for everything that shares the client."""

_UNREACHABLE = (KazooTimeoutError, ConnectionLoss, ConnectionClosedError, SessionExpiredError)
_RECONNECT = {"max_tries": -1, "delay": 0.1, "backoff": 1.5, "max_delay": 1.0}
"""kazoo's own back-off kept us away for 2-8 s after ZooKeeper was back (measured)."""


class TransactionRefusedError(MedevacError):
    """ZooKeeper refused a group of writes: none of them was made."""

    def __init__(self, index: int, path: str, cause: Exception) -> None:
        """Say that operation *index* (from 0), on *path* (below the chroot), was refused for kazoo's *cause*."""
        super().__init__(f"ZooKeeper refused a group of writes: {type(cause).__name__} on {path}")
        self.index = index
        self.path = path
        self.cause = cause


class TooLargeError(MedevacError):
    """A group of writes is larger than ZooKeeper takes (1 MiB)."""


def connect(
    hosts: str, *, session_timeout: float = SESSION_TIMEOUT, start_timeout: float = START_TIMEOUT
) -> KazooClient:
    """Return a started client for *hosts* ("host:port,host:port/chroot").

    Keep one for the life of the process and never call its start() again.  Times are seconds.
    Raises StoreUnreachableError when there is no session within *start_timeout*, or *hosts* is no address.
    """
    try:
        client = KazooClient(hosts=hosts, timeout=session_timeout, connection_retry=dict(_RECONNECT))
    except ValueError as error:
        raise StoreUnreachableError(f"{hosts!r} is no ZooKeeper address (host:port,host:port/path)") from error
    # Not client.start(): that looks for the chroot without a deadline, and warns when ensure_layout has yet to make it.
    if not client.start_async().wait(start_timeout):
        disconnect(client)
        message = (
            f"ZooKeeper at {hosts} did not answer within {start_timeout:g} s. "
            "Check that its servers run and that --zookeeper names them."
        )
        raise StoreUnreachableError(message)
    return client


def disconnect(client: KazooClient) -> None:
    """End the session, so that what it holds is free at once."""
    client.stop()
    client.close()


def ensure_layout(client: KazooClient) -> None:
    """Create the folders of core.layout where they are missing, the chroot included."""
    books = tuple(f"{layout.BOOKS}/{name}" for name in ("books", "flow_details", "atom_details"))
    for path in ("/", *layout.ALL, *books):
        bounded(client.ensure_path_async(path))


def bounded(call: Any, timeout: float = CALL_TIMEOUT) -> Any:  # noqa: ANN401 - kazoo has no type hints
    """Return the result of *call*, what one of kazoo's ..._async methods has returned, within *timeout* seconds.

    Raises StoreUnreachableError when the answer did not come (the outcome of a write is unknown then); kazoo's own
    exceptions (NoNodeError, BadVersionError ...) pass through.
    """
    try:
        return call.get(timeout=timeout)
    except _UNREACHABLE as error:
        message = f"ZooKeeper did not answer ({type(error).__name__}); whether a write was made is unknown."
        raise StoreUnreachableError(message) from error


def commit(transaction: TransactionRequest, timeout: float = CALL_TIMEOUT) -> list[Any]:
    """Make all writes of *transaction*, or none, and return what each gave (a path, a stat, True).

    Raises TransactionRefusedError when a write was refused, TooLargeError before anything is sent, and
    StoreUnreachableError when the outcome is unknown.
    """
    size = sum(len(getattr(operation, "data", b"")) + len(operation.path) for operation in transaction.operations)
    if size > PACKET_LIMIT:
        message = f"a group of writes has {size} bytes; ZooKeeper takes {PACKET_LIMIT} at once."
        raise TooLargeError(message)
    results: list[Any] = bounded(transaction.commit_async(), timeout)
    refused = first_refusal(results)
    if refused is not None:
        index, cause = refused
        path = transaction.client.unchroot(transaction.operations[index].path)
        raise TransactionRefusedError(index, path, cause)
    return results


def first_refusal(results: list[Any]) -> tuple[int, Exception] | None:
    """Return the place of the write that was refused, and why; None when all were made.

    kazoo returns the exceptions of a transaction as values: RolledBackError before the culprit, others behind it.
    """
    wrong = [(n, each) for n, each in enumerate(results) if isinstance(each, KazooException)]
    culprits = [pair for pair in wrong if type(pair[1]).__name__ not in ("RolledBackError", "RuntimeInconsistency")]
    return next(iter(culprits or wrong), None)


class SessionWatch:
    """Tells whether the session can be relied on, and calls *on_lost* once when it cannot any more.

    SUSPENDED makes `connected` false at once.  SUSPENDED for *limit* seconds, or LOST, calls *on_lost* with a
    sentence, from a thread of its own: it may take its time, and must not call ZooKeeper.
    """

    def __init__(self, client: KazooClient, on_lost: Callable[[str], None], limit: float = SESSION_TIMEOUT / 4) -> None:
        """Watch *client*; call close() before it is stopped on purpose."""
        self._client = client
        self._on_lost = on_lost
        self._limit = limit
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._over = False
        client.add_listener(self._changed)
        if not client.connected:
            self._changed(KazooState.SUSPENDED)

    @property
    def connected(self) -> bool:
        """Tell whether the client has a connection now, as far as it knows."""
        return bool(self._client.connected) and not self._over

    def close(self) -> None:
        """Watch no more; *on_lost* is not called after this."""
        with self._lock:
            self._over = True
            self._disarm()
        self._client.remove_listener(self._changed)

    def _changed(self, state: str) -> None:
        with self._lock:
            if self._over:
                return
            self._disarm()
            if state == KazooState.SUSPENDED:
                sentence = f"ZooKeeper has been out of reach for {self._limit:g} s."
                self._arm(self._limit, sentence)
            elif state == KazooState.LOST:
                self._arm(0.0, "The ZooKeeper session has been lost.")

    def _arm(self, delay: float, sentence: str) -> None:
        self._timer = threading.Timer(delay, self._fire, (sentence,))
        self._timer.daemon = True
        self._timer.start()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self, sentence: str) -> None:
        with self._lock:
            if self._over or threading.current_thread() is not self._timer:
                return
            self._over = True
        self._on_lost(sentence)
