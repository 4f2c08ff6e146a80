"""Stage: what the contract of the Services port needs of an implementation besides the port itself."""

from __future__ import annotations

from typing import Protocol

from medevac.flows.ports import Services


class Stage(Protocol):
    """A host on which a service runs, under a cluster manager."""

    services: Services
    host: str
    service: str
    patience: float
    """Seconds within which the cluster has done what it was told."""

    def lives(self) -> int:
        """Return a number that is another after each start of the service, and 0 while it does not run."""

    def give_up(self) -> None:
        """Let the service fail until the cluster starts it no more, and return then."""
