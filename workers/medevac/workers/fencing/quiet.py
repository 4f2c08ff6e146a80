"""Rungs that ask nobody: a host that fences itself, and a human."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.core.errors import FencingError
from medevac.core.evidence import REBOOT, FenceEvidence
from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.pacemaker import Cluster
from medevac.workers.fencing.patterns import ForHosts


class SelfMeans(ForHosts):
    """A host whose watchdog resets it when it has lost contact (SBD): after a computed time it has done so.

    The site says that the host has one; nothing here can prove it.  While Pacemaker reaches the host, its watchdog is
    fed, whatever else failed there: so Pacemaker is asked, and its silence is no evidence.
    """

    suffices = True

    def __init__(self, hosts: Sequence[str], cluster: Cluster, watchdog: float, margin: float) -> None:
        """Count *watchdog* and *margin* seconds from when *hosts* were last heard of."""
        super().__init__(hosts)
        self.cluster = cluster
        self._watchdog = watchdog
        self._margin = margin

    def look(self, case: Case) -> Answer:
        """Return evidence once the host must have reset itself."""
        if case.contact is None:
            message = f"nobody knows when {case.host} was last heard of, so the time of its watchdog cannot be counted"
            raise FencingError(message)
        if self.cluster.find(case.host).online:
            return Answer(words="Pacemaker reaches it: its watchdog is fed")
        safe_at = case.contact + self._watchdog + self._margin
        if case.now < safe_at:
            return Answer(words=f"its watchdog has fired for certain only in {safe_at - case.now:.0f} s")
        detail = (
            f"last heard of {case.now - case.contact:.0f} s ago; its watchdog of {self._watchdog:g} s and "
            f"{self._margin:g} s of margin have passed"
        )
        return Answer(FenceEvidence(case.host, safe_at, "self", REBOOT, detail))

    def order(self, case: Case) -> None:
        """Raise FencingError: a watchdog takes no orders."""
        message = f"the watchdog of {case.host} takes no orders"
        raise FencingError(message)

    def prove(self, host: str) -> str:
        """Repeat the site's word, if the cluster knows the host."""
        self.cluster.find(host)
        return f"the site file says that {host} has a watchdog of {self._watchdog:g} s"


class HumanMeans(ForHosts):
    """The end of a ladder: somebody is told, and his word comes with an event (medevac incident ack)."""

    suffices = False

    def look(self, case: Case) -> Answer:
        """Return that nobody has said so yet: what is said is stored with the incident, where the ladder looks."""
        return Answer(words=f"nobody has said that {case.host} is off", final=True)

    def order(self, case: Case) -> None:
        """Raise FencingError: people are paged, not ordered."""
        message = f"nobody can be ordered to switch {case.host} off"
        raise FencingError(message)

    def prove(self, host: str) -> str:
        """Say that it proves nothing."""
        message = f"a human's word about {host} is no way to fence it"
        raise FencingError(message)
