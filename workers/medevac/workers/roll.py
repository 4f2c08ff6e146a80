"""Roll: the workers that are alive, and what each says of itself in its ephemeral znode."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import decode, encode
from medevac.workers.zookeeper import bounded


@dataclass(frozen=True, slots=True)
class RollEntry:
    """One worker process."""

    name: str
    """Unique to the process start; journals and claims carry it."""
    host: str
    pid: int
    started_at: float
    """Seconds since the epoch."""
    triage: bool
    conductor: bool
    policy_set: str
    """Digest of the policies that it goes by."""
    policy_problem: str = ""
    """What is wrong with the policy files now, while *policy_set*, the last good one, still holds; empty: nothing."""
    site: Mapping[str, str] = field(default_factory=dict)
    """Digest of what each key of its site file says; empty where its release does not tell."""
    told_at: float = 0.0
    """Seconds since the epoch, by its own clock, when it wrote this; 0 where its release does not tell."""
    clock_ahead: float = 0.0
    """Seconds by which its clock is ahead of ZooKeeper's, as the time of its write tells; known to readers only."""


def enter(client: KazooClient, entry: RollEntry) -> None:
    """Put *entry* on the roll for the life of the session."""
    bounded(client.create_async(_path(entry.name), encode(_dated(entry)), ephemeral=True))


def change(client: KazooClient, entry: RollEntry) -> None:
    """Say something new of this worker."""
    bounded(client.set_async(_path(entry.name), encode(_dated(entry))))


def call(client: KazooClient) -> Iterator[RollEntry]:
    """Yield the workers that are alive, by name."""
    for name in sorted(bounded(client.get_children_async(layout.WORKERS))):
        try:
            data, stat = bounded(client.get_async(_path(name)))
            entry = decode(RollEntry, data, _path(name))
            yield replace(entry, clock_ahead=entry.told_at - stat.mtime / 1000 if entry.told_at else 0.0)
        except NoNodeError:
            continue  # gone since the list was read
        except MalformedDocumentError:
            yield RollEntry(name, "?", 0, 0.0, triage=False, conductor=False, policy_set="")


def _dated(entry: RollEntry) -> RollEntry:
    return replace(entry, told_at=time.time())


def _path(name: str) -> str:
    return f"{layout.WORKERS}/{name}"
