"""Judge: whether a recovery may begin now.  The brakes in their order; the first that holds gives the reason."""

from __future__ import annotations

from collections.abc import Callable

from kazoo.client import KazooClient

from medevac.core.incident import Incident
from medevac.flows.ports import Clock, Cloud, HostService
from medevac.workers.brakes import marks
from medevac.workers.brakes.marks import Mode, Place
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.verdict import GO, Verdict

LOOK_AGAIN = 15.0
"""Seconds after which an incident is judged again that waits for something that may change by itself."""


class Brakes:
    """Judges with what ZooKeeper and the cloud say; writes nothing but the record of what it let go."""

    def __init__(
        self,
        client: KazooClient,
        cloud: Cloud,
        clock: Clock,
        settings: BrakeSettings,
        host_names: Callable[[str], str] = lambda name: name,
    ) -> None:
        """Judge by *settings*; *host_names* gives Nova's name of a host for anybody's."""
        self._client = client
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._host_names = host_names

    def judge(self, incident: Incident, service: HostService | None) -> Verdict:
        """Tell whether a job may be posted for *incident*; *service* is the compute service of its host.

        Raises CloudUnavailableError or StoreUnreachableError when that cannot be told.
        """
        now = self._clock.now()
        place = self._place(incident, service)
        return self._disarmed(place, now) or GO

    def _place(self, incident: Incident, service: HostService | None) -> Place:
        host = incident.host or incident.subject.name
        return Place(host, service.zone if service else "", self._cloud.host_aggregates(host) if service else ())

    def _disarmed(self, place: Place, now: float) -> Verdict | None:
        covering = [each for each in marks.disarms(self._client, now) if place.within(each.scope)]
        frozen = next((each for each in covering if each.mode is Mode.FREEZE), None)
        if frozen is not None:
            reason = f"{frozen}; held until it is armed: medevac site arm --scope {frozen.scope}"
            return Verdict(go=False, held_by="disarm", reason=reason, again_at=now + LOOK_AGAIN)
        return Verdict(go=False, ignore=True, held_by="disarm", reason=f"{covering[0]}") if covering else None
