"""The commands about events: what was seen, what became of it, and what still waits on this machine's disk."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import click
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.cli import options, output
from medevac.cli.groups import Group
from medevac.cli.zookeeper import PATIENCE, store
from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled
from medevac.core.spool import Spool
from medevac.core.wire import decode, to_plain
from medevac.triggers.alert import spools
from medevac.triggers.post import Poster, replay
from medevac.triggers.settings import settings_from
from medevac.triggers.telling import TellingError, Told, event_of, kind_of
from medevac.workers.zookeeper import bounded

SOURCE = "operator"
REPLAY_LIMIT = 300.0
"""Seconds for a whole spool; a single event has PATIENCE."""

T = TypeVar("T", Event, Handled)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A znode where an event or its record should be, and why it is none."""

    id: str
    malformed: str


@click.group(cls=Group)
def group() -> None:
    """Say and see what was seen."""


def _kind(_context: click.Context, _parameter: click.Parameter, value: str) -> EventKind:
    try:
        return kind_of(value)
    except TellingError as error:
        raise click.BadParameter(str(error)) from error


def _facts(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise click.BadParameter(f"{name!r} is no fact; write --fact name=value.")
    return {name: value for name, _, value in pairs}


@group.command()
@click.argument("kind", callback=_kind)
@click.argument("name")
@click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", callback=_facts, help="Evidence; repeatable.")
@click.option("--host", default="", help="The host that a server is on, where the server is what failed.")
@click.option("--source", default=SOURCE, show_default=True, help="Who saw it.")
@click.option("--key", default="", help="Said again under the same key within the hour, it is the same event.")
@click.option("--seen-at", type=float, metavar="SECONDS", help="When it was seen, since the epoch.  [default: now]")
@options.zookeeper
def post(
    kind: EventKind,
    name: str,
    facts: dict[str, str],
    host: str,
    source: str,
    key: str,
    seen_at: float | None,
    zookeeper: str,
) -> None:
    """Say that KIND (host.down, host.degraded, server.hung ...) was seen of NAME.

    NAME is a host as Nova names it, a server's uuid (server.*, workload.*) or a service (control-plane.*).
    host.fenced is your word that the host is off: its servers are started elsewhere on it.
    """
    told = {"by": options.who(), **({"host": host} if host else {}), **facts}
    if kind is EventKind.HOST_FENCED and source == SOURCE:
        told["human"] = "yes"
    try:
        event = event_of(Told(kind, name, told, source, platform.node(), seen_at, key), time.time())
    except TellingError as error:
        raise click.UsageError(str(error)) from error
    with Poster(zookeeper, PATIENCE) as poster:
        new = poster.post(event)
    known = "" if new else " It waits already."
    click.echo(f"Posted event {event.id}.{known} What becomes of it: medevac event list")


@group.command("list")
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="How many handled ones to show.")
@options.zookeeper
@options.as_json
def list_(limit: int, zookeeper: str, as_json: bool) -> None:
    """List the events that wait for triage, and what became of the latest others."""
    with store(zookeeper) as client:
        waiting = [_read(Event, name, data) for name, data in _documents(client, layout.EVENTS)]
        handled = [_read(Handled, name, data) for name, data in _documents(client, layout.HANDLED, limit)]
    if as_json:
        output.as_json({"waiting": to_plain(waiting), "handled": to_plain(handled)})
        return
    if not waiting and not handled:
        click.echo("Nothing has been seen.")
        return
    rows = [_row(each) for each in (*handled, *waiting)]
    output.table(("EVENT", "KIND", "OF", "SEEN", "BECAME", "WHY"), rows)


@group.command("replay")
@click.option(
    "--spool",
    "folders",
    multiple=True,
    type=click.Path(file_okay=False, exists=True),
    help="The folder to empty; repeatable.  [default: MEDEVAC_SPOOL, and this user's folder of last resort]",
)
@options.zookeeper
def replay_(folders: Sequence[str], zookeeper: str) -> int:
    """Post the events that wait in this machine's spool, because ZooKeeper was away when they were seen."""
    found = [Spool(folder) for folder in folders] or spools(settings_from(os.environ))
    waiting = [spool for spool in found if spool.waiting()]
    if not waiting:
        click.echo(f"Nothing waits in {', '.join(spool.folder for spool in found)}.")
        return 0
    with Poster(zookeeper, REPLAY_LIMIT, patience=PATIENCE) as poster:
        posted = sum(replay(spool, poster) for spool in waiting)
    click.echo(f"Posted {posted} event{'' if posted == 1 else 's'}.")
    return 0


def _documents(client: KazooClient, folder: str, limit: int | None = None) -> list[tuple[str, bytes]]:
    """Return (name, content) of the children of *folder*, oldest first; only the last *limit*."""
    names = sorted(bounded(client.get_children_async(folder)))
    names = names if limit is None else names[max(0, len(names) - limit) :]
    calls = [(name, client.get_async(f"{folder}/{name}")) for name in names]
    found = []
    for name, call in calls:
        try:
            found.append((name, bounded(call)[0]))
        except NoNodeError:
            continue  # triage has moved it meanwhile
    return found


def _read(cls: type[T], name: str, data: bytes) -> T | Unreadable:
    try:
        return decode(cls, data, name)
    except MalformedDocumentError as error:
        return Unreadable(name, str(error))


def _row(found: Event | Handled | Unreadable) -> tuple[str, ...]:
    if isinstance(found, Unreadable):
        return (found.id, "?", "-", "-", "unreadable", found.malformed)
    event = found.event if isinstance(found, Handled) else found
    became = (found.outcome.value, found.reason) if isinstance(found, Handled) else ("waiting", "no worker took it yet")
    return (event.id, event.kind.value, event.subject.name, output.moment(event.seen_at), *became)
