"""Stage: what the contract of the Fencer port needs of an implementation besides the port itself."""

from __future__ import annotations

from typing import Protocol

from medevac.flows.ports import Fencer


class Stage(Protocol):
    """Hosts that are on, with a power controller each."""

    @property
    def fencer(self) -> Fencer:
        """Return the implementation under test."""

    @property
    def host(self) -> str:
        """Return a host that it can fence."""

    @property
    def source(self) -> str:
        """Return how the source of its evidence begins."""

    @property
    def remembers(self) -> bool:
        """Tell whether it answers from what was done, and not from the state of now."""

    def has_power(self) -> bool:
        """Tell whether the host is on, whatever its controller says."""

    def behave(self, mode: str) -> None:
        """Let the controller obey, refuse, hang or be unreachable from now on."""

    def orders(self) -> int:
        """Return how often the controller was ordered to switch, whatever came of it."""
