"""Marks: what operators have told medevac about places: disarmed, in maintenance.  They survive every restart."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import unquote

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import decode, encode
from medevac.workers.zookeeper import bounded

CLOUD = "cloud"
"""The scope that covers every host."""

UNTIL_ARMED = "held until it is armed: "
"""What stands in a reason before the command that arms what holds."""

T = TypeVar("T", "Disarm", "Maintenance")


class Mode(enum.StrEnum):
    """What becomes of failures while their place is disarmed."""

    FREEZE = "freeze"
    """They are held, and judged anew when the place is armed."""
    IGNORE = "ignore"
    """They are ignored for good."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is: what scopes of marks and failure domains speak of."""

    host: str
    zone: str = ""
    aggregates: tuple[str, ...] = ()
    rack: str = ""

    def within(self, scope: str) -> bool:
        """Tell whether *scope* covers this host: cloud, a name, or a name behind zone:, aggregate:, rack: or host:."""
        if scope == CLOUD:
            return True
        names = {"zone": (self.zone,), "aggregate": self.aggregates, "rack": (self.rack,), "host": (self.host,)}
        kind, colon, name = scope.partition(":")
        if colon and kind in names:
            return bool(name) and name in names[kind]
        return bool(scope) and any(scope in each for each in names.values())


@dataclass(frozen=True, slots=True)
class Disarm:
    """A place in which medevac begins nothing."""

    scope: str
    mode: Mode
    by: str
    """Who said so."""
    reason: str
    since: float
    """Seconds since the epoch."""
    until: float = 0.0
    """Seconds since the epoch at which it ends by itself; 0: only `medevac site arm` ends it."""

    def holds(self, now: float) -> bool:
        """Tell whether it is in force at *now*."""
        return not self.until or now < self.until

    def __str__(self) -> str:
        """Return who disarmed what and why."""
        return f"{self.scope} is disarmed by {self.by} ({self.reason}; mode {self.mode})"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A host whose planned stop was announced to medevac."""

    host: str
    by: str
    reason: str
    since: float
    """Seconds since the epoch."""
    until: float = 0.0
    """Seconds since the epoch; 0: only `medevac site maintenance HOST --end` ends it."""

    def holds(self, now: float) -> bool:
        """Tell whether it is in force at *now*."""
        return not self.until or now < self.until


def arming(scope: str) -> str:
    """Return the command that arms *scope*, as a shell takes it: a name may have blanks in it."""
    return f"medevac site arm --scope {shlex.quote(scope)}"


def disarms(client: KazooClient, now: float) -> tuple[Disarm, ...]:
    """Return what is disarmed at *now*.  Raises StoreUnreachableError."""
    return tuple(each for each in _read(client, layout.DISARM, Disarm) if each.holds(now))


def maintenances(client: KazooClient, now: float) -> tuple[Maintenance, ...]:
    """Return the announced maintenances of *now*.  Raises StoreUnreachableError."""
    return tuple(each for each in _read(client, layout.MAINTENANCE, Maintenance) if each.holds(now))


def expired(client: KazooClient, before: float) -> Iterator[str]:
    """Yield the paths of marks that ended by themselves before *before* (seconds since the epoch)."""
    kept: list[Disarm | Maintenance] = [*_read(client, layout.DISARM, Disarm)]
    kept += _read(client, layout.MAINTENANCE, Maintenance)
    for each in kept:
        if 0 < each.until < before:
            yield _path(each)


def put(client: KazooClient, mark: Disarm | Maintenance) -> None:
    """Store *mark*, over an earlier one of the same place.  Raises StoreUnreachableError."""
    path, data = _path(mark), encode(mark)
    try:
        bounded(client.create_async(path, data, makepath=True))
    except NodeExistsError:
        bounded(client.set_async(path, data))


def remove(client: KazooClient, path: str) -> bool:
    """Remove the mark at *path*; tell whether there was one.  Raises StoreUnreachableError."""
    try:
        bounded(client.delete_async(path))
    except NoNodeError:
        return False
    return True


def _path(mark: Disarm | Maintenance) -> str:
    return layout.disarm(mark.scope) if isinstance(mark, Disarm) else layout.maintenance(mark.host)


def _read(client: KazooClient, folder: str, kind: type[T]) -> Iterator[T]:
    try:
        names = sorted(bounded(client.get_children_async(folder)))
    except NoNodeError:
        return  # a site whose workers are older than this command
    for name in names:
        path = f"{folder}/{name}"
        try:
            yield decode(kind, bounded(client.get_async(path))[0], path)
        except NoNodeError:
            continue  # removed since the list was read
        except MalformedDocumentError as error:
            yield _unreadable(kind, unquote(name), str(error))


def _unreadable(kind: type[T], name: str, why: str) -> T:
    """Return the mark that a broken record stands for: it was meant to hold something back, so it does."""
    reason = f"its record cannot be read: {why}"
    mark = Disarm(name, Mode.FREEZE, "?", reason, 0.0) if kind is Disarm else Maintenance(name, "?", reason, 0.0)
    return cast("T", mark)
