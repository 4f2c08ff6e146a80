"""Neighbours: what the workers of a site that recover something at the same time tell each other, in ZooKeeper.

One ephemeral record a worker.  Watches tell which ones have changed; they are read at the next look, and only while
this worker recovers something itself.  A worker that is alone writes when its waves begin and end, and no more.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Mapping

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError
from kazoo.interfaces import IAsyncResult

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import decode, encode
from medevac.flows.bulletin import Bulletin

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds for which a first wave waits to know who else is there: it can begin without that."""


class ZookeeperNeighbours:
    """Implements Neighbours (medevac.flows.bulletin) for the worker of one *name*; safe for threads."""

    def __init__(self, client: KazooClient, name: str) -> None:
        """Read and write through *client*, nothing yet."""
        self._client = client
        self._name = name
        self._path = layout.traffic(name)
        self._changed = threading.Condition()
        self._heard: dict[str, Bulletin] = {}
        self._stale: set[str] = set()
        self._list_is_stale = True
        self._reads = 0
        self._told = Bulletin()
        self._stored: Bulletin | None = None
        self._writes = False

    def meet(self) -> None:
        """Read who else is there; PATIENCE at most."""
        self._read_what_is_stale()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._reads, PATIENCE):
                log.warning("what other workers have under way is not known: ZooKeeper does not answer")

    def others(self) -> Mapping[str, Bulletin]:
        """Return what was read last, and read what has changed since."""
        self._read_what_is_stale()
        with self._changed:
            return dict(sorted(self._heard.items()))

    def tell(self, bulletin: Bulletin) -> None:
        """Write *bulletin*, unless nobody is there to read it; of those that come during a write, the last one."""
        with self._changed:
            self._told = bulletin
            self._write_what_is_new()

    def _write_what_is_new(self) -> None:
        """Write what was told last; called with the lock held."""
        if self._writes or self._told == self._stored or not (self._is_heard() or self._has_other_waves()):
            return
        self._writes = True
        (self._create if self._stored is None else self._set)(self._told)

    def _is_heard(self) -> bool:
        return any(bulletin.demands for bulletin in self._heard.values())

    def _has_other_waves(self) -> bool:
        told, stored = ({demand.wave for demand in each.demands} for each in (self._told, self._stored or Bulletin()))
        return told != stored

    def _create(self, bulletin: Bulletin) -> None:
        made = self._client.create_async(self._path, encode(bulletin), ephemeral=True, makepath=True)
        made.rawlink(functools.partial(self._made, bulletin))

    def _made(self, bulletin: Bulletin, call: IAsyncResult) -> None:
        if isinstance(call.exception, NodeExistsError):  # an earlier answer was lost
            self._set(bulletin)
        else:
            self._ended(bulletin, call)

    def _set(self, bulletin: Bulletin) -> None:
        self._client.set_async(self._path, encode(bulletin)).rawlink(functools.partial(self._ended, bulletin))

    def _ended(self, bulletin: Bulletin, call: IAsyncResult) -> None:
        with self._changed:
            self._writes = False
            if call.successful():
                self._stored = bulletin
                self._write_what_is_new()
                return
            if isinstance(call.exception, NoNodeError):  # somebody has deleted it
                self._stored = None
        log.warning("what this worker has under way is not told to others: %s", type(call.exception).__name__)

    def _read_what_is_stale(self) -> None:
        with self._changed:
            listing, self._list_is_stale = self._list_is_stale, False
            names, self._stale = self._stale, set()
            self._reads += listing + len(names)
        if listing:
            self._client.get_children_async(layout.TRAFFIC, watch=self._list_changed).rawlink(self._listed)
        for name in names:
            self._read(name)

    def _read(self, name: str) -> None:
        watch = functools.partial(self._record_changed, name)
        self._client.get_async(layout.traffic(name), watch=watch).rawlink(functools.partial(self._got, name))

    def _listed(self, call: IAsyncResult) -> None:
        with self._changed:
            self._reads -= 1
            if call.successful():
                there = set(call.value) - {self._name}
                new = there - self._heard.keys()
                self._heard = {name: bulletin for name, bulletin in self._heard.items() if name in there}
                self._reads += len(new)
            else:
                self._list_is_stale, new = True, set()
            self._changed.notify_all()
        for name in new:
            self._read(name)

    def _got(self, name: str, call: IAsyncResult) -> None:
        with self._changed:
            self._reads -= 1
            if call.successful():
                self._heard[name] = _bulletin(name, call.value[0])
            elif isinstance(call.exception, NoNodeError):
                self._heard.pop(name, None)
            else:
                self._stale.add(name)
            self._changed.notify_all()

    def _list_changed(self, _event: object) -> None:
        # Watches are also called when the connection is lost: nothing is known then, and all is read again.
        with self._changed:
            self._list_is_stale = True

    def _record_changed(self, name: str, _event: object) -> None:
        with self._changed:
            self._stale.add(name)


def _bulletin(name: str, data: bytes) -> Bulletin:
    try:
        return decode(Bulletin, data, layout.traffic(name)).sound()
    except MalformedDocumentError as error:
        log.warning("what %s has under way is not known: %s", name, error)
        return Bulletin()
