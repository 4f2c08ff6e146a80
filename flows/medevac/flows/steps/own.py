"""Own: carries out the steps that other packages bring (see medevac.flows.extension)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from taskflow import exceptions as taskflow_errors

from medevac.core.errors import ClaimLostError, StoreUnreachableError
from medevac.core.wire import from_plain
from medevac.flows import standing
from medevac.flows.extension import OwnStep, ServerResult, ServerView, StepContext
from medevac.flows.plan import Outcome, Plan, PlannedServer, Verdict
from medevac.flows.policy.language import Result
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.control import AnotherRoundError, UndoError
from medevac.flows.steps.staged import PolicyStep, Seat

NOT_OURS = (ClaimLostError, StoreUnreachableError, taskflow_errors.ExecutionFailure, taskflow_errors.StorageFailure)
"""What says nothing of the step: the job goes back to the board."""


class Carry(PolicyStep):
    """A step of one's own, for the servers in its scope.  What it raises is its failure, and ends no recovery."""

    def __init__(self, seat: Seat, word: str, action: OwnStep) -> None:
        """Carry *action* out, which policies write as *word*."""
        super().__init__(seat)
        self._word = word
        self._action = action

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return what became of the servers."""
        del results
        mine = {server.id: server for server in before.within(self.seat.scope)}
        context = self._context(ports, plan, mine.values())
        begun = ports.clock.now()
        try:
            told = {each.id: each for each in self._action.execute(context) or ()}
        except NOT_OURS:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's code
            told = self._all_failed(mine, f"{type(error).__name__}: {error}")
        names = {server.id: server for server in plan.of(self.seat.policy)}
        after = before
        for server in mine.values():
            result = told.get(server.id, ServerResult(server.id, Result.SKIPPED))
            after = self._learnt(ports, after, names[server.id], result, begun)
        return after

    def revert(self, *, ports: Ports, plan: Any, result: Any, flow_failures: Any, **_: object) -> None:  # noqa: ANN401 - JSON
        """Let the step undo what it did, unless only a new round of a control begins."""
        undone = any(f.check(UndoError) or not f.check(AnotherRoundError) for f in flow_failures.values())
        if not undone or not isinstance(result, Mapping):
            return
        mine = [s for s in standing.read(result).within(self.seat.scope) if s.results.get(self._word) == "done"]
        if not mine:
            return
        try:
            self._action.revert(self._context(ports, from_plain(Plan, plan, "result of plan"), mine))
        except NOT_OURS:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's code; raised here it would stop TaskFlow's reverting
            self.say(ports, f"it could not be undone: {type(error).__name__}: {error}")
        else:
            self.say(ports, f"undone for {len(mine)} servers")

    def _context(self, ports: Ports, plan: Plan, servers: Iterable[Standing]) -> StepContext:
        planned = {server.id: server for server in plan.of(self.seat.policy)}
        return StepContext(
            ports=ports,
            brief=self.brief,
            policy=self.seat.policy,
            servers=tuple(_view(planned[server.id], server) for server in servers),
            say=lambda text: self.say(ports, text),
        )

    def _all_failed(self, mine: Iterable[str], reason: str) -> dict[str, ServerResult]:
        return {server: ServerResult(server, Result.FAILED, reason) for server in mine}

    def _learnt(
        self, ports: Ports, after: Standings, planned: PlannedServer, told: ServerResult, begun: float
    ) -> Standings:
        """Return *after* with what the step *told* of a server."""
        now = ports.clock.now()
        if told.reason:
            self.say(ports, f"{planned.name}: {told.reason}", planned.id)
        changed = after.each(
            [planned.id], lambda server: _moved(server, planned, told, (begun, now)).after(self._word, told.result)
        )
        if told.result is Result.FAILED:
            return changed.remarking(f"{planned.name}: {self._word} failed: {told.reason}")
        return changed


def _view(planned: PlannedServer, server: Standing) -> ServerView:
    host = server.verdict.host if server.verdict else ""
    return ServerView(
        planned, server.outcome, server.back, host or (server.outcome.destination if server.outcome else "")
    )


def _moved(server: Standing, planned: PlannedServer, told: ServerResult, when: tuple[float, float]) -> Standing:
    begun, now = when
    if told.host and told.result is Result.DONE:
        earlier = server.outcome.attempts if server.outcome else 0
        outcome = Outcome(
            id=planned.id,
            name=planned.name,
            policy=planned.policy,
            result="moved",
            reason=told.reason,
            attempts=earlier + 1,
            destination=told.host,
            asked_at=begun,
            moved_at=now,
            accepted_at=begun,
        )
        server = replace(server, outcome=outcome, verdict=_verdict(planned, told, now))
    return server


def _verdict(planned: PlannedServer, told: ServerResult, now: float) -> Verdict | None:
    if not told.back:
        return None
    return Verdict(
        planned.id, planned.name, planned.policy, recovered=True, reason=told.reason, host=told.host, back_at=now
    )
