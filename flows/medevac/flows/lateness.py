"""Lateness: what Nova's records say of evacuations that were carried out when nobody waited for them any more.  Pure.

A call that was given up may lie in the queue of a nova-compute that stands still, or of a nova-conductor that is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medevac.flows.ports import Migration, Server

FAILED = ("failed", "error")
ARRIVED = "done"
"""The status of an evacuation until its source has cleaned up, which changes the record's time."""
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Known:
    """What a recovery that is over has said of one server."""

    id: str
    name: str
    at: float
    """Seconds since the epoch: whatever Nova did to it later, that recovery knew nothing of."""
    host: str = ""
    """Where it was back; empty: it was not brought back."""


def known(report: Mapping[str, Any], ended_at: float) -> dict[str, Known]:
    """Return what the *report* of a recovery that ended at *ended_at* says of the servers that Nova was asked for."""
    asked_for = [row for row in report.get("servers", ()) if row.get("attempts")]
    return {row["id"]: _known(row, ended_at) for row in asked_for}


def _known(row: Mapping[str, Any], ended_at: float) -> Known:
    back = bool(row.get("recovered"))
    at = row.get("back_at") if back else None
    return Known(row["id"], row["name"], ended_at if at is None else at, row.get("host", "") if back else "")


def of_each(records: Iterable[Migration], ended_at: float) -> dict[str, list[Migration]]:
    """Return the *records* of each server that are older than *ended_at*: later ones are somebody's new ones."""
    found: dict[str, list[Migration]] = {}
    for record in records:
        if record.created_at <= ended_at:
            found.setdefault(record.server_id, []).append(record)
    return found


def may_come(server: Known, records: Sequence[Migration]) -> bool:
    """Tell whether Nova may do, or has done, something that *server*'s recovery did not wait for.

    It was asked for more than once, or Nova has not finished with it.  That a record is closed proves nothing for a
    server that was not brought back: a nova-compute that is started on the source closes those of calls that wait
    elsewhere, too.
    """
    tried_again, unsettled = len(records) > 1, not server.host and any(each.status not in FAILED for each in records)
    return tried_again or unsettled or any(each.live for each in records) or late(server, records) is not None


def late(server: Known, records: Iterable[Migration]) -> Migration | None:
    """Return the newest of *records* that ended after what is known of *server*, and otherwise; None: none did."""
    ended = [record for record in records if record.updated_at > server.at and _is_news(record, server)]
    return max(ended, key=lambda record: record.updated_at, default=None)


def _is_news(record: Migration, server: Known) -> bool:
    return record.status in FAILED or (record.status == ARRIVED and record.destination != server.host)


def told(server: Known, record: Migration, seen: Server, source: str) -> str:
    """Return the sentence for people about *record*, of a *server* that Nova shows as *seen*.

    Empty where there is nothing to tell: it is still on its *source*, as was said before, or it is well.  One that was
    brought back, and is on its source all the same, has gone home since.
    """
    if not seen.host or (seen.host == source and not server.host):
        return ""
    if seen.vm_state == ERROR:  # and busy with a task for good: Nova leaves that as the late order had set it
        return (
            f"{server.name} is in ERROR on {seen.host}, and may run there all the same: Nova carried out an evacuation "
            f"to {record.destination or 'another host'} late that had been given up, and it ended as {record.status}. "
            f"See that it runs on {seen.host}, and that nothing of it runs on {record.destination or 'any other'}; "
            f"then: openstack server set --state active {server.id}"
        )
    if seen.task_state or record.status != ARRIVED or record.destination != seen.host:
        return ""
    if server.host:
        return (
            f"{server.name} was moved once more, from {server.host} to {seen.host}: Nova carried out an evacuation "
            f"late that had been given up. See that nothing of it is left on {server.host}"
        )
    return (
        f"{server.name} has arrived on {seen.host} after all, and is {seen.vm_state} there: Nova carried out late what "
        f"had been given up"
    )
