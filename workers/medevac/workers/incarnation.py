"""Incarnation: which life of a host we are in, so that one death makes one incident, and the next death another."""

from __future__ import annotations

from dataclasses import dataclass

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.event import Subject
from medevac.core.wire import decode, encode
from medevac.workers.zookeeper import bounded

NEVER_STORED = -1


@dataclass(frozen=True, slots=True)
class Incarnation:
    """The record at /subjects/KIND:NAME."""

    generation: int = 0
    """Counts the deaths that made an incident."""
    incident: str = ""
    """The newest incident; empty when there was none yet."""
    seen_up_at: float = 0.0
    """Seconds since the epoch at which the cluster last said that it reaches the host."""


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
