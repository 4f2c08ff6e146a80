"""Reconciliation: find in the cluster's own records what an alert should have told, and did not.

Run by a timer on each full node.  It only adds: an event that exists already is left alone, and triage makes one
incident of many events of one death.  The rules err towards silence, since whoever believes an old fencing starts
second copies of servers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import decode, encode
from medevac.triggers.outage import Outage
from medevac.triggers.pacemaker import SOURCE, TAG, is_host_name
from medevac.triggers.pacemaker_status import Fencing, Status
from medevac.triggers.recorder import Recorder

OLDEST = 3600.0
"""Seconds: an older fencing is left to a human, who may have put the host back to work in some way we do not see."""
SETTLING = 60.0
"""Seconds around a fencing within which "online" may be a connection whose end the cluster has not noticed yet."""
SAME = 5.0
"""Seconds within which two reports of a fencing of one host are about the same: clocks of nodes differ a little."""
_CUTTING = frozenset({"off", "reboot"})


@dataclass(frozen=True, slots=True)
class Memory:
    """What the last run saw, kept on this node's disk."""

    online: tuple[str, ...] = ()
    """The remote nodes that were online."""
    up_at: Mapping[str, float] = field(default_factory=dict)
    """When each was last seen online."""
    posted: tuple[str, ...] = ()
    """Ids of the fencings and failures that were posted, or found to be known."""
    failed: tuple[Outage, ...] = ()
    """The services that were failed; see medevac.triggers.reconcile_services."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one look at the cluster says beyond the memory."""

    fencings: tuple[Event, ...]
    members: tuple[Event, ...]


def find(status: Status, memory: Memory, *, reporter: str, now: float) -> Findings:
    """Return the events that the cluster's records call for; pure.

    *now* is the time just before the cluster was asked, in seconds since the epoch.
    """
    newest: dict[str, Fencing] = {}
    for fencing in status.fencings:
        if fencing.success and fencing.action in _CUTTING:
            newest.setdefault(fencing.target, fencing)
    fencings = [each for each in newest.values() if _counts(each, status, memory, now)]
    members = [
        node.name
        for node in status.remotes
        if _is_up(node.name, status) and node.name not in memory.online and _is_settled(node.name, status, now)
    ]
    return Findings(
        tuple(fencing_event(each, reporter) for each in fencings),
        tuple(_member_event(name, reporter, now) for name in members),
    )


def _counts(fencing: Fencing, status: Status, memory: Memory, now: float) -> bool:
    node = status.nodes.get(fencing.target)
    if node is None or not node.remote or node.online or node.unclean or not is_host_name(node.name):
        return False
    back_since = memory.up_at.get(node.name, 0.0) > fencing.completed + SETTLING
    known = event_id(fencing) in memory.posted
    return not back_since and not known and now - fencing.completed <= OLDEST


def _is_up(name: str, status: Status) -> bool:
    # The minority's view may be old.
    node = status.nodes[name]
    return status.quorum and node.online and not node.unclean and is_host_name(name)


def _is_settled(name: str, status: Status, now: float) -> bool:
    return all(now - each.completed > SETTLING for each in status.fencings if each.target == name)


def remember(status: Status, memory: Memory, found: Findings, now: float) -> Memory:
    """Return what the next run should know, once *found* is stored."""
    up = [node.name for node in status.remotes if _is_up(node.name, status)]
    told = {event.subject.name for event in found.members} | set(memory.online)
    posted = [*memory.posted, *(event.id for event in found.fencings)]
    before = f"{int((now - 2 * OLDEST) * 1_000_000):016x}"
    return Memory(
        online=tuple(sorted(name for name in up if name in told)),
        up_at={**memory.up_at, **dict.fromkeys(up, now)},
        posted=tuple(name for name in posted if name >= before),
        failed=memory.failed,
    )


def event_id(fencing: Fencing) -> str:
    """Return an id that every run on every node gives the same fencing."""
    said = "\0".join((fencing.target, fencing.action, fencing.client, fencing.origin, str(int(fencing.completed))))
    return f"{int(fencing.completed * 1_000_000):016x}-fence-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def fencing_event(fencing: Fencing, reporter: str) -> Event:
    """Return the event that the alert would have been."""
    facts = {
        "action": fencing.action,
        "target": fencing.target,
        "by": fencing.delegate,
        "client": fencing.client,
        "origin": fencing.origin,
        "result": "OK",
        "rc": "0",
        "found": "in the cluster's history",
    }
    facts |= {"human": "yes"} if fencing.human else {}
    facts |= {"tag": TAG} if TAG in fencing.client.split(".") else {}
    subject = Subject(SubjectKind.HOST, fencing.target)
    return Event(event_id(fencing), EventKind.HOST_FENCED, subject, SOURCE, reporter, fencing.completed, facts)


def _member_event(name: str, reporter: str, now: float) -> Event:
    facts = {"found": "in the cluster's status"}
    subject = Subject(SubjectKind.HOST, name)
    return Event(new_event_id(now), EventKind.HOST_MEMBER, subject, SOURCE, reporter, now, facts)


def post(found: Findings, recorder: Recorder) -> list[Event]:
    """Store the events that ZooKeeper has not seen and return them; raises what `Poster.post` raises."""
    posted = []
    for event in found.fencings:
        known = recorder.seen(event.seen_at - SAME, event.seen_at + OLDEST)
        if not any(_is_about(each, event) for each in known) and recorder.post(event):
            posted.append(event)
    return [*posted, *(event for event in found.members if recorder.post(event))]


def _is_about(known: Event, event: Event) -> bool:
    same = known.id == event.id or abs(known.seen_at - event.seen_at) <= SAME
    return known.kind is EventKind.HOST_FENCED and known.subject == event.subject and same


def read_memory(path: Path) -> Memory:
    """Return what the last run wrote; an empty memory when there is none or it cannot be understood.

    Raises MedevacError when the file is there and may not be read.
    """
    try:
        return decode(Memory, path.read_bytes(), str(path))
    except (FileNotFoundError, MalformedDocumentError):
        return Memory()
    except OSError as error:
        raise MedevacError(f"{path} cannot be read: {error.strerror}") from error


def write_memory(path: Path, memory: Memory) -> None:
    """Keep *memory* for the next run, whole or not at all; raises MedevacError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(encode(memory))
        temporary.replace(path)
    except OSError as error:
        raise MedevacError(f"{path} cannot be written: {error.strerror}; make its folder for this user") from error
