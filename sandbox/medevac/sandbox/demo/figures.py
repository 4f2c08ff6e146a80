"""Figures: how long servers were down and what the recovery cost.  Pure: facts in, numbers out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from medevac.sandbox.demo.checks import claims
from medevac.sandbox.demo.facts import Facts


@dataclass(frozen=True, slots=True)
class Downtime:
    """One server of the dead host.  Its owner's guest did not run from power-off to the start elsewhere."""

    name: str
    policy: str
    host: str
    """Where it is now."""
    note: str
    """left where it stays, stopped or locked where it was."""
    seconds: float | None
    """By the ledger; None: it was stopped, or it never came back."""
    evacuations: int


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """The servers of one policy together."""

    policy: str
    servers: int
    back: int
    """How many ran and run again."""
    first: float | None
    median: float | None
    last: float | None


@dataclass(frozen=True, slots=True)
class Seconds:
    """The marks of the timeline."""

    event_to_fence: float | None
    """From the alert that opened the incident to the order (or the proof) that ends the host."""
    first_server: float | None
    """From that alert to the first server that runs again."""
    last_server: float | None
    takeover: float | None
    """From kill -9 to the next conductor's claim."""


def downtimes(facts: Facts) -> list[Downtime]:
    """Return the down-time of every server of the dead host, most urgent policy first, longest last."""
    found = []
    for server in facts.struck:
        role = facts.role(server)
        now = facts.now(server.id)
        note = "left" if role.left else "stopped" if role.stopped else "locked" if role.locked else ""
        records = len(facts.records_of(server.id))
        seconds = _down(facts, server.id) if server.should_run else None
        found.append(Downtime(server.name, role.tier, now.host if now else "", note, seconds, records))
    ranks = {tier: rank for rank, tier in enumerate((*facts.cast.tiers, ""))}
    return sorted(found, key=lambda each: (ranks[each.policy], each.seconds or 0.0, each.name))


def by_policy(found: Sequence[Downtime]) -> list[PolicyFigures]:
    """Return the figures of each policy that brings servers back, in the order of *found*."""
    tiers = dict.fromkeys(each.policy for each in found if each.policy)
    return [_of_policy(tier, [each for each in found if each.policy == tier]) for tier in tiers]


def seconds(facts: Facts) -> Seconds:
    """Return the marks of the timeline."""
    if not facts.incidents:
        return Seconds(None, None, None, None)
    opened = facts.incidents[0].opened_at
    fence = next((entry.at for entry in facts.journal if entry.step == "fence"), None)
    starts = sorted(at for server in facts.struck if server.should_run and (at := facts.back_at(server)) is not None)
    return Seconds(
        event_to_fence=_since(opened, fence),
        first_server=_since(opened, starts[0] if starts else None),
        last_server=_since(opened, starts[-1] if starts else None),
        takeover=_takeover(facts),
    )


def _of_policy(tier: str, found: Sequence[Downtime]) -> PolicyFigures:
    known = sorted(each.seconds for each in found if each.seconds is not None)
    if not known:
        return PolicyFigures(tier, len(found), 0, None, None, None)
    return PolicyFigures(tier, len(found), len(known), known[0], round(statistics.median(known), 3), known[-1])


def _down(facts: Facts, server_id: str) -> float | None:
    """Return how long no guest of the server ran; two that ran at once were never down."""
    runs = facts.runs_of(server_id)
    ended = next((run.ended_at for run in runs if run.host == facts.cast.victim), None)
    started = next((run.started_at for run in runs if run.host != facts.cast.victim), None)
    return None if ended is None or started is None else round(max(0.0, started - ended), 3)


def _takeover(facts: Facts) -> float | None:
    takeover = facts.takeover
    if takeover is None:
        return None
    later = [at for at, actor in claims(facts) if at > takeover.at and actor != takeover.killed]
    return _since(takeover.at, min(later, default=None))


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else round(end - start, 3)
