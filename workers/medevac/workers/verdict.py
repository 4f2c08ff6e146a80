"""Verdict: whether a job may be posted now for an incident, and whom triage asks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from medevac.core.incident import Incident
from medevac.flows.ports import HostService


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "may this recovery start now?"."""

    go: bool
    held_by: str = ""
    """Where it may not: the word of Incident.held_by."""
    reason: str = ""
    """One sentence for the operator; empty where it may."""
    again_at: float = 0.0
    """Seconds since the epoch at which to ask again; 0: only a human or an event releases it."""
    ignore: bool = False
    """Not to be held but ignored for good: planned work, for example."""


GO = Verdict(go=True)


class Brakes(Protocol):
    """What holds recoveries back: the storm breaker, disarm, maintenance, caps."""

    def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
        """Tell whether a job may be posted for *incident*; *service* is the compute service of its host.

        *fences*: it may have to fence the host.

        Asked before each job, also for incidents that were held.  Raises CloudUnavailableError or
        StoreUnreachableError when that cannot be told: the event stays, to be handled again.
        """

    def recall(self, incident: Incident, service: HostService | None, unbegun: Collection[str]) -> Verdict:
        """Tell whether *incident*, whose job nobody has begun, is to go on waiting on the board: it may be a storm now.

        *unbegun* are the ids of incidents of whose jobs the same is true, and is not decided.  Raises as judge does.
        """


class NoBrakes:
    """The Brakes of a site that has none."""

    def judge(self, incident: Incident, service: HostService | None, *, fences: bool = False) -> Verdict:
        """Let everything go."""
        del incident, service, fences
        return GO

    def recall(self, incident: Incident, service: HostService | None, unbegun: Collection[str]) -> Verdict:
        """Leave everything as it is."""
        del incident, service, unbegun
        return GO
