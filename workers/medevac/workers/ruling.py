"""Ruling: whether an incident gets a job now: what policies say, how often it happened lately, and the brakes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kazoo.client import TransactionRequest

from medevac.core.event import SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows.decision import Decision, decide
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import HostService
from medevac.workers.attempt import posting_of
from medevac.workers.desk import Desk, span
from medevac.workers.engine.posting import Posting, Priority, add_job
from medevac.workers.incarnation import Incarnation
from medevac.workers.site_triage import TriageSettings

LIMIT = "limit"
"""What holds an incident of a subject that failed too often."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """An incident as it is to be stored, and the job that goes with it."""

    incident: Incident
    decision: Decision

    @property
    def goes(self) -> bool:
        """Tell whether a job is posted."""
        return self.incident.state is IncidentState.RECOVERING

    def post(self, transaction: TransactionRequest) -> None:
        """Add the job, where there is one."""
        if self.goes:
            add_job(transaction, self._posting())

    def _posting(self) -> Posting:
        return posting_of(self.incident, self.decision.document, Priority(self.decision.priority.value))


def rule(desk: Desk, incident: Incident, service: HostService, life: Incarnation) -> Ruling:
    """Return what becomes of *incident* now; *service* is that of its host, *life* the record of its subject.

    Raises CloudUnavailableError or StoreUnreachableError when the brakes cannot tell.
    """
    policy_set = desk.policies()
    incident = replace(incident, policy_set=policy_set.digest)
    decision = decide(incident, service, policy_set, desk.settings)
    now = desk.clock.now()
    if not decision.recover:
        return Ruling(_ignored(incident, decision.reason, now), decision)
    begun = incident.attempt > 0  # and counted then: trying it again is nothing new
    too_often = "" if begun or incident.released else exceeded(incident, life, desk.rules, now)
    if too_often:
        return Ruling(_held(incident, LIMIT, too_often, 0.0, now), decision)
    fences = decision.fences and incident.evidence is None
    verdict = desk.brakes.judge(incident, service, fences=fences)
    if verdict.go:
        going = replace(
            incident,
            state=IncidentState.RECOVERING,
            reason=decision.reason,
            attempt=incident.attempt + 1,
            held_by="",
            again_at=0.0,
        )
        return Ruling(going, decision)
    if verdict.ignore:
        return Ruling(_ignored(incident, verdict.reason, now), decision)
    return Ruling(_held(incident, verdict.held_by, verdict.reason, verdict.again_at, now), decision)


def parked(incident: Incident, reason: str, now: float) -> Ruling:
    """Return that nothing can be done about *incident* but tell people of it."""
    over = replace(incident, state=IncidentState.PARKED, reason=reason, ended_at=now)
    return Ruling(over, Decision(recover=False, reason=reason))


def exceeded(incident: Incident, life: Incarnation, rules: TriageSettings, now: float) -> str:
    """Return why *incident* waits for a human, where its subject has been recovered too often lately.

    The servers of a host that was fenced by others are dead, and are brought back whatever the count; it is the host
    that does not come back into service then (host.up), and that we do not fence once more ourselves.
    """
    if incident.failure == HOST_DOWN and incident.evidence is not None:
        return ""
    if incident.subject.kind is SubjectKind.SERVER:
        most, window = rules.server_recoveries, float(rules.server_window)
    else:
        most, window = rules.host_recoveries, float(rules.host_window)
    count = life.begun_since(now - window)
    if count < most:
        return ""
    times = "recovery" if count == 1 else "recoveries"
    return (
        f"{incident.subject} had {count} {times} in the last {span(window)} (limit {most}): nothing more is done "
        f"before somebody has looked into it. Let it go: medevac incident release {incident.id} --why ..."
    )


def _ignored(incident: Incident, reason: str, now: float) -> Incident:
    return replace(incident, state=IncidentState.IGNORED, reason=reason, ended_at=now, held_by="", again_at=0.0)


def _held(incident: Incident, held_by: str, reason: str, again_at: float, now: float) -> Incident:
    since = incident.held_at if incident.held_by == held_by else now
    held = replace(incident, state=IncidentState.HELD, held_by=held_by, held_at=since)
    return replace(held, reason=reason, again_at=again_at)
