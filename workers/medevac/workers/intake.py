"""Intake: what becomes of one event.  Everything that follows from it is written in one transaction, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NodeExistsError

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.core.journal import JournalEntry
from medevac.core.wire import encode
from medevac.flows.decision import Decision, decide
from medevac.flows.plan import Settings
from medevac.flows.policy.language import PolicySet
from medevac.flows.ports import Clock, Cloud, HostService
from medevac.workers import incarnation, incidents, policy_history
from medevac.workers.engine.posting import Posting, Priority, add_job
from medevac.workers.verdict import Brakes, NoBrakes
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

FAILURE = "host.down"
PACEMAKER_ITSELF = "pacemaker-controld"
"""The client that stands in a fencing alert when the cluster wanted the fencing, and not a person."""

REBOOT = 5.0
"""Seconds that a host needs at the least between its fencing and its return; more than clocks may differ."""


class Promises(Protocol):
    """Where the policies that hold now are asked for."""

    def current(self) -> PolicySet:
        """Return the last good policy set."""


@dataclass(frozen=True)
class Desk:
    """What intake works with."""

    client: KazooClient
    cloud: Cloud
    clock: Clock
    promises: Promises
    settings: Settings
    host_names: Callable[[str], str]
    """Pacemaker's name of a node to Nova's name of the host."""
    actor: str
    brakes: Brakes = field(default_factory=NoBrakes)
    """Asked before each job."""


class Intake:
    """Turns events into incidents and jobs, one at a time; only the triage leader runs it."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        self._desk = desk

    def handle(self, event: Event) -> Handled:
        """Settle *event* and return what became of it.

        Raises CloudUnavailableError or StoreUnreachableError when that cannot be told now, and
        TransactionRefusedError when somebody else wrote at the same time: the event stays, to be handled again.
        """
        silence = _asks_for_nothing(event)
        if event.kind is EventKind.HOST_MEMBER:
            return self._seen_up(event)
        if silence:
            return self._settle(event, Outcome.IGNORED, silence)
        return self._host_failure(event)

    def _seen_up(self, event: Event) -> Handled:
        subject = self._subject(event)
        stored = incarnation.read(self._desk.client, subject)
        reason = f"the cluster reaches {subject.name}; noted"
        if event.seen_at <= stored.record.seen_up_at:
            return self._settle(event, Outcome.IGNORED, reason)
        record = replace(stored.record, seen_up_at=event.seen_at)
        return self._settle(event, Outcome.IGNORED, reason, lambda t: incarnation.write(t, subject, stored, record))

    def _host_failure(self, event: Event) -> Handled:
        subject = self._subject(event)
        life = incarnation.read(self._desk.client, subject)
        if life.record.incident:
            last = incidents.read(self._desk.client, life.record.incident)
            if not last.incident.state.final:
                return self._another_sign(event, last)
            if event.seen_at <= (last.incident.ended_at or 0.0):
                return self._duplicate(event, last.incident, "a late copy: it was seen before that incident ended")
        if event.seen_at + REBOOT < life.record.seen_up_at:
            return self._settle(event, Outcome.IGNORED, f"the cluster has reached {subject.name} again since")
        service = self._desk.cloud.host_service(subject.name)
        if service is None:
            reason = (
                f"Nova knows no compute service on {subject.name}: not a compute host, "
                f"or its name there is another (host_names in the site file)"
            )
            return self._settle(event, Outcome.IGNORED, reason)
        if life.record.incident and _is_out_for(service, last.incident):
            return self._duplicate(event, last.incident, f"{service.host} has not been in service since that incident")
        return self._open(event, subject, life, service)

    def _open(
        self, event: Event, subject: Subject, life: incarnation.StoredIncarnation, service: HostService
    ) -> Handled:
        generation = life.record.generation + 1
        policy_set = self._promises()
        now = self._desk.clock.now()
        incident = Incident(
            id=incident_id(FAILURE, subject, generation),
            failure=FAILURE,
            subject=subject,
            generation=generation,
            opened_at=event.seen_at,
            state=IncidentState.RECOVERING,
            reason="",
            evidence=evidence_of(event, subject.name),
            stored_at=now,
            policy_set=policy_set.digest,
        )
        decision = decide(incident, service, policy_set, self._desk.settings)
        incident = _decided(incident, decision, now)
        record = replace(life.record, generation=generation, incident=incident.id)

        def also(transaction: TransactionRequest) -> None:
            incarnation.write(transaction, subject, life, record)
            incidents.create(transaction, incident, [self._line(f"{_seen(event)}. {decision.reason}")])
            if decision.recover:
                add_job(transaction, _posting(incident, decision))

        return self._settle(event, Outcome.INCIDENT, decision.reason, also, incident.id)

    def _another_sign(self, event: Event, stored: incidents.Stored) -> Handled:
        """Add a further sign of an open incident; evidence that it lacked sets a held one going again."""
        incident = stored.incident
        evidence = evidence_of(event, incident.subject.name)
        wants = incident.state is IncidentState.HELD or (evidence is not None and incident.evidence is None)
        if not wants:
            return self._duplicate(event, incident, f"{incident.id} is being recovered already")
        incident = replace(incident, evidence=incident.evidence or evidence)
        if incident.state is not IncidentState.HELD:
            return self._enrich(event, stored, incident)
        return self._set_going(event, stored, incident)

    def _enrich(self, event: Event, stored: incidents.Stored, incident: Incident) -> Handled:
        reason = f"evidence for {incident.id}: {_seen(event)}"

        def also(transaction: TransactionRequest) -> None:
            incidents.replace(transaction, stored, incident)
            incidents.note(transaction, incident.id, [self._line(reason)])

        return self._settle(event, Outcome.DUPLICATE, reason, also, incident.id)

    def _set_going(self, event: Event, stored: incidents.Stored, incident: Incident) -> Handled:
        service = self._desk.cloud.host_service(incident.subject.name)
        if service is None:
            return self._duplicate(event, incident, f"Nova knows no compute service on {incident.subject.name} now")
        policy_set = self._promises()
        incident = replace(
            incident, attempt=incident.attempt + 1, state=IncidentState.RECOVERING, policy_set=policy_set.digest
        )
        decision = decide(incident, service, policy_set, self._desk.settings)
        incident = _decided(incident, decision, self._desk.clock.now())

        def also(transaction: TransactionRequest) -> None:
            incidents.replace(transaction, stored, incident)
            incidents.note(transaction, incident.id, [self._line(f"{_seen(event)}. {decision.reason}")])
            if decision.recover:
                add_job(transaction, _posting(incident, decision))

        return self._settle(event, Outcome.DUPLICATE, f"set {incident.id} going again", also, incident.id)

    def _promises(self) -> PolicySet:
        """Return the policies that hold now, which are kept for `medevac policy history` before they decide."""
        policy_set = self._desk.promises.current()
        policy_history.keep(self._desk.client, policy_set, self._desk.clock.now())
        return policy_set

    def _duplicate(self, event: Event, incident: Incident, reason: str) -> Handled:
        return self._settle(event, Outcome.DUPLICATE, reason, incident=incident.id)

    def _settle(
        self,
        event: Event,
        outcome: Outcome,
        reason: str,
        also: Callable[[TransactionRequest], None] = lambda _: None,
        incident: str = "",
    ) -> Handled:
        """Move the event out of the intake, together with what *also* writes."""
        handled = Handled(event, outcome, reason, self._desk.clock.now(), incident)
        transaction = self._desk.client.transaction()
        transaction.create(layout.handled(event.id), encode(handled))
        transaction.delete(layout.event(event.id))
        also(transaction)
        try:
            commit(transaction)
        except TransactionRefusedError as error:
            if error.index == 0 and isinstance(error.cause, NodeExistsError):
                self._drop_replayed(event)
            else:
                raise
        return handled

    def _drop_replayed(self, event: Event) -> None:
        """Remove a copy that a spool posted again after it had been handled."""
        transaction = self._desk.client.transaction()
        transaction.delete(layout.event(event.id))
        commit(transaction)

    def _subject(self, event: Event) -> Subject:
        return Subject(event.subject.kind, self._desk.host_names(event.subject.name))

    def _line(self, text: str) -> JournalEntry:
        return JournalEntry(at=self._desk.clock.now(), step="triage", text=text, actor=self._desk.actor)


