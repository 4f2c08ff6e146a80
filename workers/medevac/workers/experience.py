"""Experience: how many evacuations at once the site's cloud takes, as far as its workers have found out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, KazooException, NoNodeError
from kazoo.interfaces import IAsyncResult

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.core.wire import decode, encode
from medevac.flows.learnt import Learnt
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)

Then = Callable[[IAsyncResult, bytes], None]
"""What is done with an answer, and with what was sent."""

PATIENCE = 2.0
"""Seconds that the record is waited for: a recovery can begin without it."""


class Experience:
    """Implements Memory (medevac.flows.learnt) on one record in ZooKeeper.

    It is advice, so it stands outside the transactions of a claim: who writes last is right, and a record that is
    missing, broken or out of date costs a recovery a few seconds at its beginning.
    """

    def __init__(self, client: KazooClient) -> None:
        """Read and write through *client*."""
        self._client = client

    def recall(self) -> Learnt | None:
        """Return what was kept last; None: nothing, nothing readable, or no answer."""
        try:
            data, _ = bounded(self._client.get_async(layout.LEARNT), PATIENCE)
            return decode(Learnt, data, layout.LEARNT) if data else None
        except NoNodeError:
            return None
        except (KazooException, MedevacError) as error:
            log.warning("how many evacuations at once are best is found out anew: %s", error or type(error).__name__)
            return None

    def is_empty(self) -> bool:
        """Tell whether nothing was ever kept; not so of what cannot be read.  Raises StoreUnreachableError."""
        try:
            data, _ = bounded(self._client.get_async(layout.LEARNT))
        except NoNodeError:
            return False
        return not data

    def begin(self, learnt: Learnt) -> bool:
        """Keep *learnt* if nothing was ever kept, and tell whether it is.  Raises StoreUnreachableError."""
        try:
            data, stat = bounded(self._client.get_async(layout.LEARNT))
            if data:
                return False
            bounded(self._client.set_async(layout.LEARNT, encode(learnt), version=stat.version))
        except (NoNodeError, BadVersionError):
            return False
        return True

    def keep(self, learnt: Learnt) -> None:
        """Keep *learnt*, without waiting for it; also where somebody has deleted what was kept."""
        self._send(self._client.set_async, encode(learnt), self._set)

    def _set(self, call: IAsyncResult, data: bytes) -> None:
        if isinstance(call.exception, NoNodeError):
            self._send(self._client.create_async, data, _noted)
        else:
            _noted(call, data)

    def _send(self, method: Callable[[str, bytes], IAsyncResult], data: bytes, then: Then) -> None:
        try:
            method(layout.LEARNT, data).rawlink(lambda call: then(call, data))
        except KazooException as error:
            log.warning("%s is not kept: %s", layout.LEARNT, type(error).__name__)


def _noted(call: IAsyncResult, _: bytes) -> None:
    if not call.successful():
        log.warning("%s is not kept: %s", layout.LEARNT, type(call.exception).__name__)
