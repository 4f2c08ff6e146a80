"""Sorting: the servers of a host into a plan, each to the policy that wins it or to those that stay.  Pure.

The plan step and the tools that preview it (`medevac policy plan`) share this one implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.brief import Brief
from medevac.flows.plan import LeftServer, Plan, PlannedServer
from medevac.flows.policy.language import Evacuate, Policy
from medevac.flows.policy.matching import ServerFacts, winner
from medevac.flows.ports import Migration, Server
from medevac.flows.selection import why_left

SHORT_HISTORY = 100
"""Evacuation records of a host that are cheaper to list again than to leave out: that takes a second query a tick."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a `match` may ask about a host and the cloud around it."""

    zone: str
    aggregates: tuple[str, ...] = ()
    """Of the host; empty too where no policy asks."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Project id to name; empty too where no policy asks."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Nova said of a host at one time."""

    at: float
    """Seconds since the epoch, by our clock."""
    servers: tuple[Server, ...]
    """On the host."""
    records: tuple[Migration, ...]
    """The evacuations from the host so far."""


def asks_aggregates(policies: Sequence[Policy]) -> bool:
    """Tell whether any of *policies* matches by aggregate, so that they must be read."""
    return any(policy.match.aggregate for policy in policies)


def asks_projects(policies: Sequence[Policy]) -> bool:
    """Tell whether any of *policies* matches by project, so that their names must be read."""
    return any(policy.match.project for policy in policies)


def facts(server: Server, host: str, around: Surroundings) -> ServerFacts:
    """Return what a `match` can ask about *server*, which is or was on *host*."""
    return ServerFacts(
        id=server.id,
        name=server.name,
        project_id=server.project_id,
        project_name=around.projects.get(server.project_id, ""),
        host=host,
        zone=around.zone,
        aggregates=around.aggregates,
        metadata=server.metadata,
        flavor=server.flavor,
        image=server.image_id,
    )


def make_plan(brief: Brief, policies: Sequence[Policy], around: Surroundings, seen: Seen) -> Plan:
    """Return who gets which promise."""
    planned: list[PlannedServer] = []
    left: list[LeftServer] = []
    for server in seen.servers:
        place = _place(brief, policies, around, server)
        (planned if isinstance(place, PlannedServer) else left).append(place)  # type: ignore[arg-type]  # each list takes its class
    records = seen.records
    return Plan(
        host=brief.host,
        at=seen.at,
        baseline=max((record.id for record in records), default=0),
        adopted=tuple(record.id for record in records if record.live),
        since=max(record.updated_at for record in records) if len(records) > SHORT_HISTORY else None,
        servers=tuple(planned),
        left=tuple(left),
    )


def _place(
    brief: Brief, policies: Sequence[Policy], around: Surroundings, server: Server
) -> PlannedServer | LeftServer:
    policy = winner(policies, facts(server, brief.host, around), brief.failure).policy
    if policy is None:
        return LeftServer(server.id, server.name, "", f"no policy covers it for {brief.failure}")
    flow = policy.when[brief.failure]
    if flow.step(Evacuate) is None:
        return LeftServer(server.id, server.name, policy.name, f"policy {policy.name} leaves it", intended=True)
    reason = why_left(server, brief.settings.shared_storage)
    if reason:
        return LeftServer(server.id, server.name, policy.name, reason, intended=reason.startswith("its owner"))
    return PlannedServer(
        id=server.id,
        name=server.name,
        project_id=server.project_id,
        policy=policy.name,
        vm_state=server.vm_state,
        locked=server.locked,
    )
