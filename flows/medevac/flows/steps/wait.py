"""Wait: let time pass before the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.flows.plan import Plan
from medevac.flows.ports import Ports
from medevac.flows.standing import Standings
from medevac.flows.steps.staged import PolicyStep, Seat


class Pause(PolicyStep):
    """`wait`: from the end of the step before it, so that a worker that takes over does not begin to wait anew."""

    def __init__(self, seat: Seat, seconds: float) -> None:
        """Wait for *seconds*, or until the flow's deadline."""
        super().__init__(seat)
        self._seconds = seconds

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it as it was."""
        del plan, results
        self.say(ports, f"waiting {self._seconds:.0f} s")
        self.rest_until(ports, before.at + self._seconds, before)
        return before
