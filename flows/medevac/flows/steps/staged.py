"""Staged: steps of one policy that take where its servers stand and return where they stand afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from medevac.core.wire import from_plain, to_plain
from medevac.flows import standing
from medevac.flows.brief import Brief
from medevac.flows.plan import Outcome, Plan, PlannedServer, Verdict
from medevac.flows.policy.language import Result
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.base import Step
from medevac.flows.steps.evacuate import PASSED, Evacuate
from medevac.flows.steps.verify import Verify

SLICE = 10.0
"""Seconds after which a step that only lets time pass proves again that the job is still ours."""

_RESULTS = {"moved": Result.DONE, "skipped": Result.SKIPPED}


@dataclass(frozen=True, slots=True)
class Seat:
    """Where in a policy's flow a step sits."""

    brief: Brief
    policy: str
    name: str
    """Of the atom, unique in the flow."""
    takes: str
    """The name of the value that says where the servers stand."""
    scope: str = ""
    """What chose the servers that the step works on (see Standings.within)."""
    deadline: float | None = None
    """Seconds that the policy's own steps may take in all."""
    until: float | None = None
    """When the promise of the policy is broken, in seconds since the epoch: nothing is begun for it after that."""

    @property
    def gives(self) -> str:
        """Return the name of the value that the step returns."""
        return f"standing:{self.name}"


class PolicyStep(Step):
    """A step of a policy's flow.  What it has nothing to do for, it returns as it was: it is never left out.

    (A task that TaskFlow leaves out leaves no result for those after it: docs/decisions/0008-control.md.)
    """

    watches = False
    """Whether it only looks: then it is carried out also where nothing more is begun."""

    def __init__(self, seat: Seat, requires: Sequence[str] = ()) -> None:
        """Sit at *seat*; *requires* are further values."""
        super().__init__(seat.name, seat.brief, provides=seat.gives, requires=["plan", seat.takes, *requires])
        self.seat = seat

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return where the servers stand after the step."""
        before = self.overdue(ports, standing.read(results[self.seat.takes]))
        mine = before.within(self.seat.scope)
        if not mine or (before.ended and not self.watches):
            return to_plain(before)
        after = self.work(ports, from_plain(Plan, plan, "result of plan"), before, results)
        return to_plain(replace(after, at=ports.clock.now()))

    def overdue(self, ports: Ports, before: Standings) -> Standings:
        """Return *before*, ended where the deadline of the flow, or of its policy, has passed."""
        late = ports.clock.now() >= self.ends_at(before)
        if not late or before.ended or not before.servers:
            return before
        allowed = self.ends_at(before) - before.begun_at
        self.say(ports, f"{PASSED} ({allowed:.0f} s): nothing more is begun for policy {self.seat.policy}")
        return replace(before, ended=PASSED)

    def ends_at(self, before: Standings) -> float:
        """Return when nothing more is begun, in seconds since the epoch: the earlier of the deadlines."""
        own = math.inf if self.seat.deadline is None else before.begun_at + self.seat.deadline
        return own if self.seat.until is None else min(own, self.seat.until)

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Do it for the servers within the scope; there is at least one."""
        raise NotImplementedError

    def rest_until(self, ports: Ports, end: float, before: Standings) -> None:
        """Let time pass until *end* or the flow's deadline, as long as the job is ours and no operator objects."""
        end = min(end, self.ends_at(before))
        while (left := end - ports.clock.now()) > 0:
            ports.log.assert_owned()
            ports.log.heed()
            ports.clock.wait(min(left, SLICE))


