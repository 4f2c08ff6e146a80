"""Posting: a job to be, added to somebody else's ZooKeeper transaction.

The znodes have TaskFlow's own format, so that its stock tools can read them.  They are written directly and not with
JobBoard.post: that cannot take part in a transaction, and on a connected board it costs time that grows with the
square of the jobs.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kazoo.client import TransactionRequest
from oslo_serialization import jsonutils
from taskflow import engines
from taskflow.jobs.base import JobPriority, format_posting
from taskflow.persistence import models

from medevac.core import layout

_NAMESPACE = uuid.UUID("6d656465-7661-5300-8000-6a6f62626f61")


class Priority(enum.StrEnum):
    """How urgent a job is, as policies say it; most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    IDLE = "idle"

    @property
    def taskflow(self) -> JobPriority:
        """Return TaskFlow's word for it."""
        return _TASKFLOW[self]

    @classmethod
    def of(cls, priority: JobPriority) -> Priority:
        """Return ours for TaskFlow's word."""
        return next(ours for ours, theirs in _TASKFLOW.items() if theirs is priority)


_TASKFLOW = {
    Priority.CRITICAL: JobPriority.VERY_HIGH,
    Priority.HIGH: JobPriority.HIGH,
    Priority.NORMAL: JobPriority.NORMAL,
    Priority.LOW: JobPriority.LOW,
    Priority.IDLE: JobPriority.VERY_LOW,
}


@dataclass(frozen=True, slots=True)
class Posting:
    """A job to be.  All its ids follow from *key*: posting the same key twice is refused by ZooKeeper (NodeExists)."""

    key: str
    """What this job is for, once: the incident's id and the attempt, for example."""
    name: str
    """For people."""
    factory: str
    """The importable name of the function that builds the flow; stored, so renaming it needs a migration."""
    arguments: Sequence[object] = ()
    """The factory's positional arguments, of JSON's types, without secrets."""
    priority: Priority = Priority.NORMAL
    details: Mapping[str, object] = field(default_factory=dict)
    """More that a conductor should know before it loads the flow; of JSON's types, without secrets."""

    @property
    def book_id(self) -> str:
        """Return the uuid of the logbook."""
        return self._id("book")

    @property
    def flow_id(self) -> str:
        """Return the uuid of the flow detail."""
        return self._id("flow")

    @property
    def job_id(self) -> str:
        """Return the uuid of the job."""
        return self._id("job")

    def _id(self, kind: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{kind} {self.key}"))


def add_job(
    transaction: TransactionRequest, posting: Posting, *, board: str = layout.BOARD, books: str = layout.BOOKS
) -> None:
    """Add logbook, flow detail, their link and the job (four creates, in this order) to *transaction*.

    While the logbook of an earlier job with the same key exists the transaction will be refused with NodeExistsError
    on `books_path(posting)`; guard the key with a znode of your own if it must hold after the logbook was swept.
    Raises ValueError when the factory cannot be imported, TypeError when an argument is not JSON.
    """
    book = models.LogBook(posting.name, posting.book_id)
    flow = models.FlowDetail(posting.name, posting.flow_id)
    engines.save_factory_details(flow, posting.factory, list(posting.arguments), {})
    document = format_posting(
        posting.job_id,
        posting.name,
        book=book,
        details={**posting.details, "flow_uuid": flow.uuid},
        priority=posting.priority.taskflow,
    )
    transaction.create(books_path(posting, books), jsonutils.dump_as_bytes(book.to_dict(marshal_time=True)))
    transaction.create(f"{books}/flow_details/{flow.uuid}", jsonutils.dump_as_bytes(flow.to_dict()))
    transaction.create(f"{books_path(posting, books)}/{flow.uuid}")
    transaction.create(f"{board}/job", jsonutils.dump_as_bytes(document), sequence=True)


def books_path(posting: Posting, books: str = layout.BOOKS) -> str:
    """Return the path of the logbook: that it exists means that the key has been posted."""
    return f"{books}/books/{posting.book_id}"
