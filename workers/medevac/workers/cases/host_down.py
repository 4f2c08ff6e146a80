"""A host that died: somebody fenced it, could not fence it, or says that it is dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kazoo.client import TransactionRequest

from medevac.core.event import Event, EventKind, Subject
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import HostService
from medevac.workers import incarnation, incidents
from medevac.workers.cases import fallen
from medevac.workers.cases.fallen import RETURN, Fallen
from medevac.workers.cases.shared import last, no_service, too_old
from medevac.workers.desk import Desk, seen
from medevac.workers.incarnation import Incarnation, StoredIncarnation
from medevac.workers.incidents import OpenOnes, Stored
from medevac.workers.opening import MOST_SUPERSEDED, Finding, add_again, open_incident, supersede_all
from medevac.workers.opinion import CONFIRMED, Opinion, denied
from medevac.workers.ruling import rule

PACEMAKER_ITSELF = "pacemaker-controld"
"""The client that stands in a fencing alert when the cluster wanted the fencing, and not a person."""
REBOOT = 5.0
"""Seconds that a host needs at the least between its fencing and its return; more than clocks may differ."""


class HostDown:
    """What becomes of host.down, host.fenced and host.fencing-failed."""

    def __init__(self, desk: Desk, open_ones: OpenOnes) -> None:
        """Work with *desk*; *open_ones* tells what ends when a host dies."""
        self._desk = desk
        self._open_ones = open_ones

    def handle(self, event: Event) -> Handled:
        """Settle *event*."""
        silence = asks_for_nothing(event)
        if silence:
            return self._desk.ignore(event, silence)
        subject = self._desk.subject(event)
        life = incarnation.read(self._desk.client, subject)
        newest = last(self._desk, life.record.incident)
        if newest is not None and not newest.incident.state.final:
            if newest.incident.held_by == RETURN:
                return self._meanwhile(event, subject, life, newest)
            return self._another_sign(event, newest)
        if newest is not None and event.seen_at <= (newest.incident.ended_at or 0.0):
            return self._desk.duplicate(event, newest.incident, "a late copy: it was seen before that incident ended")
        old = too_old(self._desk, event)
        over = _over_since(event.seen_at, subject, life.record)
        if over and not old:
            return self._late(event, subject, life, over)
        if over or old:
            return self._desk.ignore(event, over or old)
        return self._new(event, subject, life, newest)

    def still(self, incident: Incident) -> Opinion:
        """Return whether a held one is still to be recovered: a host that is back, and in service, is not dead."""
        if incident.held_by == RETURN:
            return denied(f"{incident.subject.name} works again since it was fenced")
        record = incarnation.read(self._desk.client, incident.subject).record
        back = _over_since(incident.opened_at, incident.subject, record)
        if back:
            service = self._desk.cloud.host_service(incident.subject.name)
            if service is not None and not service.forced_down:
                return denied(back)
        return CONFIRMED

    def _late(self, event: Event, subject: Subject, life: StoredIncarnation, over: str) -> Handled:
        """Settle what tells of a death that is over: of a fencing, look what it did to the servers."""
        evidence = evidence_of(event, subject.name)
        service = self._desk.cloud.host_service(subject.name) if fallen.died(evidence) else None
        looked_at = life.record.over_at.get(EventKind.HOST_FENCED, 0.0)
        if service is None or service.forced_down or event.seen_at <= looked_at + REBOOT:
            return self._desk.ignore(event, over)
        found = fallen.look(self._desk, service, event.seen_at, life.record.seen_up_at)
        record = life.record.over(EventKind.HOST_FENCED, event.seen_at)

        def tell(transaction: TransactionRequest) -> None:
            found.tell(transaction, self._desk.actor, self._desk.clock.now())

        if found.unclear:
            finding = Finding(event, HOST_DOWN, subject, service, replace(life, record=record), evidence=evidence)
            return open_incident(self._desk, finding, parks=found.unclear, besides=tell)

        def also(transaction: TransactionRequest) -> None:
            incarnation.write(transaction, subject, life, record)
            tell(transaction)

        return self._desk.ignore(event, f"{over}; {found.told}", also)

    def left_behind(self, incident: Incident) -> Fallen:
        """Return what a death that is over by itself did to the servers: nothing where no device has proven it.

        Raises NotYetError until nova-compute works there.
        """
        host = incident.subject.name
        service = self._desk.cloud.host_service(host) if fallen.died(incident.evidence) else None
        if service is None:
            return Fallen(host)
        if service.forced_down:
            reason = f"its service is forced down ({service.disabled_reason}): its servers wait for its way back"
            return Fallen(host, unclear=reason)
        record = incarnation.read(self._desk.client, incident.subject).record
        back_at = max(record.seen_up_at, incident.returned_at)
        return fallen.look(self._desk, service, incident.opened_at, back_at)

    def _new(
        self,
        event: Event,
        subject: Subject,
        life: StoredIncarnation,
        newest: Stored | None,
        ends: Sequence[Stored] = (),
    ) -> Handled:
        service = self._desk.cloud.host_service(subject.name)
        if service is None:
            return self._desk.ignore(event, no_service(subject.name))
        if newest is not None and _is_out_for(service, newest.incident):
            reason = f"{service.host} has not been in service since that incident"
            return self._desk.duplicate(event, newest.incident, reason)
        evidence = evidence_of(event, subject.name)
        others = self._open_ones.read(without=HOST_DOWN)  # of a thousand hosts that die, each would read all others
        parts = [*ends, *(stored for stored in others if _on(stored.incident, subject.name))]
        finding = Finding(event, HOST_DOWN, subject, service, life, evidence=evidence, supersedes=parts)
        handled = open_incident(self._desk, finding)
        supersede_all(self._desk, parts[MOST_SUPERSEDED:], handled.incident)
        return handled

    def parts(self, open_incidents: Sequence[Stored]) -> Mapping[str, list[Stored]]:
        """Return what should have been superseded by each open death among *open_incidents*, by the death's id."""
        deaths = {each.incident.subject.name: each.incident for each in open_incidents if _is_death(each.incident)}
        found: dict[str, list[Stored]] = {}
        for stored in open_incidents:
            death = deaths.get(stored.incident.host or stored.incident.subject.name)
            if death is not None and not _is_death(stored.incident) and stored.incident.stored_at <= death.stored_at:
                found.setdefault(death.id, []).append(stored)
        return found

    def _meanwhile(self, event: Event, subject: Subject, life: StoredIncarnation, newest: Stored) -> Handled:
        """Settle what comes while it is looked what a death, that is over, did to the servers: it may be another."""
        if event.seen_at + REBOOT < newest.incident.returned_at:
            return self._desk.duplicate(event, newest.incident, "the host was seen to work since")
        return self._new(event, subject, life, newest, ends=[newest])

    def _another_sign(self, event: Event, stored: Stored) -> Handled:
        """Add a further sign of an open incident; evidence that it lacked sets a held one going again."""
        incident = stored.incident
        evidence = evidence_of(event, incident.subject.name)
        wants = incident.state is IncidentState.HELD or (evidence is not None and incident.evidence is None)
        if not wants:
            return self._desk.duplicate(event, incident, f"{incident.id} is being recovered already")
        incident = replace(incident, evidence=incident.evidence or evidence)
        told = seen(event) + (f" ({evidence.detail})" if evidence is not None else "")
        if incident.state is not IncidentState.HELD:
            return self._enrich(event, stored, incident, told)
        return self._set_going(event, stored, incident, told)

    def _enrich(self, event: Event, stored: Stored, incident: Incident, told: str) -> Handled:
        reason = f"evidence for {incident.id}: {told}"

        def also(transaction: TransactionRequest) -> None:
            incidents.replace(transaction, stored, incident)
            incidents.note(transaction, incident.id, [self._desk.line(reason)])

        return self._desk.duplicate(event, incident, reason, also)

    def _set_going(self, event: Event, stored: Stored, incident: Incident, told: str) -> Handled:
        service = self._desk.cloud.host_service(incident.subject.name)
        if service is None:
            reason = f"Nova knows no compute service on {incident.subject.name} now"
            return self._desk.duplicate(event, incident, reason)
        life = incarnation.read(self._desk.client, incident.subject)
        ruling = rule(self._desk, incident, service, life.record)

        def also(transaction: TransactionRequest) -> None:
            proves = incident.evidence is not None and stored.incident.evidence is None
            add_again(self._desk, transaction, stored, ruling, f"{told}. ", always=proves)

        went = "set going again" if ruling.goes else f"is still held: {ruling.incident.reason}"
        return self._desk.settle(event, Outcome.DUPLICATE, f"{incident.id} {went}", also, incident.id)


