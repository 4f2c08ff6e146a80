"""What is on the job board, for people: read-only, without a claim and without a connected board."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.workers.zookeeper import bounded

LOCK = ".lock"
PENDING = "PENDING"
"""TaskFlow's word for a step that has not begun."""


class NoSuchJobError(MedevacError):
    """There is no such job on the board: `medevac job list` shows those that there are."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One step of a job's flow, as TaskFlow stores it."""

    name: str
    state: str
    """PENDING, RUNNING, SUCCESS, FAILURE, REVERTING, REVERTED ..."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job on the board."""

    id: str
    """The name of its znode."""
    name: str
    priority: str
    incident: str
    attempt: int
    owner: str
    """The conductor that claimed it; empty while nobody has."""
    posted_at: float
    """Seconds since the epoch."""
    flow: str
    """The uuid of its flow detail."""
    claims: int = 0
    """How often it has been claimed; 0: nothing has been done for it yet."""


def jobs(client: KazooClient) -> Iterator[JobRow]:
    """Yield every well-formed job on the board, in the order of posting."""
    names = sorted(bounded(client.get_children_async(layout.BOARD)))
    locked = {name.removesuffix(LOCK) for name in names if name.endswith(LOCK)}
    for name in names:
        if not name.endswith(LOCK):
            row = _row(client, name, name in locked)
            if row is not None:
                yield row


def find(client: KazooClient, wanted: str) -> JobRow:
    """Return the job whose znode, name or incident is *wanted*; raise NoSuchJobError."""
    for row in jobs(client):
        if wanted in (row.id, row.name, row.incident):
            return row
    message = f"there is no job {wanted!r} on the board: `medevac job list` shows those that there are"
    raise NoSuchJobError(message)


def atoms(client: KazooClient, row: JobRow) -> list[Atom]:
    """Return the steps of the job's flow in the order in which they run; one that TaskFlow does not know yet waits."""
    folder = f"{layout.BOOKS}/flow_details/{row.flow}"
    try:
        names = bounded(client.get_children_async(folder))
        flow, _ = bounded(client.get_async(folder))
    except NoNodeError:
        return []
    stored = [_atom(client, f"{layout.BOOKS}/atom_details/{name}") for name in names]
    found = {atom.name: atom for atom in stored if atom is not None}
    return [found.get(name) or Atom(name, PENDING) for name in dict.fromkeys([*_order(flow), *sorted(found)])]


def _order(flow: bytes) -> Sequence[str]:
    """Return the names of the steps of the stored *flow* in order; nothing where this installation cannot build it."""
    from medevac.flows.picture import picture  # noqa: PLC0415 - TaskFlow takes half a second; a list of jobs needs none

    try:
        plain = json.loads(flow)
        (document,) = plain.get("flow", plain)["meta"]["factory"]["args"]
        return [node.name for node in picture(document).nodes]
    except (MedevacError, ValueError, KeyError, TypeError):
        return ()


def _row(client: KazooClient, name: str, is_locked: bool) -> JobRow | None:  # noqa: FBT001 - a fact about the row
    try:
        data, stat = bounded(client.get_async(f"{layout.BOARD}/{name}"))
        posting: Mapping[str, Any] = json.loads(data)
        details = posting.get("details") or {}
        return JobRow(
            id=name,
            name=str(posting["name"]),
            priority=str(posting.get("priority", "NORMAL")),
            incident=str(details.get("incident", "")),
            attempt=int(details.get("attempt", 0)),
            owner=_owner(client, name) if is_locked else "",
            posted_at=stat.created,
            flow=str(details.get("flow_uuid", "")),
            claims=stat.version,
        )
    except (NoNodeError, ValueError, KeyError, TypeError, AttributeError):
        return None  # gone meanwhile, or malformed: the conductors set it aside


def _owner(client: KazooClient, name: str) -> str:
    try:
        data, _ = bounded(client.get_async(f"{layout.BOARD}/{name}{LOCK}"))
        return str(json.loads(data).get("owner", "unknown"))
    except NoNodeError:
        return ""
    except (ValueError, AttributeError):
        return "unknown"


def _atom(client: KazooClient, path: str) -> Atom | None:
    try:
        data, _ = bounded(client.get_async(path))
        plain = json.loads(data)
    except (NoNodeError, ValueError):
        return None
    detail = plain.get("atom", plain)
    return Atom(name=str(detail.get("name", "?")), state=str(detail.get("state") or PENDING))
