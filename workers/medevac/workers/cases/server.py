"""A server that failed on a host that lives: it crashed, hangs, lost its disk, or its workload does not work."""

from __future__ import annotations

from dataclasses import dataclass

from kazoo.client import TransactionRequest

from medevac.core.event import Event, EventKind, Subject
from medevac.core.handled import Handled
from medevac.core.incident import Incident, IncidentState
from medevac.workers import incarnation, incidents
from medevac.workers.cases.shared import dying, last, no_service, too_old
from medevac.workers.desk import Desk, NotYetError, seen, span
from medevac.workers.incarnation import StoredIncarnation
from medevac.workers.incidents import Stored
from medevac.workers.opening import Finding, open_incident, supersede
from medevac.workers.opinion import Opinion, Sign, Stand, denied, of_nova

FAILURE = {EventKind.SERVER_STOPPED: EventKind.SERVER_CRASHED, EventKind.SERVER_RESTARTED: EventKind.SERVER_CRASHED}
"""Under which name policies answer what is told in other words."""
GRAVITY = (
    EventKind.WORKLOAD_FAILED,
    EventKind.SERVER_IO_ERROR,
    EventKind.SERVER_HUNG,
    EventKind.SERVER_CRASHED,
)
"""From the least: a graver failure ends one that waits."""
ENDS = (EventKind.SERVER_CRASHED, EventKind.SERVER_STOPPED)
"""What can befall one start of a server only once; it can hang, and lose its disk, again and again."""
STOPPED_BY = ("signal", "migration", "forgotten")
"""The causes with which libvirt tells that a server is off and cannot say why (docs/libvirt.md)."""
UNTIL_ENDED = 2.0
"""Seconds until a further failure is looked at again that came while an earlier one is being recovered."""
RESTARTED = "restarted"
"""The fact of an incident about a server that its hypervisor restarts again and again."""


@dataclass(frozen=True)
class Seen:
    """An event with what is known of its server."""

    event: Event
    failure: EventKind
    host: str
    life: StoredIncarnation

    @property
    def subject(self) -> Subject:
        """Return the server."""
        return self.event.subject

    @property
    def boot(self) -> str:
        """Return which start of the server failed; empty when the trigger does not know."""
        return self.event.facts.get("boot", "")

    @property
    def sign(self) -> Sign:
        """Return what Nova is asked about."""
        return Sign(self.event.kind, self.host, self.event.seen_at, self.event.facts.get("cause", ""))


