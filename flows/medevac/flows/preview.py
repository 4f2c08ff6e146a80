"""Preview: what would be done if a host failed, by the same decision, plan and flow as the real thing; it only reads.

Nothing here is a second implementation: `decide` decides, `make_plan` sorts, `recover` builds the flow.
"""

from __future__ import annotations

from dataclasses import dataclass

from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.flows.abilities import abilities
from medevac.flows.brief import Brief
from medevac.flows.decision import Decision, concerned, decide
from medevac.flows.ordering import in_order
from medevac.flows.plan import Plan, Settings
from medevac.flows.policy.answers import answering
from medevac.flows.policy.language import HOST_DOWN, Policy, PolicySet
from medevac.flows.policy.matching import Verdict, winner
from medevac.flows.ports import Cloud, HostService, Server
from medevac.flows.reserved import choose
from medevac.flows.sorting import Seen, facts, make_plan
from medevac.flows.surroundings import Asking, Surroundings, look_around


@dataclass(frozen=True, slots=True)
class Question:
    """What would happen on this failure, by these policies, on this site, now (seconds since the epoch)."""

    failure: str
    policy_set: PolicySet
    settings: Settings
    now: float


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer for one host."""

    service: HostService
    decision: Decision
    plan: Plan
    order: tuple[Policy, ...]
    """The policies that move servers of the plan, in the order in which they do."""
    servers: tuple[Server, ...]
    """All servers of the host, as Nova tells them."""
    verdicts: tuple[Verdict, ...]
    """For each of the servers, in the same order: which policy wins, and what the others lack."""
    failure: str = HOST_DOWN
    reserved: str = ""
    """Which reserved hosts would stand in, or why none; empty where the site reserves none, or nobody has to move."""

    @property
    def host(self) -> str:
        """Return the host's name."""
        return self.service.host


def preview(cloud: Cloud, host: str, question: Question) -> Preview | None:
    """Return what would happen to *host*, or None when Nova knows no such host.  Raises as Cloud's reads do."""
    service = cloud.host_service(host)
    if service is None:
        return None
    known = answering(question.policy_set.policies, question.failure)
    policies = concerned(known, question.failure, service)
    servers = cloud.servers_on(host)
    around = look_around(cloud, host, service.zone, servers, Asking(known, question.settings.exclude))
    seen = Seen(question.now, servers, cloud.evacuations_from(host), abilities(cloud, servers))
    incident = _incident(host, question)
    brief = Brief(incident.id, question.failure, host, question.now, question.settings)
    plan = make_plan(brief, policies, around, seen)
    moved = {server.goes_with for server in plan.servers}
    return Preview(
        failure=question.failure,
        reserved=_standing_in(cloud, service, question, plan),
        service=service,
        decision=decide(incident, service, question.policy_set, question.settings),
        plan=plan,
        order=tuple(policy for policy in in_order(policies, question.failure) if policy.name in moved),
        servers=seen.servers,
        verdicts=tuple(verdict(server, host, around, question) for server in seen.servers),
    )


def _standing_in(cloud: Cloud, service: HostService, question: Question, plan: Plan) -> str:
    reserved = question.settings.reserved
    if not reserved.kept or not plan.servers or question.failure != HOST_DOWN:
        return ""
    return choose(reserved, service, cloud.compute_services(), cloud.aggregates()).reason


def verdict(server: Server, host: str, around: Surroundings, question: Question) -> Verdict:
    """Return which policy wins *server*, and what each other lacks."""
    return winner(
        answering(question.policy_set.policies, question.failure), facts(server, host, around), question.failure
    )


def _incident(host: str, question: Question) -> Incident:
    subject = Subject(SubjectKind.HOST, host)
    return Incident(
        id=incident_id(question.failure, subject, 0),
        failure=question.failure,
        subject=subject,
        generation=0,
        opened_at=question.now,
        state=IncidentState.RECOVERING,
        reason="",
        policy_set=question.policy_set.digest,
    )