class Begin(Step):
    """Begin the flow of a policy: its deadline counts from here."""

    def __init__(self, seat: Seat) -> None:
        """Require "plan"; *seat* takes nothing else."""
        super().__init__(seat.name, seat.brief, provides=seat.gives, requires=["plan"])
        self._policy = seat.policy

    def execute(self, *, ports: Ports, plan: Any, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return where the servers stand before the first step."""
        return to_plain(standing.first(from_plain(Plan, plan, "result of plan"), self._policy, ports.clock.now()))


class Move(PolicyStep):
    """`evacuate`, for those servers in its scope that are still on the host."""

    def __init__(self, seat: Seat, evacuate: Evacuate) -> None:
        """Carry *evacuate* out, which is no atom of the flow itself."""
        wanted = sorted(set(evacuate.requires) - {"ports", "plan"})
        super().__init__(seat, wanted)
        self._evacuate = evacuate

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return what became of them."""
        here = {s.id: s for s in before.within(self.seat.scope) if self.takes(s, plan)}
        if not here:
            return before
        others = {s.id for s in plan.servers} - {s.id for s in plan.of(self.seat.policy)}
        narrowed = replace(
            plan,
            baseline=before.baseline,
            adopted=before.adopted,
            servers=tuple(s for s in plan.servers if s.id in others or s.id in here),
        )
        plain = self._evacuate.execute(ports=ports, plan=to_plain(narrowed), **results)
        outcomes = [from_plain(Outcome, each, "outcome of evacuate") for each in plain]
        after = before.updated(_tried(here[outcome.id], outcome) for outcome in outcomes)
        left = {outcome.id for outcome in outcomes if outcome.result == "failed"}
        return self._judged(ports, plan, after, left) if left else after

    def takes(self, server: Standing, plan: Plan) -> bool:
        """Tell whether *server* is to be asked for."""
        del plan
        return server.open and not server.moved

    def _judged(self, ports: Ports, plan: Plan, after: Standings, left: set[str]) -> Standings:
        """Return *after* with what a later evacuate must know of the records: they are this one's, not its own."""
        records = self.patiently(ports, lambda: ports.cloud.evacuations_from(plan.host, plan.since))
        return replace(
            after,
            baseline=max([after.baseline, *(record.id for record in records)]),
            adopted=tuple(r.id for r in records if r.server_id in left and (r.live or r.succeeded)),
        )


class Look(PolicyStep):
    """`verify`, for those servers in its scope of which it is not known that they are back."""

    watches = True

    def __init__(self, seat: Seat, verify: Verify, *, last: bool = False) -> None:
        """Carry *verify* out; the *last* one looks only at what moved and was never looked at."""
        super().__init__(seat)
        self._verify = verify
        self._last = last

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return what was seen."""
        del results
        unseen = {s.id: s for s in before.within(self.seat.scope) if self._unseen(s, ended=bool(before.ended))}
        if not unseen:
            return before
        outcomes = [to_plain(s.outcome) for s in unseen.values()]
        plain = self._verify.execute(ports=ports, plan=to_plain(plan), **{f"outcomes:{self.seat.policy}": outcomes})
        verdicts = [from_plain(Verdict, each, "verdict of verify") for each in plain]
        return before.updated(_seen(unseen[verdict.id], verdict) for verdict in verdicts)

    def _unseen(self, server: Standing, *, ended: bool) -> bool:
        if self._last or ended:
            return server.moved and server.verdict is None
        return server.outcome is not None and not (server.verdict and server.verdict.recovered)


class Close(Step):
    """End the flow of a policy: its outcomes and verdicts, as the report wants them."""

    def __init__(self, seat: Seat) -> None:
        """Provide "outcomes:POLICY", "verdicts:POLICY" and "remarks:POLICY"."""
        provides = tuple(f"{what}:{seat.policy}" for what in ("outcomes", "verdicts", "remarks"))
        super().__init__(seat.name, seat.brief, provides=provides, requires=["plan", seat.takes])
        self._seat = seat

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return all three."""
        del ports
        end = standing.read(results[self._seat.takes])
        planned = from_plain(Plan, plan, "result of plan").of(self._seat.policy)
        known = {server.id: server for server in end.servers}
        outcomes = [_outcome(server, known[server.id], end) for server in planned]
        verdicts = [known[o.id].verdict or _unverified(o) for o in outcomes]
        remarks = list(end.remarks)
        if end.ended and end.ended != PASSED:
            remarks.append(f"policy {self._seat.policy}: {end.ended}")
        return to_plain(outcomes), to_plain(verdicts), remarks


def _tried(before: Standing, outcome: Outcome) -> Standing:
    """Return *before* with the *outcome* of one more evacuate step; tries of earlier ones count too."""
    earlier = before.outcome
    if earlier is not None:
        outcome = replace(
            outcome, attempts=earlier.attempts + outcome.attempts, asked_at=earlier.asked_at or outcome.asked_at
        )
    now = replace(before, outcome=outcome, verdict=None)
    return now.after("evacuate", _RESULTS.get(outcome.result, Result.FAILED))


def _seen(before: Standing, verdict: Verdict) -> Standing:
    result = Result.FAILED
    if verdict.recovered or before.skipped:
        result = Result.DONE if verdict.recovered else Result.SKIPPED
    return replace(before, verdict=verdict).after("verify", result)


def _outcome(planned: PlannedServer, server: Standing, end: Standings) -> Outcome:
    """Return the outcome of *server*; of one that no step worked on, why."""
    if server.outcome is not None:
        if end.ended != PASSED or server.moved or server.skipped or server.outcome.reason.startswith(PASSED):
            return server.outcome
        return replace(server.outcome, reason=f"{PASSED}: {server.outcome.reason}")
    result = "moved" if server.back else "failed"
    reason = end.ended or "no step of its policy brought it back"
    if server.verdict is not None:
        reason = server.verdict.reason
    return Outcome(planned.id, planned.name, planned.policy, result, reason, attempts=0)


def _unverified(outcome: Outcome) -> Verdict:
    reason = f"it moved, and nothing looked at it: {outcome.reason}" if outcome.result == "moved" else outcome.reason
    return Verdict(outcome.id, outcome.name, outcome.policy, recovered=False, reason=reason)
