"""Founding: whether a site is where an address leads, so that a mistyped path is not taken for a new site.

ZooKeeper creates any path that is written to.  Whoever works, looks or gives orders below a path that nobody meant
sees an empty site in which all is well, while alerts and workers meet elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, NoNodeError

from medevac.core import layout
from medevac.core.errors import StoreUnreachableError
from medevac.workers.zookeeper import bounded, connect, disconnect, ensure_layout

log = logging.getLogger(__name__)

DEEPEST = 3
"""How many names the path of a site that is looked for has at the most: /openstack/region-1/medevac."""
MOST_LOOKED_AT = 500
"""Folders that are looked into: others may keep thousands in the same ZooKeeper."""
NAMED = 3
_OF_A_SITE = frozenset(path.strip("/") for path in (layout.EVENTS, layout.INCIDENTS, layout.BOARD))
_WORKERS = layout.WORKERS.strip("/")


class NoSiteError(StoreUnreachableError):
    """No site of medevac is below this path of ZooKeeper. Correct the path; a new site is begun by its first worker."""


@dataclass(frozen=True, slots=True)
class Found:
    """A site of medevac in some ZooKeeper."""

    path: str
    """The end of its address: /medevac; / for one without a path."""
    workers: int
    """How many are alive there."""

    def __str__(self) -> str:
        """Return "/medevac (2 workers)"."""
        return f"{self.path} ({self.workers} worker{'' if self.workers == 1 else 's'})"


def require(client: KazooClient, address: str) -> None:
    """Return when a site is where *client*, of *address*, looks, with all folders of this version; create none.

    Raises NoSiteError, which names the sites that are in this ZooKeeper, and StoreUnreachableError.
    """
    others = [] if _is_site(client) else elsewhere(address)
    if not _is_site(client):
        instead = _instead(others) or ": no worker has run there yet"
        raise NoSiteError(f"{_nothing_at(address)}{instead}. {_remedy(address)}")
    ensure_layout(client)


def enter(client: KazooClient, address: str) -> None:
    """Do the same for a worker, which begins the site where this ZooKeeper has none at all: it is the first.

    Raises NoSiteError where there are others: the path is more likely mistyped than new.
    """
    others = [] if _is_site(client) else elsewhere(address)
    if others and not _is_site(client):  # another worker may have begun it since
        raise NoSiteError(f"{_nothing_at(address)}{_instead(others)}. {_remedy(address)}")
    begin(client, address)


def begin(client: KazooClient, address: str) -> bool:
    """Have a site there, whatever else this ZooKeeper has; tell whether it is new."""
    new = not _is_site(client)
    if new:
        log.info("%s: a new site begins there", _nothing_at(address))
        _ensure_folders_above(address)
    ensure_layout(client)
    return new


def sites(client: KazooClient) -> Iterator[Found]:
    """Yield the sites in a ZooKeeper, with a *client* that looks at all of it; what it may not see is left out."""
    level, looked = ["/"], 0
    for _ in range(DEEPEST + 1):
        below: list[str] = []
        for path in level:
            if looked >= MOST_LOOKED_AT:
                return
            looked += 1
            names = _children(client, path)
            if set(names) >= _OF_A_SITE:
                yield Found(path, len(_children(client, _join(path, _WORKERS))))
            elif path != "/zookeeper":
                below += [_join(path, name) for name in names]
        level = below


def _is_site(client: KazooClient) -> bool:
    return bounded(client.exists_async(layout.INCIDENTS)) is not None


def elsewhere(address: str) -> list[Found]:
    """Return the sites in the ZooKeeper of *address* that are not at its own path, those with most workers first."""
    with _whole(address) as client:
        others = [site for site in sites(client) if site.path != _parts(address)[1]]
    return sorted(others, key=lambda site: (-site.workers, site.path))


def _ensure_folders_above(address: str) -> None:
    """Create those that a path of several names begins with: a client that looks below the path cannot."""
    above = _parts(address)[1].rpartition("/")[0]
    if above:
        with _whole(address) as client:
            bounded(client.ensure_path_async(above))


@contextlib.contextmanager
def _whole(address: str) -> Iterator[KazooClient]:
    """Give a client that looks at all of the ZooKeeper behind *address*."""
    client = connect(_parts(address)[0])
    try:
        yield client
    finally:
        disconnect(client)


def _parts(address: str) -> tuple[str, str]:
    servers, slash, path = address.partition("/")
    return servers, (slash + path).rstrip("/") or "/"


def _nothing_at(address: str) -> str:
    servers, path = _parts(address)
    return f"ZooKeeper at {servers} has no site of medevac at {path}"


def _instead(others: list[Found]) -> str:
    if not others:
        return ""
    more = f" and {len(others) - NAMED} more" if others[NAMED:] else ""
    return f", but at {', '.join(map(str, others[:NAMED]))}{more}"


def _remedy(address: str) -> str:
    return (
        "Correct the path (zookeeper in the site file, MEDEVAC_ZOOKEEPER, --zookeeper). "
        f"If it is right, and a new site is to begin there: medevac site create --zookeeper {address}"
    )


def _children(client: KazooClient, path: str) -> list[str]:
    try:
        return list(bounded(client.get_children_async(path)))
    except (NoNodeError, NoAuthError):
        return []


def _join(path: str, name: str) -> str:
    return f"{path.rstrip('/')}/{name}"
