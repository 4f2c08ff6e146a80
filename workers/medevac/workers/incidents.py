"""Incidents as ZooKeeper keeps them: the incident, its journal, its report.

Writers add operations to a transaction, so that an incident changes together with what belongs to it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.incident import Incident, failure_of
from medevac.core.journal import JournalEntry
from medevac.core.wire import decode, encode, from_plain
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)


class NoSuchIncidentError(MedevacError):
    """There is no such incident: `medevac incident list` shows those that there are."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An incident as it was read, with the version of its znode."""

    incident: Incident
    version: int


def read(client: KazooClient, incident_id: str) -> Stored:
    """Return the incident; raise NoSuchIncidentError when there is none of that id."""
    if "/" in incident_id or not incident_id.strip("."):  # people type ids: this would be the path of something else
        raise _no_such(incident_id)
    try:
        data, stat = bounded(client.get_async(layout.incident(incident_id)))
    except NoNodeError:
        raise _no_such(incident_id) from None
    return Stored(decode(Incident, data, layout.incident(incident_id)), stat.version)


def _no_such(incident_id: str) -> NoSuchIncidentError:
    return NoSuchIncidentError(
        f"there is no incident {incident_id!r}: `medevac incident list` shows those that there are"
    )


def read_all(client: KazooClient) -> Iterator[Incident]:
    """Yield every incident, oldest first."""
    found = []
    for name in bounded(client.get_children_async(layout.INCIDENTS)):
        try:
            found.append(read(client, name).incident)
        except NoSuchIncidentError:
            continue  # swept between the two reads
    yield from sorted(found, key=lambda incident: (incident.opened_at, incident.id))


class OpenOnes:
    """The incidents that are not over, read anew each time; those that were over once are never read again."""

    def __init__(self, client: KazooClient) -> None:
        """Read through *client*; not safe for many threads."""
        self._client = client
        self._over: set[str] = set()

    def read(self, *, without: str = "") -> list[Stored]:
        """Return them, oldest first; those of the failure *without* are not read.  Raises StoreUnreachableError."""
        names = set(bounded(self._client.get_children_async(layout.INCIDENTS)))
        self._over &= names
        wanted = sorted(name for name in names - self._over if not without or failure_of(name) != without)
        calls = {name: self._client.get_async(layout.incident(name)) for name in wanted}
        found = [stored for name, call in calls.items() if (stored := self._stored(name, call)) is not None]
        return sorted(found, key=lambda stored: (stored.incident.opened_at, stored.incident.id))

    def _stored(self, name: str, call: Any) -> Stored | None:  # noqa: ANN401 - kazoo's asynchronous result
        try:
            data, stat = bounded(call)
            stored = Stored(decode(Incident, data, layout.incident(name)), stat.version)
        except NoNodeError:
            return None
        except MalformedDocumentError as error:
            log.warning("an incident cannot be read: %s", error)
            self._over.add(name)
            return None
        if stored.incident.state.final:
            self._over.add(name)
            return None
        return stored


class EndedOnes:
    """The incidents that are over; each is read once when it is."""

    def __init__(self, client: KazooClient) -> None:
        """Read through *client*; not safe for many threads."""
        self._client = client
        self._over: dict[str, Incident | None] = {}

    def read(self, since: float) -> list[Incident]:
        """Return those that ended at *since*, seconds since the epoch, or later.  Raises StoreUnreachableError."""
        names = set(bounded(self._client.get_children_async(layout.INCIDENTS)))
        self._over = {name: incident for name, incident in self._over.items() if name in names}
        calls = {name: self._client.get_async(layout.incident(name)) for name in sorted(names - self._over.keys())}
        for name, call in calls.items():
            try:
                incident = decode(Incident, bounded(call)[0], layout.incident(name))
            except NoNodeError:
                continue
            except MalformedDocumentError:
                self._over[name] = None
                continue
            if incident.state.final:
                self._over[name] = incident
        return [each for each in self._over.values() if each is not None and (each.ended_at or 0.0) >= since]


def journal(client: KazooClient, incident_id: str) -> list[JournalEntry]:
    """Return the timeline of an incident, in the order in which it was written."""
    return [entry for name in pages(client, incident_id) for entry in entries_of(client, incident_id, name)]


def pages(client: KazooClient, incident_id: str) -> list[str]:
    """Return the names of the pages of its timeline, in the order in which they were written."""
    return sorted(bounded(client.get_children_async(layout.journal(incident_id))))


def entries_of(client: KazooClient, incident_id: str, name: str) -> list[JournalEntry]:
    """Return what stands on one page of its timeline."""
    path = f"{layout.journal(incident_id)}/{name}"
    data, _ = bounded(client.get_async(path))
    return page(data, path)


def report(client: KazooClient, incident_id: str) -> Mapping[str, Any] | None:
    """Return the report of an incident, or None while there is none."""
    try:
        data, _ = bounded(client.get_async(layout.report(incident_id)))
    except NoNodeError:
        return None
    found: Mapping[str, Any] = json.loads(data)
    return found


def create(transaction: TransactionRequest, incident: Incident, entries: Sequence[JournalEntry]) -> None:
    """Add the writes that bring *incident* into being, with the first lines of its journal."""
    transaction.create(layout.incident(incident.id), encode(incident))
    transaction.create(layout.journal(incident.id))
    note(transaction, incident.id, entries)


def replace(transaction: TransactionRequest, stored: Stored, incident: Incident) -> None:
    """Add the write of *incident* over *stored*; it is refused when somebody wrote since."""
    transaction.set_data(layout.incident(incident.id), encode(incident), version=stored.version)


def note(transaction: TransactionRequest, incident_id: str, entries: Sequence[JournalEntry]) -> None:
    """Add one page with *entries* to the journal."""
    transaction.create(f"{layout.journal(incident_id)}/p", encode({"entries": list(entries)}), sequence=True)


def page(data: bytes, path: str) -> list[JournalEntry]:
    """Return the entries of one page of a journal, read from *path*; raise MalformedDocumentError for what is none."""
    try:
        plain = json.loads(data)["entries"]
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path}: not a page of a journal: {error}"
        raise MalformedDocumentError(message) from error
    return [from_plain(JournalEntry, entry, path) for entry in plain]
