"""Rung: one way to prove that a host is off, as the ladder in the flow sees it, and what passes between the two."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.core.evidence import FenceEvidence

HEARTBEAT = "heartbeat"
"""What may stand in `confirm_by` beside names of rungs: nova-compute on the host must have fallen silent."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way; the site's adapter knows how it is done, the ladder when."""

    name: str
    """Unique in its ladder."""
    timeout: float = 60.0
    """Seconds after its order, or after its turn began where it orders nothing, within which it must say off."""
    orders: bool = True
    """It can order the host off.  Otherwise it only knows, or does not."""
    looks_first: bool = True
    """What it says before an order is the state of now.  Otherwise it is somebody's memory, and it orders first."""
    times: int = 1
    """How often in a row it must say off."""
    interval: float = 1.0
    """Seconds between two readings."""
    confirm_by: tuple[str, ...] = ()
    """Names of rungs of the same ladder, or HEARTBEAT, that must agree with its off."""
    keeps_off: bool = False
    """A host that somebody else's fencing has rebooted is switched off by it, so that it does not come back."""
    wants_contact: bool = False
    """It must be told when the host was last heard of."""
    dump_proves: bool = False
    """That it says the host writes its crash dump is proof enough where no policy says otherwise."""
    page: str = ""
    """Whom to tell, once, when the ladder has come here in vain."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a rung is told."""

    host: str
    incident: str
    failed_at: float
    """Seconds since the epoch, as all times here."""
    now: float
    contact: float | None = None
    """When the host was last heard of by anybody; None: nobody knows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rung says of a host.  That it does not know is a FencingError instead."""

    evidence: FenceEvidence | None = None
    """None: the host is on, or nothing is known that would prove the contrary yet."""
    words: str = "it is on"
    """For the journal, where there is no evidence."""
    dumping: FenceEvidence | None = None
    """The host writes its crash dump: it runs no servers any more, and is evidence for those who take that for it."""
    final: bool = False
    """To ask again is useless: go to the next rung."""
