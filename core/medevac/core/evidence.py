"""FenceEvidence: why we may believe that a host can no longer write to its servers' disks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FenceEvidence:
    """Proof that one incarnation of a host was off.

    Unknown is not evidence: an object of this class exists only when some source said "off".
    """

    host: str
    at: float
    """Seconds since the epoch at which the source saw the host off."""
    source: str
    """pacemaker, agent:<fence agent's name>, or human:<who>."""
    action: str
    """off, reboot, already-off, or acknowledged."""
    detail: str
    """The source's raw answer, shortened, without secrets."""
