"""Capacity: servers for which no host has room are no case for people yet: they are tried again.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.brief import Brief
from medevac.flows.plan import Outcome, Plan, Verdict

CAPACITY = "capacity"
"""What holds the incident."""
NO_HOST = "Nova found no valid host for it"
"""Why a server is not back."""
LATEST = 3600.0
"""Seconds between two tries at most."""


def lacks_only_capacity(
    plan: Plan, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], remarks: Sequence[str]
) -> bool:
    """Tell whether room on other hosts is all that is missing; whatever else went wrong is a case for people.

    So is a server that its owner had shut off: Nova has it in ERROR now, and would start it at the next try.
    """
    homeless = {outcome.id for outcome in outcomes if NO_HOST in outcome.reason}
    homeless -= {server.id for server in plan.servers if server.wanted == "stopped"}
    away = {verdict.id for verdict in verdicts if not verdict.recovered and _failed(verdict.id, outcomes)}
    return bool(away) and away <= homeless and not remarks and all(server.intended for server in plan.left)


def try_again_at(brief: Brief, now: float) -> float:
    """Return when to try again: the longer it has lasted, the later; 0 where the site wants it parked."""
    first = brief.settings.capacity_again
    return now + min(max(first, (now - brief.opened_at) / 2), LATEST) if first else 0.0


def _failed(server_id: str, outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.id == server_id and outcome.result != "skipped" for outcome in outcomes)
