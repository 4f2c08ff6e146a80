"""A host that the cluster reaches (again): noted; and brought back into service where medevac took it out."""

from __future__ import annotations

from dataclasses import replace

from medevac.core.event import Event, Subject, SubjectKind
from medevac.core.handled import Handled
from medevac.core.incident import Incident, IncidentState
from medevac.flows.capacity import CAPACITY
from medevac.flows.failback import waits
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.flows.ports import HostService
from medevac.flows.returning import taken_out_by, why_not_ours
from medevac.workers import incarnation, incidents
from medevac.workers.cases.shared import dying, last, no_service
from medevac.workers.desk import Desk, NotYetError
from medevac.workers.incarnation import StoredIncarnation
from medevac.workers.opening import Finding, open_incident
from medevac.workers.opinion import CONFIRMED, Opinion, denied, unknown
from medevac.workers.zookeeper import commit

POLL = 15.0
"""Seconds until a return is looked at again that waits for the recovery of the host's death."""


class WayBack:
    """What becomes of host.member."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        self._desk = desk

    def handle(self, event: Event) -> Handled:
        """Settle *event*; that the host was seen is noted even while Nova does not answer.

        Raises NotYetError while the recovery of the host's death goes on.
        """
        subject = Subject(SubjectKind.HOST, self._desk.host_names(event.subject.name))
        life = self._noted(event, subject)
        service = self._desk.cloud.host_service(subject.name)
        if service is None:
            return self._desk.ignore(event, f"the cluster reaches {subject.name}; noted")
        if not _died(service):
            self._wait_for_conductor(event, subject)
            stays = f"; it is left as it is: {why_not_ours(service)}" if service.forced_down else "; noted"
            return self._desk.ignore(event, f"the cluster reaches {subject.name}{stays}")
        return self._come_back(event, subject, life, service)

    def still(self, incident: Incident) -> Opinion:
        """Return whether the host of a held incident is still ours to bring back, and may be."""
        host = incident.subject.name
        service = self._desk.cloud.host_service(host)
        if service is None:
            return denied(no_service(host))
        if service.enabled and not service.forced_down and self._waits_for_window(incident):
            return CONFIRMED
        if not taken_out_by(service):
            return denied(f"{host} is not out of service by us any more")
        death = dying(self._desk, host)
        if death is not None:
            return unknown(f"{host} waits for the end of {death.id}", self._desk.clock.now() + POLL)
        return CONFIRMED

    def _waits_for_window(self, incident: Incident) -> bool:
        """Tell whether its host is in service, and only the servers that may go back to it wait."""
        return waits(incidents.report(self._desk.client, incident.id) or {})

    def _noted(self, event: Event, subject: Subject) -> StoredIncarnation:
        life = incarnation.read(self._desk.client, subject)
        if event.seen_at <= life.record.seen_up_at:
            return life
        transaction = self._desk.client.transaction()
        incarnation.write(transaction, subject, life, replace(life.record, seen_up_at=event.seen_at))
        commit(transaction)
        return incarnation.read(self._desk.client, subject)

    def _wait_for_conductor(self, event: Event, subject: Subject) -> None:
        """Raise NotYetError while a job may still take out the host that the cluster reaches: nobody says so twice."""
        death = dying(self._desk, subject.name)
        if death is not None and death.state is IncidentState.RECOVERING and _is_after(event, death):
            raise NotYetError(f"{subject.name} waits for the end of {death.id}", self._desk.clock.now() + POLL)

    def _come_back(self, event: Event, subject: Subject, life: StoredIncarnation, service: HostService) -> Handled:
        newest = last(self._desk, life.record.newest(HOST_UP).incident)
        if newest is not None and not newest.incident.state.final:
            return self._desk.duplicate(event, newest.incident, f"{newest.incident.id} is open already")
        if newest is not None and event.seen_at <= (newest.incident.ended_at or 0.0):
            return self._desk.duplicate(event, newest.incident, "it was seen before that return ended")
        death = last(self._desk, life.record.incident)
        lacking = [death] if death is not None and death.incident.held_by == CAPACITY else []
        if death is not None and not death.incident.state.final and not lacking:
            raise NotYetError(f"{subject.name} waits for the end of {death.incident.id}", self._desk.clock.now() + POLL)
        if death is not None and not _is_after(event, death.incident):
            return self._desk.ignore(event, f"it was seen before {death.incident.id}, or before it was fenced for that")
        return open_incident(self._desk, Finding(event, HOST_UP, subject, service, life, supersedes=lacking))


def _is_after(event: Event, death: Incident) -> bool:
    """Tell whether *event* is of the life after *death*: a host that is reached may be fenced all the same.

    Where two clocks leave that open, it is: a return that is none waits for its host, and one that was missed nobody
    tells again.
    """
    proof = death.evidence
    return event.seen_at >= death.opened_at and (proof is None or event.seen_at >= proof.at)


def _died(service: HostService) -> bool:
    """Tell whether medevac took the host out because it was dead.

    A host that lives is disabled too, for a network that is gone, say: that the cluster reaches it is no news then.
    Only the dead are forced down.
    """
    of = taken_out_by(service)
    return bool(of) and (of.startswith(f"{HOST_DOWN}:") or service.forced_down)
