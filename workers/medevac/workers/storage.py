"""Storage: disks that fail on many hosts at once are one failure of their storage, and no failure of the servers.

Nothing is gained by moving or restarting such servers, and much may be lost.  One of them is tried at a time; as soon
as one runs again the storage is back, and the others follow.
"""

from __future__ import annotations

from collections.abc import Collection

from medevac.core.event import EventKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import HostService
from medevac.workers.cases.shared import last
from medevac.workers.desk import Desk
from medevac.workers.incidents import OpenOnes
from medevac.workers.verdict import Verdict

FAILURES = (EventKind.SERVER_IO_ERROR.value, "host.network.storage.down")
"""What tells of storage that cannot be reached."""
WIDE = 3
"""Hosts whose disks fail at once that are no coincidence."""
HELD_BY = "storage"
LOOK_AGAIN = 10.0
"""Seconds until what waits for the storage is looked at again."""
BELIEVED = 120.0
"""Seconds for which the storage counts as back after a server has run again."""
FRESH = 2.0
"""Seconds for which what is open is remembered: hundreds of servers may lose their disks in one second."""


class StorageBrake:
    """Brakes that hold what fails for want of storage, in front of the site's own.  Use it from one thread."""

    def __init__(self, desk: Desk) -> None:
        """Ask the brakes of *desk* about all the rest."""
        self._desk = desk
        self._open_ones = OpenOnes(desk.client)
        self._known: dict[str, Incident] = {}
        self._read_at = float("-inf")
        self._tried = ""
        self._back_at = float("-inf")

    def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
        """Hold *incident* while its storage seems to be away for many hosts and another server is being tried."""
        if incident.failure not in FAILURES or incident.released:
            return self._desk.brakes.judge(incident, service, fences=fences)
        now = self._desk.clock.now()
        hosts = self._hosts(incident, now)
        waits_for = self._being_tried(incident, now) if len(hosts) >= WIDE else ""
        if waits_for:
            reason = (
                f"disks fail on {len(hosts)} hosts at once ({', '.join(sorted(hosts)[:WIDE])} ...): their storage is "
                f"away, and nothing else helps. {waits_for} is tried first; this one follows when its server runs"
            )
            return Verdict(go=False, held_by=HELD_BY, reason=reason, again_at=now + LOOK_AGAIN)
        verdict = self._desk.brakes.judge(incident, service, fences=fences)
        if verdict.go:
            self._tried = incident.id
        return verdict

    def recall(self, incident: Incident, service: HostService | None, unbegun: Collection[str]) -> Verdict:
        """Ask the site's own brakes: what waits for its storage is held before it has a job."""
        return self._desk.brakes.recall(incident, service, unbegun)

    def _hosts(self, incident: Incident, now: float) -> set[str]:
        """Return the hosts on which disks fail now."""
        if now - self._read_at > FRESH:
            found = [stored.incident for stored in self._open_ones.read()]
            self._known = {each.id: each for each in found if each.failure in FAILURES}
            self._read_at = now
        self._known[incident.id] = incident
        return {each.host or each.subject.name for each in self._known.values()}

    def _being_tried(self, incident: Incident, now: float) -> str:
        """Return the incident whose recovery will tell whether the storage is back; empty when there is none."""
        tried = last(self._desk, self._tried or self._oldest_that_recovers())
        if tried is None or tried.incident.id == incident.id:
            return ""
        if tried.incident.state is IncidentState.RECOVERED:
            self._back_at = max(self._back_at, tried.incident.ended_at or 0.0)
        if now - self._back_at < BELIEVED or tried.incident.state is not IncidentState.RECOVERING:
            return ""
        return tried.incident.id

    def _oldest_that_recovers(self) -> str:
        going = [each for each in self._known.values() if each.state is IncidentState.RECOVERING]
        return min(going, key=lambda each: each.opened_at).id if going else ""
