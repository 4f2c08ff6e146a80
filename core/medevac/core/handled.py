"""Handled: what became of one event, so that none vanishes."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from medevac.core.event import Event


class Outcome(enum.StrEnum):
    """What triage did with an event."""

    INCIDENT = "incident"
    """It opened the incident."""
    DUPLICATE = "duplicate"
    """The incident was open already: another copy or another sign of the same failure."""
    IGNORED = "ignored"
    """It asked for nothing; the reason says why."""


@dataclass(frozen=True, slots=True)
class Handled:
    """One event and its outcome: the document at /handled/<event id>."""

    event: Event
    outcome: Outcome
    reason: str
    """One sentence for the operator."""
    at: float
    """Seconds since the epoch at which triage decided."""
    incident: str = ""
    """The incident's id; empty where there is none."""
