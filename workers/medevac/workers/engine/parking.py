"""Parked: what could not stay on the board, kept where people see it, with the reason."""

from __future__ import annotations

import base64
import enum
import time
from dataclasses import dataclass

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.wire import decode, encode
from medevac.workers.zookeeper import bounded

RAW_LIMIT = 256 * 1024
"""Bytes of a znode's content that are kept."""


class ParkedKind(enum.StrEnum):
    """Why something is parked."""

    MALFORMED = "malformed"
    """A znode on the board that is no job."""
    FAILED = "failed"
    """A job whose flow did not succeed."""


@dataclass(frozen=True, slots=True)
class Parked:
    """One thing that was taken off the board."""

    kind: ParkedKind
    name: str
    """The name of the znode it had on the board."""
    reason: str
    """One sentence."""
    at: float
    """Seconds since the epoch, on the clock of the worker that parked it."""
    raw: str
    """What the znode held, in base64 (at most RAW_LIMIT bytes of it)."""

    @property
    def content(self) -> bytes:
        """Return what the znode held."""
        return base64.b64decode(self.raw)


def park(transaction: TransactionRequest, kind: ParkedKind, path: str, raw: bytes, reason: str) -> None:
    """Add the record of what is at *path* to *transaction*; taking it off the board is the caller's business."""
    name = path.rpartition("/")[2]
    record = Parked(kind, name, reason, time.time(), base64.b64encode(raw[:RAW_LIMIT]).decode())
    # A sequence, because names on the board can come again: a poison posting often does.
    transaction.create(f"{layout.PARKED}/{name}-", encode(record), sequence=True)


def parked(client: KazooClient) -> dict[str, Parked]:
    """Return everything that is parked, by the name of its record."""
    names = sorted(bounded(client.get_children_async(layout.PARKED)))
    calls = {name: client.get_async(f"{layout.PARKED}/{name}") for name in names}
    found: dict[str, Parked] = {}
    for name, call in calls.items():
        try:
            found[name] = decode(Parked, bounded(call)[0], f"{layout.PARKED}/{name}")
        except NoNodeError:
            continue
    return found
