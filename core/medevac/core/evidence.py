"""FenceEvidence: why we may believe that a host can no longer write to its servers' disks."""

from __future__ import annotations

from dataclasses import dataclass

SLACK = 5.0
"""Seconds by which evidence may be older than the failure that it is for: more than clocks may differ, and less than
a host needs to come back after a fencing."""
REBOOT = "reboot"
"""The action after which a host has power again."""
ACKNOWLEDGED = "acknowledged"
"""The action of a human's word."""
FENCED = "fenced"
"""The action after which a host has power, and cannot reach its servers' disks."""
KDUMP = "kdump"
"""The action of a host whose kernel has crashed and that writes its dump: it has power, and runs no servers."""


@dataclass(frozen=True, slots=True)
class FenceEvidence:
    """Proof that one incarnation of a host was off.

    Unknown is not evidence: an object of this class exists only when some source said "off".
    """

    host: str
    at: float
    """Seconds since the epoch at which the source saw the host off."""
    source: str
    """pacemaker, agent:<fence agent's name>, ironic, command:<program>, self, kdump, or human:<who>."""
    action: str
    """off, reboot, already-off, fenced (cut off from its storage), kdump, or acknowledged."""
    detail: str
    """The source's raw answer, shortened, without secrets."""
    incident: str = ""
    """The incident, and with it the incarnation of the host, that it was given for; empty: it came with an event,
    and belongs to the incident with which it is stored."""
    confirmed_by: tuple[str, ...] = ()
    """Sources that were asked too, and agreed."""


@dataclass(frozen=True, slots=True)
class Life:
    """One incarnation of a host, as far as its end goes."""

    host: str
    incident: str
    """Whose id counts the incarnations."""
    failed_at: float
    """Seconds since the epoch at which the failure was first seen."""


def objection(evidence: FenceEvidence, life: Life) -> str:
    """Return why *evidence* says nothing about *life*; nothing when it speaks for its end."""
    if evidence.host != life.host:
        return f"it is about {evidence.host}"
    if evidence.incident not in ("", life.incident):
        return f"it was given for {evidence.incident}, another incarnation of {life.host}"
    early = life.failed_at - evidence.at
    if early > SLACK:
        return f"it is {early:.0f} s older than the failure: {life.host} has run since"
    return ""


def speaks_for(evidence: FenceEvidence, life: Life) -> bool:
    """Tell whether *evidence* proves that this very incarnation of the host is over."""
    return not objection(evidence, life)
