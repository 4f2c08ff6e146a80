"""Decision: what is done about an incident, and the sentence that says why.  Pure: facts in, decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medevac.core.event import SubjectKind
from medevac.core.incident import Incident
from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.ordering import in_order
from medevac.flows.plan import Settings
from medevac.flows.policy.answers import answering
from medevac.flows.policy.language import Fence, Policy, PolicySet, Priority
from medevac.flows.policy.matching import matches
from medevac.flows.policy.words import HOST_DOWN, HOST_UP, UNANSWERED
from medevac.flows.ports import HostService


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to an incident."""

    recover: bool
    reason: str
    """The same sentence goes to journal, log and command line, also for what is not done."""
    priority: Priority = Priority.NORMAL
    """Of the most urgent policy that moves servers: the job's place on the board."""
    document: Mapping[str, Any] = field(default_factory=dict)
    """The argument of the flow's factory; empty when nothing is done."""
    fences: bool = False
    """Whether the host may be fenced by it: always where it is dead, and where a policy wants it of one that lives."""


def decide(incident: Incident, service: HostService, policy_set: PolicySet, settings: Settings) -> Decision:
    """Return what is done about *incident*, a failure of the host whose compute service is *service*, or of a server.

    For an incident of one server, *service* is that of the server's host.
    """
    failure = incident.failure
    if failure == HOST_UP:
        brief = brief_of(incident, service, settings)
        return Decision(
            recover=True, reason=f"{service.host} is back: to service", document=factory.document(brief, ())
        )
    if failure in UNANSWERED:
        return Decision(recover=False, reason=f"{failure}: {UNANSWERED[failure]}")
    policies = concerned(answering(policy_set.policies, failure), failure, service)
    if not policies:
        return Decision(
            recover=False, reason=f"no policy answers {failure} for hosts like {service.host} in zone {service.zone}"
        )
    acting = in_order(policies, failure)
    if not acting:
        return Decision(recover=False, reason=f"every policy leaves its servers alone on {failure}: {_names(policies)}")
    return Decision(
        recover=True,
        reason=f"{failure} of {_whose(incident, service)}: {_what(failure)} by {_names(acting)}",
        priority=acting[0].priority,
        document=factory.document(brief_of(incident, service, settings), policies),
        fences=any(policy.when[failure].every(Fence) for policy in acting),
    )


def brief_of(incident: Incident, service: HostService, settings: Settings) -> Brief:
    """Return what the steps are told of *incident*."""
    return Brief(
        incident=incident.id,
        failure=incident.failure,
        host=service.host,
        opened_at=incident.opened_at,
        settings=settings,
        server=incident.subject.name if incident.subject.kind is SubjectKind.SERVER else "",
        cause=incident.facts.get("cause", ""),
    )


def _whose(incident: Incident, service: HostService) -> str:
    if incident.subject.kind is not SubjectKind.SERVER:
        return service.host
    return f"server {incident.subject.name} on {service.host}"


def _what(failure: str) -> str:
    return "fence, disable, evacuate" if failure == HOST_DOWN else "answered"


def concerned(policies: Sequence[Policy], failure: str, service: HostService) -> list[Policy]:
    """Return those of *policies* that answer *failure* and may cover a server of this host."""
    return [policy for policy in policies if _may_cover(policy, failure, service)]


def _may_cover(policy: Policy, failure: str, service: HostService) -> bool:
    match = policy.match
    return failure in policy.when and _any(match.host, service.host) and _any(match.az, service.zone)


def _any(globs: Sequence[str], name: str) -> bool:
    return not globs or any(matches(glob, name) for glob in globs)


def _names(policies: Sequence[Policy]) -> str:
    return ", ".join(policy.name for policy in policies)
