"""Incident: one failure of one incarnation of one subject, and where its recovery stands."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from medevac.core.event import Subject
from medevac.core.evidence import FenceEvidence


class IncidentState(enum.StrEnum):
    """Where an incident stands.  The last four are final."""

    RECOVERING = "recovering"
    """A job for it is on the board or claimed."""
    HELD = "held"
    """Nothing is being done until what `reason` names has come: evidence, a human, a policy."""
    RECOVERED = "recovered"
    PARKED = "parked"
    """Ended with something undone that people must see to."""
    IGNORED = "ignored"
    SUPERSEDED = "superseded"

    @property
    def final(self) -> bool:
        """Tell whether nothing more will happen to an incident in this state by itself."""
        return self not in (IncidentState.RECOVERING, IncidentState.HELD)


@dataclass(frozen=True, slots=True)
class Incident:
    """One failure.  Its id is its znode's name: creating that znode twice is impossible."""

    id: str
    failure: str
    """host.down and its like, as policies name it under `when`."""
    subject: Subject
    generation: int
    """Counts the incarnations of the subject: a host that came back and died again has the next one."""
    opened_at: float
    """Seconds since the epoch at which the failure was first seen (by the trigger's clock)."""
    state: IncidentState
    reason: str
    """One sentence for the operator: why it stands where it stands."""
    evidence: FenceEvidence | None = None
    attempt: int = 1
    """How many jobs have been posted for it."""
    stored_at: float = 0.0
    """Seconds since the epoch at which triage stored it."""
    ended_at: float | None = None
    policy_set: str = ""
    """Digest of the policy set that decided."""
    held_by: str = ""
    """What holds it: evidence, breaker, storage, disarm, maintenance, cap, limit, operator, capacity, way-back,
    failback or return.

    Empty: nothing does.
    """
    again_at: float = 0.0
    """Seconds since the epoch at which triage looks again at a held one; 0: a human or an event releases it."""
    host: str = ""
    """The host that a failed server was on; empty for failures of hosts, whose subject is the host."""
    released: str = ""
    """Who let it go although a limit held it, and why; empty: nobody."""
    told_at: float = 0.0
    """When people were paged that it is held; 0: they were not."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the trigger said of a failure that is none of a whole host: cause, boot, role, what, paused ..."""
    warned_at: float = 0.0
    """When people were paged that a storm or a maintenance holds it; 0: they were not, or of another one."""
    warned_of: str = ""
    """Which of them: breaker or maintenance."""
    held_at: float = 0.0
    """When triage began to hold it for what holds it, or has held it last; 0: it never did, or an earlier release."""
    returned_at: float = 0.0
    """When its host was seen to work again since it was fenced, before anything was done for it; 0: it was not."""


def incident_id(failure: str, subject: Subject, generation: int) -> str:
    """Return the name under which this failure of this incarnation can exist only once."""
    return f"{failure}:{subject.name}:{generation}"


def failure_of(name: str) -> str:
    """Return the failure in the name of an incident: "host.down" of "host.down:compute-7:1"."""
    return name.partition(":")[0]
