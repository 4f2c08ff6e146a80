"""Incarnation: which life of a subject we are in, so that one death makes one incident, and the next death another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.event import Subject
from medevac.core.wire import decode, encode
from medevac.workers.zookeeper import bounded

NEVER_STORED = -1
MOST_TIMES = 50
"""How many beginnings are remembered: more than any limit counts."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest incident of one failure of a subject."""

    generation: int = 0
    """Counts the incidents of this failure."""
    incident: str = ""
    boot: str = ""
    """Which start of the server it was, where the trigger said so."""


@dataclass(frozen=True, slots=True)
class Incarnation:
    """The record at /subjects/KIND:NAME."""

    generation: int = 0
    """Counts the deaths that made an incident."""
    incident: str = ""
    """The newest incident of the host's death; empty when there was none yet."""
    seen_up_at: float = 0.0
    """Seconds since the epoch at which the cluster last said that it reaches the host."""
    others: Mapping[str, Newest] = field(default_factory=dict)
    """By failure, for those of a host that lives, and of a server."""
    over_at: Mapping[str, float] = field(default_factory=dict)
    """By failure: when it was last said to be over (seconds since the epoch)."""
    begun_at: tuple[float, ...] = ()
    """When recoveries of the subject began lately, oldest first: what the limits count."""

    def newest(self, failure: str) -> Newest:
        """Return the newest incident of *failure*."""
        return self.others.get(failure, Newest())

    def opened(self, failure: str, newest: Newest) -> Incarnation:
        """Return the record after *newest* of *failure* was opened."""
        return replace(self, others={**self.others, failure: newest})

    def over(self, failure: str, at: float) -> Incarnation:
        """Return the record after *failure* was said to be over at *at*."""
        return replace(self, over_at={**self.over_at, failure: max(at, self.over_at.get(failure, 0.0))})

    def begun(self, at: float) -> Incarnation:
        """Return the record after a recovery began at *at*."""
        return replace(self, begun_at=(*self.begun_at, at)[-MOST_TIMES:])

    def begun_since(self, at: float) -> int:
        """Return how many recoveries began after *at*."""
        return sum(each > at for each in self.begun_at)


@dataclass(frozen=True, slots=True)
class StoredIncarnation:
    """The record as it was read; version NEVER_STORED when there is none."""

    record: Incarnation
    version: int


def read(client: KazooClient, subject: Subject) -> StoredIncarnation:
    """Return what is known of the subject's life."""
    path = layout.subject(subject.kind, subject.name)
    try:
        data, stat = bounded(client.get_async(path))
    except NoNodeError:
        return StoredIncarnation(Incarnation(), NEVER_STORED)
    return StoredIncarnation(decode(Incarnation, data, path), stat.version)


def write(transaction: TransactionRequest, subject: Subject, stored: StoredIncarnation, record: Incarnation) -> None:
    """Add the write of *record*; it is refused when somebody wrote since *stored* was read."""
    path = layout.subject(subject.kind, subject.name)
    if stored.version == NEVER_STORED:
        transaction.create(path, encode(record))
    else:
        transaction.set_data(path, encode(record), version=stored.version)
