"""Means: how one rung of a ladder is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from medevac.flows.rung import Answer, Case, Rung


class Means(Protocol):
    """One way to learn that a host is off, and perhaps to make it so.  Thread-safe."""

    @property
    def suffices(self) -> bool:
        """Tell whether a host can be proven off by it alone."""

    def covers(self, host: str) -> bool:
        """Tell whether it is for this host, and can be; asks nobody."""

    def look(self, case: Case) -> Answer:
        """Return what it says of the host now.  Raises FencingError when it does not know."""

    def order(self, case: Case) -> None:
        """Order the host off.  Raises FencingError when it refuses; it may have worked all the same."""

    def prove(self, host: str) -> str:
        """Return what shows that this way would work, in a few words, without switching anything.

        Raises FencingError when it would not.
        """


@dataclass(frozen=True, slots=True)
class Step:
    """A rung with its means."""

    rung: Rung
    means: Means

    def covers(self, host: str) -> bool:
        """Tell whether it is a rung of the host's ladder."""
        return self.means.covers(host)
