"""History: which hosts have failed lately, and which recoveries were let go, as ZooKeeper knows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.event import Event, EventKind, SubjectKind
from medevac.core.evidence import KDUMP, FenceEvidence
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import CLAIMS
from medevac.core.wire import decode, encode
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.workers import incidents
from medevac.workers.brakes.rules import Start
from medevac.workers.zookeeper import bounded

LASTS = 3.0
"""Seconds for which what was read is good."""
WAITING = 500
"""How many waiting events are looked at: a storm is known long before that."""
KEPT = 500
"""How many starts are kept at the most."""

_DEATHS = frozenset((EventKind.HOST_DOWN, EventKind.HOST_FENCED, EventKind.HOST_FENCING_FAILED))
_TROUBLES = frozenset((EventKind.NOVA_COMPUTE_DOWN, EventKind.LIBVIRT_DOWN, EventKind.HOST_NETWORK_DOWN))
_HARMLESS = frozenset((HOST_UP, str(EventKind.HOST_DEGRADED)))
"""Hosts that come back, and hosts that work and should be emptied: no sign of a storm."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A failure of a host that somebody told of."""

    host: str
    at: float
    """Seconds since the epoch."""
    dead: bool
    """Whether the host itself is said to be dead, and not only something on it."""


@dataclass(frozen=True, slots=True)
class Past:
    """What had failed at one moment."""

    at: float
    """Seconds since the epoch."""
    incidents: Sequence[Incident]
    signs: Sequence[Sign]
    """Of waiting events."""

    @property
    def dead(self) -> frozenset[str]:
        """Return the hosts whose death is not over, whatever Nova has noticed yet."""
        waiting = {sign.host for sign in self.signs if sign.dead}
        return frozenset(waiting | {each.subject.name for each in self.incidents if _is_open_death(each)})


@dataclass(frozen=True, slots=True)
class Ledger:
    """The starts as they were read, with the version of their znode."""

    starts: tuple[Start, ...] = ()
    version: int = 0


def risks_a_host(incident: Incident) -> bool:
    """Tell whether recovering *incident* may take a host down: what the breaker and the caps are about."""
    return incident.subject.kind is not SubjectKind.SERVER and incident.failure not in _HARMLESS


