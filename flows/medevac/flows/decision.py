"""Decision: what is done about an incident, and the sentence that says why.  Pure: facts in, decision out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medevac.core.incident import Incident
from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.ordering import in_order
from medevac.flows.plan import Settings
from medevac.flows.policy.language import Policy, PolicySet, Priority
from medevac.flows.policy.matching import matches
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


def decide(incident: Incident, service: HostService, policy_set: PolicySet, settings: Settings) -> Decision:
    """Return what is done about *incident*, a failure of the host whose compute service is *service*."""
    failure = incident.failure
    policies = concerned(policy_set.policies, failure, service)
    if not policies:
        return Decision(
            recover=False, reason=f"no policy answers {failure} for hosts like {service.host} in zone {service.zone}"
        )
    moving = in_order(policies, failure)
    if not moving:
        return Decision(recover=False, reason=f"every policy leaves its servers alone on {failure}: {_names(policies)}")
    brief = Brief(
        incident=incident.id, failure=failure, host=service.host, opened_at=incident.opened_at, settings=settings
    )
    return Decision(
        recover=True,
        reason=f"{failure} of {service.host}: fence, disable, evacuate by {_names(moving)}",
        priority=moving[0].priority,
        document=factory.document(brief, policies),
    )


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
