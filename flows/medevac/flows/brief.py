"""Brief: what every step of a recovery is told; with the policies it is the one argument of the flow's factory."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.flows.plan import Settings


@dataclass(frozen=True, slots=True)
class Brief:
    """Which incident, which host, and what the site says."""

    incident: str
    failure: str
    host: str
    opened_at: float
    """Seconds since the epoch at which the failure was first seen."""
    settings: Settings
    server: str = ""
    """The id of the server that failed; empty where a host did."""
    cause: str = ""
    """Why, in the word of the trigger (docs/libvirt.md); empty where it does not say."""

    @property
    def mark(self) -> str:
        """Return the words by which we know our own disabled_reason again."""
        return f"medevac {self.incident}"
