"""Wait: let time pass before the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.flows.plan import Plan
from medevac.flows.policy.language import Wait
from medevac.flows.ports import Ports
from medevac.flows.standing import Standings
from medevac.flows.steps.staged import PolicyStep, Seat


class Pause(PolicyStep):
    """`wait`: from the end of the step before it, so that a worker that takes over does not begin to wait anew."""

    def __init__(self, seat: Seat, wanted: Wait) -> None:
        """Wait as *wanted* says, or until the flow's deadline."""
        super().__init__(seat)
        self._wanted = wanted

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it as it was."""
        del plan, results
        if self._wanted.until is not None:
            end = self._wanted.until.next_after(before.at)
            told = f" ({self._wanted.until} UTC)"
        else:
            end, told = before.at + float(self._wanted.time or 0.0), ""
        self.say(ports, f"waiting {end - before.at:.0f} s{told}")
        self.rest_until(ports, end, before)
        return before
