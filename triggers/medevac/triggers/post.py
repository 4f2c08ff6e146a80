"""Posting events to the intake of a site: one create for each, everything together within a time limit.

Used by processes that live for a moment, and by the libvirt listener, which keeps one session.  Nothing here waits
for ZooKeeper longer than it was told to, however ZooKeeper is broken, and creating an event that exists is success:
two processes may post the same spool file.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.retry import KazooRetry

from medevac.core import layout
from medevac.core.errors import IntakeMissingError, StoreUnreachableError
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.core.wire import encode

_PAUSE = 0.05
"""Seconds between two tries of one request."""
CLOSING_LIMIT = 0.25
"""Seconds granted to saying goodbye, so that the server need not keep the session until it expires."""

# kazoo would warn about each refused connection; ours is one sentence for the whole attempt.
_silence = logging.getLogger(f"{__name__}.kazoo")
_silence.addHandler(logging.NullHandler())
_silence.propagate = False


class _Handler(SequentialThreadingHandler):  # type: ignore[misc] # kazoo ships no type hints
    """kazoo's own, with a limit on each host, so that a dead first server leaves time for the second."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self._limit = limit

    def create_connection(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - kazoo's signature
        kwargs["timeout"] = min(kwargs.get("timeout") or self._limit, self._limit)
        return super().create_connection(*args, **kwargs)


class Poster:
    """One ZooKeeper session for a few creates.  A context manager; connecting goes on in the background."""

    def __init__(
        self, address: str, seconds: float, *, patience: float | None = None, longest_pause: float = 0.2
    ) -> None:
        """Start connecting to *address* (host:port,host:port/path); all calls together may take *seconds*.

        *patience* limits each single call; *longest_pause* is that between two tries to connect, in seconds.
        Raises StoreUnreachableError when the address cannot be read.
        """
        self.address = address
        self._end = time.monotonic() + seconds
        self._patience = patience or seconds
        try:
            self._client = _client(address, self._patience, longest_pause)
        except (ValueError, TypeError, KazooException) as error:
            raise StoreUnreachableError(f"{address!r} is no ZooKeeper address (host:port,host:port/path)") from error
        self._connected = self._client.start_async()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def post(self, event: Event) -> bool:
        """Create the event; tell whether it was new.

        Raises StoreUnreachableError when the time is up (the event may have been stored all the same: post it
        again), IntakeMissingError when the site has no intake.
        """
        try:
            self._call(self._client.create_async, layout.event(event.id), encode(event))
        except NodeExistsError:
            return False
        return True

    def check(self) -> None:
        """Make sure that the site takes events; raises as `post` does."""
        if self._call(self._client.exists_async, layout.EVENTS) is None:
            raise self._no_intake()

    def _call(self, request: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - kazoo has no types
        end = min(self._end, time.monotonic() + self._patience)
        while self._connected.wait(max(0.0, end - time.monotonic())):
            try:
                return request(*arguments).get(timeout=max(0.0, end - time.monotonic()))
            except NodeExistsError:
                raise
            except NoNodeError as error:
                raise self._no_intake() from error
            except KazooTimeoutError:
                break
            except KazooException:
                # A connection that broke under the request, or a server that is not ready: the same id again.
                time.sleep(min(_PAUSE, max(0.0, end - time.monotonic())))
        message = f"ZooKeeper at {self.address or '(no address)'} did not answer in time. Check that its servers run."
        raise StoreUnreachableError(message)

    def _no_intake(self) -> IntakeMissingError:
        return IntakeMissingError(
            f"ZooKeeper at {self.address} has no {layout.EVENTS}: no site of medevac is there. Is the path mistyped? "
            "If the site is new: start a worker there once"
        )

    def close(self) -> None:
        """End the session, or leave it to expire when ZooKeeper does not answer at once."""
        # stop() joins kazoo's threads without a limit, and those can hang in a resolver or a dead connection.
        goodbye = threading.Thread(target=_say_goodbye, args=(self._client,), daemon=True)
        goodbye.start()
        goodbye.join(CLOSING_LIMIT if self._client.connected else 0.0)


def _say_goodbye(client: KazooClient) -> None:
    # Whatever kazoo raises here, there is nobody left to tell: the events are stored, or kept on disk.
    with contextlib.suppress(Exception):
        client.stop()
        client.close()


def _client(address: str, seconds: float, longest_pause: float) -> KazooClient:
    hosts = max(1, address.count(",") + 1)
    handler = _Handler(seconds / hosts)
    retry = KazooRetry(
        max_tries=-1, delay=0.02, backoff=2, max_jitter=0.2, max_delay=longest_pause, sleep_func=handler.sleep_func
    )
    # The shortest session that the server grants: a left one costs it least.
    return KazooClient(
        hosts=address, timeout=max(seconds, 0.1), handler=handler, connection_retry=retry, logger=_silence
    )


def replay(spool: Spool, poster: Poster, *, limit: int | None = None, older_than: float = 0.0) -> int:
    """Post what waits in *spool*, oldest first, at most *limit* events; return how many were acknowledged.

    Events that are younger than *older_than* seconds are left to the process that is posting them now.  Raises
    what `Poster.post` and `Spool.events` raise; what was acknowledged until then is removed.
    """
    before = f"{int((time.time() - older_than) * 1_000_000):016x}"
    posted = 0
    for event in spool.events():
        if (limit is not None and posted >= limit) or (older_than and event.id >= before):
            break
        poster.post(event)
        spool.remove(event.id)
        posted += 1
    return posted
