"""Listing: filters, order and pages of servers and migrations (db/main/api.py)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.migration import Migration
from medevac.sandbox.cloud.model.server import STATUS_TO_STATE, Server
from medevac.sandbox.cloud.model.world import World

T = TypeVar("T", Server, Migration)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most *limit* items after the one with the id *marker*."""

    limit: int
    marker: str | None = None


def cut(items: list[T], page: Page) -> list[T]:
    """Return one page of *items*.  Raises Nova's 400 for a marker that is none of them."""
    start = 0
    if page.marker is not None:
        places = {_key(item): place for place, item in enumerate(items)}
        if page.marker not in places:
            raise bad_request(f"marker [{page.marker}] not found")
        start = places[page.marker] + 1
    return items[start : start + page.limit]


def _key(item: Server | Migration) -> str:
    return item.uuid if isinstance(item, Migration) else item.id


@dataclass(frozen=True, slots=True)
class ServerFilter:
    """What GET /servers can ask for; None: anything."""

    host: str | None = None
    project_id: str | None = None
    status: tuple[str, ...] = ()
    vm_state: str | None = None
    name: str | None = None
    changed_since: float | None = None
    deleted: bool = False

    def passes(self, server: Server) -> bool:
        """Tell whether *server* is asked for."""
        return (
            (server.deleted == self.deleted or (server.deleted and self.changed_since is not None))
            and (self.changed_since is None or math.floor(server.updated_at) >= self.changed_since)
            and self.project_id in (None, server.project_id)
            and self.vm_state in (None, server.vm_state)
            and (not self.status or any(_has_status(server, status) for status in self.status))
            and (self.name is None or re.search(self.name, server.name) is not None)
        )


def _has_status(server: Server, status: str) -> bool:
    """Tell whether the filter *status* finds the server: ACTIVE finds it also while it is being rebuilt, as in Nova."""
    return server.status == status or STATUS_TO_STATE.get(status) == server.vm_state


def servers(world: World, asked: ServerFilter) -> list[Server]:
    """Return the servers asked for, newest first; those in cells that are down are silently left out."""
    pool: Iterable[Server] = world.servers.values() if asked.host is None else world.servers_on(asked.host)
    if asked.host is not None and asked.changed_since is not None:
        pool = [*pool, *(s for s in world.servers.values() if s.deleted and s.host == asked.host)]
    found = [server for server in pool if asked.passes(server) and not world.cell_is_down(server.host)]
    return sorted(found, key=lambda server: (server.created_at, server.number), reverse=True)


@dataclass(frozen=True, slots=True)
class MigrationFilter:
    """What GET /os-migrations can ask for; None: anything."""

    host: str | None = None
    source: str | None = None
    status: str | None = None
    server_id: str | None = None
    kind: str | None = None
    project_id: str | None = None
    changed_since: float | None = None

    def passes(self, record: Migration) -> bool:
        """Tell whether *record* is asked for.

        A record that has never changed has no updated_at, and SQL finds it later than nothing: `changes-since` does
        not return a record that is still `accepted`.
        """
        changed = record.updated_at is not None and math.floor(record.updated_at) >= (self.changed_since or 0)
        return (
            (self.host is None or self.host in (record.source, record.destination))
            and self.source in (None, record.source)
            and self.status in (None, record.status)
            and self.server_id in (None, record.server_id)
            and self.kind in (None, record.kind)
            and self.project_id in (None, record.project_id)
            and (self.changed_since is None or changed)
        )


def migrations(world: World, asked: MigrationFilter) -> list[Migration]:
    """Return the records asked for, oldest first; those in cells that are down are silently left out."""
    pool: Iterable[Migration] = world.migrations.values()
    if asked.server_id is not None:
        pool = world.migrations_of.get(asked.server_id, ())
    return [record for record in pool if asked.passes(record) and not world.cell_is_down(record.source)]
