"""JournalEntry: one line of an incident's timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

INTENDS = "intends"
"""The fact of an entry that is written before a call which must not be made twice; its value names the call."""

CLAIMS = "claims"
"""The fact of the entry with which a worker begins its work on an incident; its value is the number of the attempt."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One decision or side effect of an incident, said as a sentence."""

    at: float
    """Seconds since the epoch."""
    step: str
    """The step that speaks: triage, fence, disable, plan, evacuate, verify, report."""
    text: str
    server: str = ""
    """The uuid of the server it is about, where it is about one."""
    actor: str = ""
    """The worker process that wrote it."""
    facts: Mapping[str, str] = field(default_factory=dict)