def waiting(client: KazooClient) -> list[str]:
    """Return the ids of the events that wait for triage, oldest first."""
    return sorted(bounded(client.get_children_async(layout.EVENTS)))


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


def _asks_for_nothing(event: Event) -> str:
    """Return why *event* starts nothing, or nothing when it does (the whitelist of docs/triggers.md)."""
    if event.kind is EventKind.HOST_LOST:
        return "a lost connection alone proves nothing: a planned stop looks the same"
    if event.kind is EventKind.TEST:
        return "a test: events arrive, and nothing has happened"
    if event.kind is EventKind.UNCLASSIFIED:
        return "it could not be understood; its raw values are kept here"
    if not event.kind.startswith("host."):
        return f"{event.kind} is seen but not answered yet by this release"
    if event.kind is EventKind.HOST_FENCING_FAILED and PACEMAKER_ITSELF not in event.facts.get("client", ""):
        asker = event.facts.get("client") or "somebody unnamed"
        return f"a fencing that {asker} asked for failed; that the cluster itself calls the host dead is not said"
    return ""


def _is_out_for(service: HostService, incident: Incident) -> bool:
    return service.forced_down and f"medevac {incident.id}:" in service.disabled_reason


def _decided(incident: Incident, decision: Decision, now: float) -> Incident:
    if decision.recover:
        return replace(incident, reason=decision.reason)
    return replace(incident, state=IncidentState.IGNORED, reason=decision.reason, ended_at=now)


def _posting(incident: Incident, decision: Decision) -> Posting:
    return incidents.posting(incident, decision.document, Priority(decision.priority.value))


def _seen(event: Event) -> str:
    return f"{event.kind} of {event.subject.name}, seen by {event.source} on {event.reporter}"