class History:
    """Reads incidents, waiting events and starts; incidents that have ended are read once.

    What is read is good for a few seconds: a storm brings hundreds of incidents to be judged at once.
    """

    def __init__(self, client: KazooClient, host_names: Callable[[str], str]) -> None:
        """Read from *client*; *host_names* gives Nova's name of a host for anybody's."""
        self._client = client
        self._host_names = host_names
        self._ended: dict[str, Incident] = {}
        self._past: Past | None = None
        self._begun: dict[tuple[str, int], float] = {}
        self._unbegun: dict[tuple[str, int], float] = {}

    def past(self, now: float) -> Past:
        """Return what had failed at *now*, or a moment before.  Raises StoreUnreachableError."""
        if self._past is None or not 0 <= now - self._past.at < LASTS:
            # Events first: one that becomes an incident between the two reads is seen twice, and not never.
            signs = [*self.signs()]
            self._past = Past(now, self.incidents(), signs)
        return self._past

    def note(self, incident: Incident, now: float) -> None:
        """Count *incident* from now on, whose event is being settled: what was read is a moment old."""
        past = self.past(now)
        others = [each for each in past.incidents if each.id != incident.id]
        self._past = replace(past, incidents=[*others, incident])

    def incidents(self) -> list[Incident]:
        """Return every incident that is kept.  Raises StoreUnreachableError."""
        names = set(bounded(self._client.get_children_async(layout.INCIDENTS)))
        self._ended = {name: incident for name, incident in self._ended.items() if name in names}
        calls = {name: self._client.get_async(layout.incident(name)) for name in names - self._ended.keys()}
        living = []
        for name, call in calls.items():
            try:
                incident = decode(Incident, bounded(call)[0], layout.incident(name))
            except (NoNodeError, MalformedDocumentError):
                continue
            if incident.state.final:
                self._ended[name] = incident
            else:
                living.append(incident)
        return [*self._ended.values(), *living]

    def signs(self) -> Iterator[Sign]:
        """Yield what waiting events tell of failures of hosts."""
        names = sorted(bounded(self._client.get_children_async(layout.EVENTS)))[:WAITING]
        for call in [self._client.get_async(layout.event(name)) for name in names]:
            try:
                event = decode(Event, bounded(call)[0])
            except (NoNodeError, MalformedDocumentError):
                continue
            if event.kind in _DEATHS or event.kind in _TROUBLES:
                yield Sign(self._host(event.subject.name), event.seen_at, dead=event.kind in _DEATHS)

    def _host(self, name: str) -> str:
        try:
            return self._host_names(name)
        except MedevacError:
            return name  # ambiguous: it is a failed host all the same

    def ledger(self) -> Ledger:
        """Return the starts that are kept; what cannot be read counts as none."""
        try:
            data, stat = bounded(self._client.get_async(layout.STARTS))
        except NoNodeError:
            bounded(self._client.ensure_path_async(layout.STARTS))
            return Ledger()
        try:
            return Ledger(decode(_Starts, data).starts if data else (), stat.version)
        except MalformedDocumentError:
            return Ledger((), stat.version)

    def begun(self, starts: Sequence[Start], now: float, kept_back: Callable[[Incident], bool]) -> list[Start]:
        """Return *starts* with when workers began them; what waits for a worker may be begun at any moment: now.

        Where all workers are busy, a recovery that was let go is begun much later, and several may be in one moment.
        None of those are that are *kept_back*: workers may not begin them.
        """
        stored = {incident.id: incident for incident in self.past(now).incidents}
        known = {(start.incident, stored[start.incident].attempt) for start in starts if start.incident in stored}
        self._begun = {key: at for key, at in self._begun.items() if key in known}
        self._unbegun = {key: at for key, at in self._unbegun.items() if key in known}
        return [
            replace(start, at=self._begun_at(start, stored.get(start.incident), now, kept_back)) for start in starts
        ]

    def _begun_at(
        self, start: Start, incident: Incident | None, now: float, kept_back: Callable[[Incident], bool]
    ) -> float:
        if incident is None:
            return start.at
        key = (incident.id, incident.attempt)
        if key not in self._begun and not 0 <= now - self._unbegun.get(key, -math.inf) < LASTS:
            self._look_for_claims(key, now)
        if key in self._begun:
            return max(start.at, self._begun[key])
        return now if incident.state is IncidentState.RECOVERING and not kept_back(incident) else start.at

    def _look_for_claims(self, key: tuple[str, int], now: float) -> None:
        """Note when workers began an attempt, as they have written down."""
        incident_id, attempt = key
        for page in incidents.pages(self._client, incident_id):
            for entry in incidents.entries_of(self._client, incident_id, page):
                if entry.facts.get(CLAIMS) == str(attempt):
                    self._begun[key] = min(entry.at, now)
                    return
        self._unbegun[key] = now

    def record(self, ledger: Ledger, starts: Sequence[Start]) -> bool:
        """Write *starts* over *ledger*; False when somebody else wrote since: judge again."""
        data = encode(_Starts(tuple(starts[-KEPT:])))
        try:
            bounded(self._client.set_async(layout.STARTS, data, version=ledger.version))
        except BadVersionError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Starts:
    starts: tuple[Start, ...]


def running(past: Past, starts: Sequence[Start], since: float) -> frozenset[str]:
    """Return the incidents of dead hosts that are being recovered, those let go after *since* included.

    Those may not be stored as such yet: the caller may be about to post their jobs.  Hosts that live take no share:
    what is done for them may be a long wait.
    """
    states = {incident.id: incident.state for incident in past.incidents}
    under_way = {each.id for each in past.incidents if is_death(each) and each.state is IncidentState.RECOVERING}
    begun = {s.incident for s in starts if s.at > since and not states.get(s.incident, IncidentState.HELD).final}
    return frozenset(under_way | {each for each in begun if each.startswith(f"{HOST_DOWN}:")})


def fencings(past: Past, starts: Sequence[Start], going: Collection[str]) -> list[float]:
    """Return when hosts were fenced by medevac, as far as is known; infinite for those that may be at any moment.

    A recovery is let go some time before a worker has time for it, and one that is let go again fences nobody: what
    its evidence says counts as well.  *going* are the incidents of dead hosts that are being recovered.
    """
    found = {start.incident: start.at for start in starts if start.fences}
    for incident in past.incidents:
        if incident.evidence is None and incident.id in going:
            found[incident.id] = math.inf
        elif incident.evidence is not None and _is_ours(incident.evidence):
            found[incident.id] = max(found.get(incident.id, 0.0), incident.evidence.at)
    return [*found.values()]


def _is_ours(evidence: FenceEvidence) -> bool:
    """Tell whether it is of a device that was told to fence: what came with an event bears no incident."""
    return bool(evidence.incident) and evidence.action not in ("already-off", KDUMP)


def is_death(incident: Incident) -> bool:
    """Tell whether *incident* is about a host that is dead, and not about something on it."""
    return incident.failure == HOST_DOWN


def _is_open_death(incident: Incident) -> bool:
    return is_death(incident) and not incident.state.final
