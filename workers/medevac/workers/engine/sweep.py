"""Sweep: removes the logbooks of jobs that have left the board.

A conductor does not remove them when it ends a job: its atoms are what one looks at when a recovery went wrong, and an
acknowledgement that is lost then would leave the logbook for ever.  The sweep looks only at what exists.
"""

from __future__ import annotations

import time
from typing import Any

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError, NotEmptyError
from oslo_serialization import jsonutils

from medevac.core import layout
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

LIMIT = 100
"""Logbooks removed at a time: a sweep is no reason to keep ZooKeeper busy."""


def sweep(client: KazooClient, keep: float, *, now: float | None = None, limit: int = LIMIT) -> tuple[str, ...]:
    """Remove the logbooks of ended jobs that have not changed for *keep* seconds; return their uuids.

    Several processes may sweep at once.  Ages are this machine's clock against ZooKeeper's.
    Raises StoreUnreachableError when ZooKeeper does not answer; what was removed stays removed.
    """
    clock = time.time() if now is None else now
    # Books first: a book is made together with its job, so one that is listed and has no job now will never have one.
    books = _children(client, f"{layout.BOOKS}/books")
    ended = sorted(set(books) - _books_on_board(client))
    removed: list[str] = []
    for book in ended:
        if len(removed) >= limit:
            break
        if _age(client, book, clock) >= keep and _remove(client, book):
            removed.append(book)
    return tuple(removed)


def _books_on_board(client: KazooClient) -> set[str]:
    calls = [client.get_async(f"{layout.BOARD}/{name}") for name in _children(client, layout.BOARD)]
    return {book for book in (_book_of(call) for call in calls) if book}


def _book_of(call: Any) -> str | None:  # noqa: ANN401 - kazoo has no type hints
    try:
        document = jsonutils.loads(bounded(call)[0])
        return str(document["book"]["uuid"])
    except (NoNodeError, ValueError, TypeError, KeyError):
        return None


def _age(client: KazooClient, book: str, clock: float) -> float:
    flows = [f"{layout.BOOKS}/flow_details/{flow}" for flow in _children(client, f"{layout.BOOKS}/books/{book}")]
    calls = [client.exists_async(path) for path in (f"{layout.BOOKS}/books/{book}", *flows)]
    stats = [stat for stat in (bounded(call) for call in calls) if stat is not None]
    return clock - max((stat.mtime / 1000 for stat in stats), default=clock)


def _remove(client: KazooClient, book: str) -> bool:
    """Remove one logbook in one transaction; return whether it was this call that did."""
    transaction = client.transaction()
    flows = _children(client, f"{layout.BOOKS}/books/{book}")
    for flow in flows:
        _delete_flow(client, transaction, flow)
        transaction.delete(f"{layout.BOOKS}/books/{book}/{flow}")
    transaction.delete(f"{layout.BOOKS}/books/{book}")
    try:
        commit(transaction)
    except TransactionRefusedError as error:
        if isinstance(error.cause, NoNodeError | NotEmptyError):
            return False
        raise
    return True


def _delete_flow(client: KazooClient, transaction: TransactionRequest, flow: str) -> None:
    for atom in _children(client, f"{layout.BOOKS}/flow_details/{flow}"):
        transaction.delete(f"{layout.BOOKS}/atom_details/{atom}")
        transaction.delete(f"{layout.BOOKS}/flow_details/{flow}/{atom}")
    transaction.delete(f"{layout.BOOKS}/flow_details/{flow}")


def _children(client: KazooClient, path: str) -> list[str]:
    try:
        return list(bounded(client.get_children_async(path)))
    except NoNodeError:
        return []