class ServerCase:
    """What becomes of server.* and workload.*."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        self._desk = desk

    def handle(self, event: Event) -> Handled:
        """Settle *event*.  Raises NotYetError when it cannot be told yet whether it is a failure."""
        host = self._desk.host_names(event.facts.get("host") or event.reporter)
        failure = FAILURE.get(event.kind, event.kind)
        told = Seen(event, failure, host, incarnation.read(self._desk.client, event.subject))
        if event.kind is EventKind.WORKLOAD_OK:
            return self._works_again(told)
        known = self._known(told)
        if known is not None:
            return known
        late = too_old(self._desk, event)
        if late:
            return self._desk.ignore(event, late)
        death = dying(self._desk, host)
        if death is not None:
            return self._desk.duplicate(event, death, f"superseded: its host {host} is dead as a whole ({death.id})")
        if event.kind is EventKind.SERVER_RESTARTED:
            return self._restarted(told)
        return self._judge(told)

    def still(self, incident: Incident) -> Opinion:
        """Return what Nova says now about the failure of a held incident."""
        if RESTARTED in incident.facts:
            return denied("its hypervisor had restarted it already, so it runs; its failures were looked into")
        cause = incident.facts.get("cause", "")
        kind = EventKind.SERVER_STOPPED if cause in STOPPED_BY else EventKind(incident.failure)
        sign = Sign(kind, incident.host, incident.opened_at, cause)
        return self._opinion(sign, incident.subject.name)

    def _known(self, told: Seen) -> Handled | None:
        """Settle what tells of a failure that has its incident already; None when it is a new one."""
        for stored in self._open(told):
            settled = self._while_open(told, stored)
            if settled is not None:
                return settled
        newest = told.life.record.newest(told.failure)
        earlier = last(self._desk, newest.incident)
        if earlier is None or (told.boot and told.boot != newest.boot):
            return None
        if told.boot and told.event.kind in ENDS:
            return self._desk.duplicate(told.event, earlier.incident, "the same end of the same start of it")
        if told.event.seen_at <= (earlier.incident.ended_at or 0.0):
            reason = "a late copy: it was seen before that incident ended"
            return self._desk.duplicate(told.event, earlier.incident, reason)
        return None

    def _open(self, told: Seen) -> list[Stored]:
        """Return the open incidents of the server, whatever their failure."""
        found = [last(self._desk, newest.incident) for newest in told.life.record.others.values()]
        return [stored for stored in found if stored is not None and not stored.incident.state.final]

    def _while_open(self, told: Seen, stored: Stored) -> Handled | None:
        incident = stored.incident
        another_life = told.boot and incident.facts.get("boot") and told.boot != incident.facts["boot"]
        if incident.state is IncidentState.RECOVERING and another_life:
            now = self._desk.clock.now()
            raise NotYetError(f"it failed again while {incident.id} was being recovered", now + UNTIL_ENDED)
        if incident.state is IncidentState.HELD and _graver(told.failure, incident.failure):
            return None
        return self._desk.duplicate(
            told.event, incident, f"{incident.id} is open already", lambda t: self._note(t, told, incident)
        )

    def _note(self, transaction: TransactionRequest, told: Seen, incident: Incident) -> None:
        if told.failure != incident.failure:
            incidents.note(transaction, incident.id, [self._desk.line(f"meanwhile: {seen(told.event)}")])

    def _judge(self, told: Seen) -> Handled:
        """Ask Nova whether somebody wanted it; open the incident when nobody did."""
        opinion = self._opinion(told.sign, told.subject.name)
        if opinion.stand is Stand.UNKNOWN:
            raise NotYetError(opinion.reason, opinion.due)
        if opinion.stand is Stand.DENIED:
            return self._desk.ignore(told.event, opinion.reason)
        return self._open_incident(told)

    def _opinion(self, sign: Sign, server_id: str) -> Opinion:
        cloud = self._desk.cloud
        server = cloud.server(server_id)
        is_stopped = server is not None and server.vm_state == "stopped"
        return of_nova(sign, server, self._desk.clock.now(), cloud.stops(server_id) if is_stopped else ())

    def _open_incident(self, told: Seen, facts: dict[str, str] | None = None) -> Handled:
        service = self._desk.cloud.host_service(told.host)
        if service is None:
            return self._desk.ignore(told.event, no_service(told.host))
        waiting = [stored for stored in self._open(told) if stored.incident.state is IncidentState.HELD]
        finding = Finding(
            told.event,
            told.failure.value,
            told.subject,
            service,
            told.life,
            host=told.host,
            facts={**told.event.facts, **(facts or {})},
            supersedes=waiting,
        )
        return open_incident(self._desk, finding)

    def _restarted(self, told: Seen) -> Handled:
        """Count a failure that its hypervisor has answered; too many of them are an incident that waits for people."""
        rules, record = self._desk.rules, told.life.record
        window = float(rules.server_window)
        count = record.begun_since(self._desk.clock.now() - window) + 1
        if count > rules.server_recoveries:
            return self._open_incident(told, {RESTARTED: str(count)})
        reason = f"its hypervisor restarted it: counted, {count} in {span(window)} (limit {rules.server_recoveries})"
        counted = record.begun(self._desk.clock.now())
        return self._desk.ignore(told.event, reason, lambda t: incarnation.write(t, told.subject, told.life, counted))

    def _works_again(self, told: Seen) -> Handled:
        """End an incident of the workload that waits."""
        failure = EventKind.WORKLOAD_FAILED
        stored = last(self._desk, told.life.record.newest(failure).incident)
        reason = "the workload works again"
        if stored is None or stored.incident.state.final:
            return self._desk.ignore(told.event, f"{reason}; noted")

        def also(transaction: TransactionRequest) -> None:
            if stored.incident.state is IncidentState.HELD and told.event.seen_at >= stored.incident.opened_at:
                supersede(self._desk, transaction, stored, f"its end: {seen(told.event)}")
            else:
                incidents.note(transaction, stored.incident.id, [self._desk.line(f"{seen(told.event)}: {reason}")])

        return self._desk.duplicate(told.event, stored.incident, reason, also)


def _graver(failure: EventKind, than: str) -> bool:
    return GRAVITY.index(failure) > GRAVITY.index(EventKind(than))
