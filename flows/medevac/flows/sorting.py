"""Sorting: the servers of a host into a plan, each to the policy that wins it or to those that stay.  Pure.

The plan step and the tools that preview it (`medevac policy plan`) share this one implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medevac.flows.abilities import Abilities
from medevac.flows.brief import Brief
from medevac.flows.ordering import Member, arrange, in_order
from medevac.flows.plan import LeftServer, Plan, PlannedServer, Remark
from medevac.flows.policy.language import After, Evacuate, Match, Policy, Priority
from medevac.flows.policy.matching import ServerFacts, covers, matches, winner
from medevac.flows.policy.wishes import Owners, Wishes, lower_ceiling, lower_priority, picked, wishes_of
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import Migration, Server
from medevac.flows.selection import STOPPING, Ceiling, losses, why_left, why_left_alive
from medevac.flows.surroundings import Surroundings

SHORT_HISTORY = 100
"""Evacuation records of a host that are cheaper to list again than to leave out: that takes a second query a tick."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Nova said of a host at one time."""

    at: float
    """Seconds since the epoch, by our clock."""
    servers: tuple[Server, ...]
    """On the host."""
    records: tuple[Migration, ...]
    """The evacuations from the host so far."""
    abilities: Abilities = field(default=Abilities())
    shut_off: frozenset[str] = frozenset()
    """The ids of those in ERROR that had been shut off before (medevac.flows.earlier)."""


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
        tags=server.tags,
        image_properties=around.images.get(server.image_id, {}),
    )


def make_plan(brief: Brief, policies: Sequence[Policy], around: Surroundings, seen: Seen) -> Plan:
    """Return who gets which promise, in which order.

    Within a policy, those whose owners made them less urgent go last, unless others wait for them.
    """
    places = [_as_before(_place(brief, policies, around, server), seen) for server in seen.servers]
    ranked = sorted(zip(places, seen.servers, strict=True), key=lambda pair: pair[0].priority.rank)
    members = [Member(p.place, facts(s, brief.host, around), _state(s, seen), p.after) for p, s in ranked]
    records = seen.records
    baseline = max((record.id for record in records), default=0)
    adopted = tuple(record.id for record in records if record.live)
    first = min(adopted, default=baseline + 1) - 1
    arranged = arrange(members, in_order(policies, brief.failure), seen.abilities, first)
    return Plan(
        host=brief.host,
        at=seen.at,
        baseline=baseline,
        adopted=adopted,
        since=max(record.updated_at for record in records) if len(records) > SHORT_HISTORY else None,
        servers=arranged.servers,
        left=tuple(place.place for place in places if isinstance(place.place, LeftServer)),
        remarks=(*(remark for place in places for remark in place.remarks), *arranged.remarks),
        order=arranged.order,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one server comes, and what is to be said of it."""

    place: PlannedServer | LeftServer
    remarks: tuple[Remark, ...] = ()
    priority: Priority = Priority.NORMAL
    after: tuple[After, ...] = ()


def _place(brief: Brief, policies: Sequence[Policy], around: Surroundings, server: Server) -> _Place:
    known = facts(server, brief.host, around)
    settings = brief.settings
    if settings.exclude is not None and covers(settings.exclude, known):
        return _Place(LeftServer(server.id, server.name, "", "the site file excludes it", intended=True))
    wishes = wishes_of(server.metadata, settings.owners)
    policy, refusal = choose(policies, known, brief.failure, wishes, settings.owners)
    refused = [*wishes.refused, refusal]
    if policy is None:
        left = LeftServer(server.id, server.name, "", f"no policy covers it for {brief.failure}")
        return _Place(left, _remarks(server, refused))
    if not policy.when[brief.failure].answers(brief.failure):
        left = LeftServer(server.id, server.name, policy.name, f"policy {policy.name} leaves it", intended=True)
        return _Place(left, _remarks(server, refused))
    ceiling, too_high = lower_ceiling(wishes, policy.allow or settings.allow)
    source = "its owner" if wishes.allow is ceiling else f"policy {policy.name}" if policy.allow else "the site file"
    stay = why_left(server, settings.shared_storage, policy.states, Ceiling(ceiling, source))
    unfit = ""
    if brief.failure != HOST_DOWN:
        unfit = stay.reason if stay and policy.when[brief.failure].every(Evacuate) else ""
        stay = why_left_alive(server, brief.failure, policy.states)
    if stay is not None:
        left = LeftServer(server.id, server.name, policy.name, stay.reason, intended=stay.intended)
        return _Place(left, _remarks(server, [*refused, too_high]))
    priority, too_urgent = lower_priority(wishes, policy)
    lost = losses(server, settings.shared_storage) if brief.failure == HOST_DOWN else ""
    remarks = _remarks(server, [*refused, too_high, too_urgent, lost])
    planned = replace(_planned(server, policy), allow=ceiling, allowed_by=source, unfit=unfit)
    return _Place(planned, remarks, priority, wishes.after)


def choose(
    policies: Sequence[Policy], server: ServerFacts, failure: str, wishes: Wishes, owners: Owners
) -> tuple[Policy | None, str]:
    """Return the policy that *server* gets for *failure*, and why its owner's choice was refused.

    What an owner picks need not cover the server, but must answer the failure and be meant for its zone and host.
    """
    won = winner(policies, server, failure).policy
    if not wishes.policy:
        return won, ""
    wanted = picked(wishes, policies)
    refusal = f"its owner picked policy {wishes.policy[:40]!r}, "
    if not any(matches(glob, wishes.policy) for glob in owners.policies):
        return won, refusal + "which the site does not offer to owners"
    if wanted is None or failure not in wanted.when:
        return won, refusal + f"which does not answer {failure} here"
    if not covers(Match(az=wanted.match.az, host=wanted.match.host), server):
        return won, refusal + "which is for other zones or hosts"
    return wanted, ""


def _as_before(place: _Place, seen: Seen) -> _Place:
    """Return *place* with what it has to be like in the end, of a server that an earlier recovery left in ERROR."""
    server = place.place
    if isinstance(server, LeftServer) or server.id not in seen.shut_off:
        return place
    return replace(place, place=replace(server, was_off=True))


def _state(server: Server, seen: Seen) -> str:
    return "stopped" if server.id in seen.shut_off else server.vm_state


def _planned(server: Server, policy: Policy) -> PlannedServer:
    return PlannedServer(
        id=server.id,
        name=server.name,
        project_id=server.project_id,
        policy=policy.name,
        vm_state=server.vm_state,
        locked=server.locked,
        stops=server.task_state == STOPPING,
    )


def _remarks(server: Server, texts: Sequence[str]) -> tuple[Remark, ...]:
    return tuple(Remark(server.id, server.name, text) for text in texts if text)
