"""Housekeeping: what is over is kept for a while and then removed, a bounded number at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.event import Subject, SubjectKind
from medevac.workers import incarnation, incidents, policy_history
from medevac.workers.brakes import marks
from medevac.workers.engine.sweep import sweep
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

DAY = 86_400.0
LIMIT = 200
"""Records removed at a time."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds."""

    logbooks: float = 7 * DAY
    """TaskFlow's records of jobs that have left the board."""
    events: float = 30 * DAY
    """What became of each event; a spool that is replayed later than that opens the event again."""
    marks: float = DAY
    """What was disarmed, or in maintenance, until a time that is over."""
    incidents: float = 90 * DAY
    """Incidents that ended, with journal and report, and the policy sets that decided about them."""


def tidy(client: KazooClient, retention: Retention, now: float) -> int:
    """Remove what has been kept long enough, and return how many records that were.

    Raises StoreUnreachableError when ZooKeeper does not answer; what was removed stays removed.
    """
    removed = len(sweep(client, retention.logbooks, now=now))
    for path in _aged(client, layout.HANDLED, now - retention.events):
        removed += _remove(client, [path])
    for incident_id in itertools.islice(_over(client, now - retention.incidents), LIMIT):
        removed += _remove(client, _whole(client, layout.incident(incident_id)))
    for path in itertools.islice(_forgotten_servers(client, now - retention.incidents), LIMIT):
        removed += _remove(client, [path])
    for path in marks.expired(client, now - retention.marks):
        removed += _remove(client, [path])
    for path in itertools.islice(_unused_policies(client, now - retention.incidents), LIMIT):
        removed += _remove(client, [path])
    return removed


def _aged(client: KazooClient, folder: str, before: float) -> Iterator[str]:
    """Yield the paths below *folder*, whose names sort by time, that were last written before *before*."""
    for name in sorted(bounded(client.get_children_async(folder)))[:LIMIT]:
        stat = bounded(client.exists_async(f"{folder}/{name}"))
        if stat is not None and stat.last_modified < before:
            yield f"{folder}/{name}"


def _over(client: KazooClient, before: float) -> Iterator[str]:
    """Yield the incidents that ended before *before* and are not the newest of their host."""
    for name in bounded(client.get_children_async(layout.INCIDENTS)):
        try:
            incident = incidents.read(client, name).incident
        except (incidents.NoSuchIncidentError, MalformedDocumentError):
            continue
        newest = incarnation.read(client, incident.subject).record.incident
        if incident.state.final and (incident.ended_at or before) < before and newest != incident.id:
            yield name


def _forgotten_servers(client: KazooClient, before: float) -> Iterator[str]:
    """Yield the records of servers that were last written before *before* and none of whose incidents is left.

    Hosts are few, and keep theirs: it counts their deaths.
    """
    for name in bounded(client.get_children_async(layout.SUBJECTS)):
        kind, _, server = name.partition(":")
        stat = bounded(client.exists_async(f"{layout.SUBJECTS}/{name}")) if kind == SubjectKind.SERVER else None
        if stat is None or stat.last_modified >= before:
            continue
        record = incarnation.read(client, Subject(SubjectKind.SERVER, server)).record
        if not any(bounded(client.exists_async(layout.incident(each.incident))) for each in record.others.values()):
            yield f"{layout.SUBJECTS}/{name}"


def _unused_policies(client: KazooClient, before: float) -> Iterator[str]:
    """Yield the policy sets that first decided before *before* and that no incident names any more."""
    aged = [kept.digest for kept in policy_history.read_all(client) if kept.at < before]
    used = policy_history.users(client) if aged else {}
    yield from (layout.policy_set(digest) for digest in aged if digest not in used)


def _whole(client: KazooClient, path: str) -> list[str]:
    """Return *path* and all below it, children before parents."""
    try:
        names = bounded(client.get_children_async(path))
    except NoNodeError:
        return []
    return [below for name in names for below in _whole(client, f"{path}/{name}")] + [path]


def _remove(client: KazooClient, paths: list[str]) -> bool:
    transaction = client.transaction()
    for path in paths:
        transaction.delete(path)
    try:
        commit(transaction)
    except TransactionRefusedError:
        return False  # somebody else removed or changed it meanwhile
    return True