def _over_since(at: float, subject: Subject, record: Incarnation) -> str:
    return f"the cluster has reached {subject.name} again since" if at + REBOOT < record.seen_up_at else ""


def asks_for_nothing(event: Event) -> str:
    """Return why *event* starts nothing, or nothing when it does (the whitelist of docs/triggers.md)."""
    if event.kind is EventKind.HOST_FENCING_FAILED and PACEMAKER_ITSELF not in event.facts.get("client", ""):
        asker = event.facts.get("client") or "somebody unnamed"
        return f"a fencing that {asker} asked for failed; that the cluster itself calls the host dead is not said"
    return ""


def evidence_of(event: Event, host: str) -> FenceEvidence | None:
    """Return the proof that *event* carries: only a fencing that succeeded is one."""
    if event.kind is not EventKind.HOST_FENCED:
        return None
    facts = event.facts
    human = facts.get("human") == "yes"
    return FenceEvidence(
        host=host,
        at=event.seen_at,
        source=f"human:{_who(event)}" if human else event.source,
        action="acknowledged" if human else facts.get("action") or "unknown",
        detail=f"{facts.get('action') or 'fencing'} by {facts.get('by') or 'unknown'}: {facts.get('result') or 'OK'}",
    )


def _who(event: Event) -> str:
    """Return the person whose word it is; Pacemaker does not say more than the node that he was on."""
    by = event.facts.get("by", "")
    return by if by and by != "a human" else event.facts.get("origin") or event.reporter


def _is_out_for(service: HostService, incident: Incident) -> bool:
    return service.forced_down and f"medevac {incident.id}:" in service.disabled_reason


def _on(incident: Incident, host: str) -> bool:
    """Tell whether *incident*, no death, is about a part of *host*, or about its return."""
    return host == (incident.host or incident.subject.name)


def _is_death(incident: Incident) -> bool:
    return incident.failure == HOST_DOWN
