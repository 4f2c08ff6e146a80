"""A host that lives and lacks something: nova-compute, libvirt, a network; or hardware that will not last."""

from __future__ import annotations

from dataclasses import replace

from kazoo.client import TransactionRequest

from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.handled import Handled
from medevac.core.incident import Incident, IncidentState
from medevac.flows.failback import HELD_BY as FAILBACK
from medevac.flows.policy.words import HOST_UP, failure_of
from medevac.flows.ports import HostService
from medevac.flows.returning import taken_out_by
from medevac.workers import incarnation, incidents
from medevac.workers.cases.shared import dying, last, no_service, out_since, too_old
from medevac.workers.desk import Desk, NotYetError, seen, span
from medevac.workers.incarnation import StoredIncarnation
from medevac.workers.incidents import Stored
from medevac.workers.opening import Finding, open_incident, supersede
from medevac.workers.opinion import CLOCKS, CONFIRMED, Opinion, Stand, denied, unknown

OVER = {
    EventKind.NOVA_COMPUTE_UP: EventKind.NOVA_COMPUTE_DOWN,
    EventKind.LIBVIRT_UP: EventKind.LIBVIRT_DOWN,
    EventKind.HOST_NETWORK_UP: EventKind.HOST_NETWORK_DOWN,
}
"""What ends what."""
BLIND_POLL = 15.0
"""Seconds until the compute services are looked at again after all of them were silent."""
ENOUGH = 2
"""Compute services that must be silent for their silence to say something of the control plane."""


