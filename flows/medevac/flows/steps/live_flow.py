"""Live flow: how the flow of a policy begins and ends where the host lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medevac.core.wire import from_plain, to_plain
from medevac.flows import standing
from medevac.flows.health import is_over, what_goes_on
from medevac.flows.plan import Outcome, Plan, PlannedServer
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.act import Scene, closed
from medevac.flows.steps.staged import PolicyStep, Seat


class BeginLive(PolicyStep):
    """Begin the flow of a policy: what was done for the host counts as done for each of its servers."""

    def __init__(self, seat: Seat, takes: str) -> None:
        """Require the result of `restart_service` under the name *takes*."""
        super().__init__(replace(seat, takes=takes))

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return where the servers stand before the first step."""
        read = from_plain(Plan, plan, "result of plan")
        first = standing.first(read, self.seat.policy, ports.clock.now())
        restarted = results[self.seat.takes]
        if restarted:
            word = {"restart_service": restarted}
            first = first.updated(replace(server, results=word) for server in first.servers)
        if first.servers and is_over(ports, self.brief):
            first = closed(Scene(self, ports, read), first)
        return to_plain(first)


class Settle(PolicyStep):
    """See whether the failure is over now, and say of every server that nobody brought back how it stands."""

    watches = True

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it with an outcome for each server."""
        del results
        if is_over(ports, self.brief):
            before = closed(Scene(self, ports, plan), before)
        planned = {server.id: server for server in plan.of(self.seat.policy)}
        return before.updated(self._untouched(s, planned[s.id]) for s in before.servers if s.outcome is None)

    def _untouched(self, server: Standing, planned: PlannedServer) -> Standing:
        reason = f"{what_goes_on(self.brief)}; it is as it was on {self.brief.host}"
        outcome = Outcome(planned.id, planned.name, planned.policy, "failed", reason, attempts=0)
        return replace(server, outcome=outcome)
