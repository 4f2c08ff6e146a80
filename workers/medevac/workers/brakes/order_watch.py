"""Order watch: which orders stand for an incident, known without asking ZooKeeper before each call.

ZooKeeper tells a session of a change before it answers anything that the session asks after that change.  So once a
proof of ownership has been answered, every order that was stored before it has arrived in this process; what has
arrived is waited for here, and then the answer is as good as one that was read at the moment of that proof.
docs/decisions/0019-what-a-recovery-costs.md has the argument.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from kazoo.client import KazooClient
from kazoo.protocol.states import Callback

from medevac.workers.brakes import orders
from medevac.workers.brakes.orders import Given, Order

HEARD_WITHIN = 1.0
"""Seconds in which what has arrived is taken note of; when it takes longer, ZooKeeper is asked instead."""


class OrderWatch:
    """The orders for one incident; reads them when it must.  Safe for many threads."""

    def __init__(self, client: KazooClient, incident_id: str) -> None:
        """Read nothing yet."""
        self._client = client
        self._id = incident_id
        self._lock = threading.Lock()
        self._known = False
        self._standing: Mapping[Order, Given] = {}

    def standing(self) -> Mapping[Order, Given]:
        """Return the orders that stood when ZooKeeper last answered this session, or later.

        Prove that the job is yours just before: that is the answer that counts.  Raises StoreUnreachableError when
        they must be read and ZooKeeper does not answer.
        """
        heard = self._has_heard()
        with self._lock:
            if not (heard and self._known):
                self._read()
            return self._standing

    def _read(self) -> None:
        # Known already before the answer: a change behind it calls _changed, and must not be overwritten.
        self._known = True
        try:
            self._standing = orders.given(self._client, self._id, self._changed)
        except BaseException:
            self._known = False
            raise

    def _changed(self, _event: object) -> None:
        # Also called when the connection is lost: kazoo ends all watches then, and so nothing is known any more.
        self._known = False

    def _has_heard(self) -> bool:
        """Wait until everything that ZooKeeper has told so far was taken note of; tell whether it was."""
        if not self._known or not self._client.connected:
            return False
        heard = threading.Event()
        # Behind what came before: kazoo calls its watches one after the other, in one thread.
        self._client.handler.dispatch_callback(Callback("watch", heard.set, ()))
        return heard.wait(HEARD_WITHIN)
