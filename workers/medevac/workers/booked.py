"""Booked: the Bookings of all workers, in one record that is only changed as it was read.

Two writes for each batch of evacuations where a site has caps, and a read where others have written since; nothing
where it has none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, StoreUnreachableError
from medevac.core.wire import decode, encode
from medevac.workers.logbook import until_answered
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)

LASTS = 300.0
"""Seconds for which a booking counts: more than the calls of a batch take; who has booked and died asks for nobody."""
TRIES = 5
"""How often it is tried to take a booking back that others forestall; it ends by itself."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What one recovery is about to ask for."""

    servers: tuple[str, ...]
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Book:
    """The record."""

    booked: Mapping[str, Booking] = field(default_factory=dict)
    """By incident and step."""


class ZookeeperBookings:
    """Implements Bookings (medevac.flows.bookings) for one incident, or for one step of its flow.

    What was read or written last is good until somebody else has written: a booking on it is refused then.
    """

    def __init__(self, client: KazooClient, incident_id: str, now: Callable[[], float]) -> None:
        """Keep the bookings of *incident_id* through *client*."""
        self._client = client
        self._id = incident_id
        self._now = now
        self._known: tuple[Book, int] | None = None
        self._booked = False

    def for_step(self, name: str) -> ZookeeperBookings:
        """Return those of one step."""
        return ZookeeperBookings(self._client, f"{self._id} {name}", self._now)

    def of_others(self) -> Collection[str]:
        """Return those of others that still count; waits while ZooKeeper does not answer."""
        known = self._known
        if known is None or self._others(known[0]):  # those may have been taken back since
            known = until_answered(self._read)
        return {server for booking in self._others(known[0]).values() for server in booking.servers}

    def book(self, server_ids: Sequence[str]) -> bool:
        """Book; False where others have written since, or where it is not known whether it was written."""
        self._booked = True  # whatever comes of it: a write without an answer may be made later
        try:
            return self._write(Booking(tuple(server_ids), self._now()))
        except StoreUnreachableError:
            return False

    def clear(self) -> None:
        """Take our own back; where ZooKeeper does not answer, it ends by itself."""
        if not self._booked:
            return
        self._booked = False
        try:
            for _ in range(TRIES):
                book, _ = self._known or self._read()
                if self._id not in book.booked or self._write(None):
                    return
        except StoreUnreachableError as error:
            log.warning("what %s has booked counts for %.0f s: %s", self._id, LASTS, error)

    def _others(self, book: Book) -> dict[str, Booking]:
        since = self._now() - LASTS
        return {key: booking for key, booking in book.booked.items() if key != self._id and booking.at > since}

    def _read(self) -> tuple[Book, int]:
        try:
            data, stat = bounded(self._client.get_async(layout.BOOKINGS))
        except NoNodeError:
            bounded(self._client.ensure_path_async(layout.BOOKINGS))
            data, stat = bounded(self._client.get_async(layout.BOOKINGS))
        try:
            book = decode(Book, data, layout.BOOKINGS) if data else Book()
        except MalformedDocumentError as error:
            log.warning("bookings that cannot be read are begun anew: %s", error)
            book = Book()
        self._known = book, stat.version
        return self._known

    def _write(self, mine: Booking | None) -> bool:
        """Write what counts, with *mine*, over what was read; tell whether nobody had written since."""
        book, version = self._known or self._read()
        self._known = None
        changed = Book(self._others(book) | ({self._id: mine} if mine else {}))
        try:
            stat = bounded(self._client.set_async(layout.BOOKINGS, encode(changed), version=version))
        except BadVersionError:
            return False
        self._known = changed, stat.version
        return True