class LiveHost:
    """What becomes of nova-compute.down, libvirt.down, host.network.down, host.degraded, and of their ends."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        self._desk = desk

    def handle(self, event: Event) -> Handled:
        """Settle *event*.  Raises NotYetError when Nova does not say yet whether it is so."""
        subject = Subject(SubjectKind.HOST, self._desk.host_names(event.subject.name))
        life = incarnation.read(self._desk.client, subject)
        if event.kind in OVER:
            return self._over(event, failure_of(OVER[event.kind], event.facts), subject, life)
        failure = failure_of(event.kind, event.facts)
        newest = last(self._desk, life.record.newest(failure).incident)
        if newest is not None:
            if not newest.incident.state.final:
                return self._desk.duplicate(event, newest.incident, f"{newest.incident.id} is open already")
            if event.seen_at <= (newest.incident.ended_at or 0.0):
                reason = "a late copy: it was seen before that incident ended"
                return self._desk.duplicate(event, newest.incident, reason)
        return self._new(event, failure, subject, life)

    def still(self, incident: Incident) -> Opinion:
        """Return whether the failure of a held incident lasts, as far as Nova can tell."""
        service = self._desk.cloud.host_service(incident.subject.name)
        if service is None:
            return denied(no_service(incident.subject.name))
        if incident.failure == EventKind.NOVA_COMPUTE_DOWN:
            return self._heartbeat(service, incident.opened_at)
        return CONFIRMED

    def _new(self, event: Event, failure: str, subject: Subject, life: StoredIncarnation) -> Handled:
        reason = self._over_since(event, failure, subject, life) or too_old(self._desk, event)
        if reason:
            return self._desk.ignore(event, reason)
        death = dying(self._desk, subject.name)
        if death is not None:
            return self._desk.duplicate(event, death, f"superseded: {subject.name} is dead as a whole ({death.id})")
        service = self._desk.cloud.host_service(subject.name)
        if service is None:
            return self._desk.ignore(event, no_service(subject.name))
        out = out_since(service)
        if out:
            return self._desk.ignore(event, out)
        if event.kind is EventKind.NOVA_COMPUTE_DOWN:
            opinion = self._heartbeat(service, event.seen_at)
            if opinion.stand is Stand.UNKNOWN:
                raise NotYetError(opinion.reason, opinion.due)
            if opinion.stand is Stand.DENIED:
                return self._desk.ignore(event, opinion.reason)
        return open_incident(self._desk, Finding(event, failure, subject, service, life, facts=event.facts))

    def _over_since(self, event: Event, failure: str, subject: Subject, life: StoredIncarnation) -> str:
        if event.seen_at < life.record.over_at.get(failure, 0.0):
            return f"{failure} of {subject.name} is over since"
        return ""

    def _heartbeat(self, service: HostService, seen_at: float) -> Opinion:
        """Return what Nova's heartbeat of a nova-compute says that was seen to fail at *seen_at*."""
        now = self._desk.clock.now()
        if service.state == "unknown":
            return unknown(f"the cell of {service.host} does not answer Nova", now + BLIND_POLL)
        silent = self._all_silent()
        if silent:
            return unknown(silent, now + BLIND_POLL)
        return CONFIRMED if service.state == "down" else self._beats(service, seen_at, now)

    def _beats(self, service: HostService, seen_at: float, now: float) -> Opinion:
        """Return what a service says that Nova still takes for up.

        A disable or enable by anybody looks like one heartbeat; it takes one that is fresh after two to contradict.
        """
        beat = float(self._desk.rules.heartbeat)
        heard_at = service.updated_at or 0.0
        contradicts = heard_at > seen_at + CLOCKS
        due = seen_at + (2 * beat if contradicts else beat)
        if now < due:
            return unknown(f"waiting for heartbeats of nova-compute on {service.host} that would contradict", due)
        if contradicts and now - heard_at <= beat:
            return denied(f"nova-compute on {service.host} runs: Nova heard it {span(heard_at - seen_at)} after that")
        return CONFIRMED

    def _all_silent(self) -> str:
        """Return why the reports about services say nothing of a single host now; empty when they do."""
        deaf = [name for name, up in self._desk.cloud.control_services().items() if not up]
        if deaf:
            return f"no {' and no '.join(deaf)} is up: what Nova says of hosts is stale, and none is judged by it"
        watched = [s for s in self._desk.cloud.compute_services() if s.enabled and not s.forced_down]
        if len(watched) >= ENOUGH and all(service.state == "down" for service in watched):
            return f"all {len(watched)} compute services are silent at once: that says nothing of a single host"
        return ""

    def _left_disabled(self, newest: Stored, subject: Subject, life: StoredIncarnation) -> HostService | None:
        """Return the service of a host that *newest* took out of service and will not put back by itself any more."""
        if newest.incident.state is IncidentState.RECOVERING:
            return None
        returning = last(self._desk, life.record.newest(HOST_UP).incident)
        if returning is not None and not returning.incident.state.final and not self._waiting_for_window(life):
            return None
        service = self._desk.cloud.host_service(subject.name)
        return service if service is not None and taken_out_by(service) == newest.incident.id else None

    def _waiting_for_window(self, life: StoredIncarnation) -> list[Stored]:
        """Return the return of which only the servers wait that may be moved back: a new one takes its place."""
        returning = last(self._desk, life.record.newest(HOST_UP).incident)
        return [] if returning is None or returning.incident.held_by != FAILBACK else [returning]

    def _over(self, event: Event, failure: str, subject: Subject, life: StoredIncarnation) -> Handled:
        """Note that *failure* is over; an incident that waits ends, and a host that it took out comes back."""
        record = life.record.over(failure, event.seen_at)
        newest = last(self._desk, life.record.newest(failure).incident)
        if newest is not None and event.seen_at >= newest.incident.opened_at:
            service = self._left_disabled(newest, subject, life)
            if service is not None:
                ends = [newest] if newest.incident.state is IncidentState.HELD else []
                ends += self._waiting_for_window(life)
                noted = replace(life, record=record)
                return open_incident(self._desk, Finding(event, HOST_UP, subject, service, noted, supersedes=ends))
        is_open = newest is not None and not newest.incident.state.final
        reason = f"{failure} of {subject.name} is over"

        def also(transaction: TransactionRequest) -> None:
            incarnation.write(transaction, subject, life, record)
            if newest is None or not is_open or event.seen_at < newest.incident.opened_at:
                return
            if newest.incident.state is IncidentState.HELD:
                supersede(self._desk, transaction, newest, f"its end: {seen(event)}")
            else:
                incidents.note(transaction, newest.incident.id, [self._desk.line(f"{seen(event)}: {reason}")])

        if newest is None or not is_open:
            return self._desk.ignore(event, f"{reason}; noted", also)
        return self._desk.duplicate(event, newest.incident, reason, also)
