"""Cluster: whether Pacemaker knows that a host is worked on, asked when the host fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

from medevac.core.cluster import Node, Status
from medevac.core.errors import FencingError
from medevac.flows.ports import Clock
from medevac.workers.fencing.pacemaker import Cluster

log = logging.getLogger(__name__)

HERE = "here"
"""What stands in the site file where Pacemaker's commands are on the workers' machines."""
LASTS = 15.0
"""Seconds for which an answer is good, and so is that there was none: a storm must not wait for each."""


class ClusterWord:
    """Knows which nodes are in standby or in maintenance, by the cluster's own status."""

    def __init__(self, status: Callable[[], Status], name_of: Callable[[str], str], clock: Clock) -> None:
        """Ask *status*, which may raise FencingError; *name_of* gives the cluster's name of a host by Nova's."""
        self._status = status
        self._name_of = name_of
        self._clock = clock
        self._last: Status | None = None
        self._asked_at = float("-inf")

    def planned(self, host: str) -> str:
        """Return standby or maintenance where *host* is; empty when it is not, or the cluster does not answer."""
        now = self._clock.now()
        if now - self._asked_at > LASTS:
            self._asked_at = now
            self._last = self._ask()
        node = self._last.nodes.get(self._name_of(host)) if self._last else None
        return _state(node) if node else ""

    def _ask(self) -> Status | None:
        try:
            return self._status()
        except FencingError as error:
            log.warning("whether hosts are in standby cannot be told: %s", error)
            return None


def word_of(words: str, name_of: Callable[[str], str], clock: Clock) -> ClusterWord | None:
    """Return whom to ask by *words* of the site file (here, or what stands before crm_mon); None without any."""
    if not words:
        return None
    through = () if words == HERE else tuple(words.split())
    return ClusterWord(Cluster(through, name_of).status, name_of, clock)


def _state(node: Node) -> str:
    if node.maintenance:
        return "maintenance"
    return "standby" if node.standby else ""
