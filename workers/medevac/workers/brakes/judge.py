"""Judge: whether a recovery may begin now.  The brakes in their order; the first that holds gives the reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from kazoo.client import KazooClient

from medevac.core.event import SubjectKind
from medevac.core.incident import Incident
from medevac.flows.estate import HostService
from medevac.flows.ports import Clock, Cloud
from medevac.flows.returning import taken_out_by
from medevac.workers.brakes import announced, domains, history, marks, orders, rules, victims
from medevac.workers.brakes.cluster import ClusterWord
from medevac.workers.brakes.facts import Facts, Reader
from medevac.workers.brakes.history import History, Ledger
from medevac.workers.brakes.marks import Mode, Place
from medevac.workers.brakes.orders import Order
from medevac.workers.brakes.rules import Domain, Hold, Scene, Start
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.verdict import GO, Verdict

LOOK_AGAIN = 15.0
"""Seconds after which a frozen incident is judged again, if nobody arms before."""
POSTING = 30.0
"""Seconds within which the job of a recovery that was let go is posted, or its leader is dead."""
RACES = 5
"""How often a verdict is tried that another leader forestalls."""


class Brakes:
    """Judges with what ZooKeeper and the cloud say; writes nothing but the record of what it let go.

    Use it from one thread.
    """

    def __init__(  # noqa: PLR0913 - one for each thing that a verdict stands on
        self,
        client: KazooClient,
        cloud: Cloud,
        clock: Clock,
        settings: BrakeSettings,
        host_names: Callable[[str], str] = lambda name: name,
        *,
        cluster: ClusterWord | None = None,
    ) -> None:
        """Judge by *settings*.

        *host_names* gives Nova's name of a host for anybody's; *cluster* knows of standby.
        """
        self._cluster = cluster
        self._client = client
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._facts = Reader(cloud, clock, settings)
        self._history = History(client, host_names)

    def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
        """Tell whether a job may be posted for *incident*; *service* is the compute service of its host.

        Raises CloudUnavailableError or StoreUnreachableError when that cannot be told.
        """
        now = self._clock.now()
        host = _host_of(incident)
        facts = self._facts.read()
        place = self._place(host, service, facts)
        return (
            self._ordered(incident)
            or self._disarmed(incident, service, place, now)
            or self._blind(host, facts, now)
            or self._announced(incident, host, service, now)
            or self._stormy(incident, place, facts, now, fences=fences)
            or GO
        )

    def recall(self, incident: Incident, service: HostService | None, unbegun: Collection[str]) -> Verdict:
        """Judge once more *incident*, which was let go and which nobody has begun: what failed since may be a storm.

        *unbegun* are the ids of incidents of which the same is true: that they were let go slows nobody down yet.
        """
        now = self._clock.now()
        host = _host_of(incident)
        facts = self._facts.read()
        place = self._place(host, service, facts)
        return self._blind(host, facts, now) or self._overtaken(incident, place, facts, unbegun, now) or GO

    def _place(self, host: str, service: HostService | None, facts: Facts) -> Place:
        if service is None:
            return Place(host, rack=domains.rack_of(host, self._settings.racks))
        return domains.place_of(service, facts.aggregates, self._settings)

    def _ordered(self, incident: Incident) -> Verdict | None:
        said = orders.given(self._client, incident.id).get(Order.HOLD)
        if said is None:
            return None
        reason = f"on hold by {said}; it goes on with: medevac incident release {incident.id}"
        return Verdict(go=False, held_by=orders.OPERATOR, reason=reason)

    def _disarmed(self, incident: Incident, service: HostService | None, place: Place, now: float) -> Verdict | None:
        covering = [each for each in marks.disarms(self._client, now) if place.within(each.scope)]
        if not covering:
            return None
        frozen = next((each for each in covering if each.mode is Mode.FREEZE), None)
        kept = _unfinished(incident, service)
        if frozen is None and not kept:
            return Verdict(go=False, ignore=True, held_by="disarm", reason=f"{covering[0]}")
        mark, because = (frozen, "") if frozen else (covering[0], f"but {kept}: ")
        reason = f"{mark}; {because}{marks.UNTIL_ARMED}{marks.arming(mark.scope)}"
        return Verdict(go=False, held_by="disarm", reason=reason, again_at=now + LOOK_AGAIN)

    def _blind(self, host: str, facts: Facts, now: float) -> Verdict | None:
        why = facts.cut_off or rules.blindness(host, facts.services, facts.control)
        if not why:
            return None
        return Verdict(go=False, held_by="breaker", reason=f"{why}. Nothing is done", again_at=now + rules.PATIENT)

    def _announced(self, incident: Incident, host: str, service: HostService | None, now: float) -> Verdict | None:
        if incident.released or _is_return(incident):
            return None
        known = marks.maintenances(self._client, now)
        planned = self._cluster.planned(host) if self._cluster else ""
        said = announced.announced(host, service, known, self._settings.maintenance, planned)
        was_held = incident.held_by == announced.HELD_BY
        home = announced.back(host, service, incident.opened_at) if said or was_held else ""
        if home and incident.subject.kind is not SubjectKind.SERVER:
            return Verdict(go=False, held_by=announced.HELD_BY, reason=home, ignore=True)
        return announced.judged(said, host, self._cloud, now) if said else None

    def _stormy(self, incident: Incident, place: Place, facts: Facts, now: float, *, fences: bool) -> Verdict | None:
        if not history.risks_a_host(incident):
            return None
        self._history.note(incident, now)
        for _ in range(RACES):
            ledger = self._history.ledger()
            scene = self._timed(place, facts, self._scene(incident, facts, ledger, now))
            hold = self._held_back(incident, place, facts, scene, fences=fences)
            if hold is not None:
                return _holding(hold)
            if self._let_go(Start(incident.id, place.host, now, fences=fences), ledger, scene):
                return None
        reason = "another worker judges at the same time"
        return Verdict(go=False, held_by="cap", reason=reason, again_at=now + rules.SOON)

    def _overtaken(
        self, incident: Incident, place: Place, facts: Facts, unbegun: Collection[str], now: float
    ) -> Verdict | None:
        if incident.released or not history.risks_a_host(incident):
            return None
        ledger = self._history.ledger()
        begun = tuple(start for start in ledger.starts if start.incident not in unbegun)
        scene = self._timed(place, facts, self._scene(incident, facts, replace(ledger, starts=begun), now))
        hold = rules.storm(place.host, self._around(place, facts, scene), scene, self._settings)
        return None if hold is None else _holding(hold)

    def _held_back(self, incident: Incident, place: Place, facts: Facts, scene: Scene, *, fences: bool) -> Hold | None:
        around = self._around(place, facts, scene)
        hold = None if incident.released else rules.storm(place.host, around, scene, self._settings)
        dead = history.is_death(incident)
        return hold or rules.capped(scene, self._settings, dead=dead, fences=fences)

    def _around(self, place: Place, facts: Facts, scene: Scene) -> Iterator[Domain]:
        # Also what people have taken over meanwhile: that its recovery was begun just now slows the others down.
        begun = {start.host for start in scene.starts if start.at > scene.now - float(self._settings.slowed)}
        counted = rules.in_service(facts.services, scene.failed) | begun | {place.host}
        places = [each for each in facts.places if each.host in counted]
        return domains.around(place, places, self._settings)

    def _scene(self, incident: Incident, facts: Facts, ledger: Ledger, now: float) -> Scene:
        past = self._history.past(now)
        starts = [start for start in ledger.starts if start.incident != incident.id]
        running = history.running(past, starts, now - POSTING) - {incident.id}
        going = frozenset(each for each in running if Order.HOLD not in orders.given(self._client, each))
        scene = victims.scene(past, facts, self._settings, marks.maintenances(self._client, now), now)
        fencings = history.fencings(past, starts, going)
        return replace(scene, starts=starts, running=going, fencings=fencings)

    def _timed(self, place: Place, facts: Facts, scene: Scene) -> Scene:
        """Return *scene* with when workers began what was let go, where that makes a difference: it costs requests."""
        around = self._around(place, facts, scene)
        if not rules.wants_beginnings(place.host, around, scene, self._settings):
            return scene
        begun = self._history.begun(scene.starts, scene.now, self._kept_back(facts, scene.now))
        return replace(scene, starts=begun)

    def _kept_back(self, facts: Facts, now: float) -> Callable[[Incident], bool]:
        """Return what tells of an incident that was let go whether no worker may begin it: see Obedience.may_claim."""
        places = {place.host: place for place in facts.places}

        def kept_back(incident: Incident) -> bool:
            host = _host_of(incident)
            disarmed = any(
                places.get(host, Place(host)).within(mark.scope) for mark in marks.disarms(self._client, now)
            )
            return disarmed or Order.HOLD in orders.given(self._client, incident.id)

        return kept_back

    def _let_go(self, start: Start, ledger: Ledger, scene: Scene) -> bool:
        """Write that *start* may be; False when another leader wrote at the same time."""
        settings = self._settings
        oldest = start.at - max(float(settings.fencing_window), float(settings.slowed), rules.MINUTE)
        counting = {each.incident for each in scene.starts if each.at > oldest} | scene.running
        return self._history.record(ledger, [*(each for each in ledger.starts if each.incident in counting), start])


def _host_of(incident: Incident) -> str:
    return incident.host or incident.subject.name


def _holding(hold: Hold) -> Verdict:
    return Verdict(go=False, held_by=hold.by, reason=hold.reason, again_at=hold.again_at)


def _is_return(incident: Incident) -> bool:
    return incident.failure.endswith(".up")


def _unfinished(incident: Incident, service: HostService | None) -> str:
    """Return what medevac has to finish before *incident* may be forgotten; empty: nothing."""
    if service is None or incident.subject.kind is SubjectKind.SERVER or not taken_out_by(service):
        return ""
    return f"medevac has taken {service.host} out of service, and nobody else would see to it"
