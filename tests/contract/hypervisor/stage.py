"""Stage: what the contract of the Hypervisor port needs of an implementation besides the port itself."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from medevac.flows.ports import Hypervisor

HOST = "compute-1"


class Stage(Protocol):
    """A host on which guests can be started."""

    hypervisor: Hypervisor

    def boot(self, *, paused: bool = False, autostart: bool = False) -> str:
        """Start a guest without an agent, and return the server's id."""

    def end(self, server_id: str) -> None:
        """Let the guest go off, by somebody else's hand; its domain stays defined."""

    def freeze(self, server_id: str) -> None:
        """Let the guest's process stand still, as one that waits for storage does."""

    def runs(self, server_id: str) -> bool:
        """Tell whether the guest's process is there, without asking the port."""

    def let_work(self) -> None:
        """Let guests that run do a little work."""

    def silenced(self) -> AbstractContextManager[None]:
        """Let the hypervisor take connections and answer nothing, as long as the context lasts."""
