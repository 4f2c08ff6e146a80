"""Roll: the workers that are alive, and what each says of itself in its ephemeral znode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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


def enter(client: KazooClient, entry: RollEntry) -> None:
    """Put *entry* on the roll for the life of the session."""
    bounded(client.create_async(_path(entry.name), encode(entry), ephemeral=True))


def change(client: KazooClient, entry: RollEntry) -> None:
    """Say something new of this worker."""
    bounded(client.set_async(_path(entry.name), encode(entry)))


def call(client: KazooClient) -> Iterator[RollEntry]:
    """Yield the workers that are alive, by name."""
    for name in sorted(bounded(client.get_children_async(layout.WORKERS))):
        try:
            data, _ = bounded(client.get_async(_path(name)))
            yield decode(RollEntry, data, _path(name))
        except NoNodeError:
            continue  # gone since the list was read
        except MalformedDocumentError:
            yield RollEntry(name, "?", 0, 0.0, triage=False, conductor=False, policy_set="")


def _path(name: str) -> str:
    return f"{layout.WORKERS}/{name}"
