"""Control: what decides which servers the steps after it work on, and whether steps are carried out again.

Retry and alternatives are TaskFlow's retry controllers.  A round that leaves servers behind ends in an exception, which
TaskFlow answers by beginning the sub-flow again; the exception carries where the servers stand, because the results of
a sub-flow that is begun again are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taskflow import retry

from medevac.core.errors import MedevacError
from medevac.core.wire import to_plain
from medevac.flows import standing
from medevac.flows.plan import Plan
from medevac.flows.policy.language import If, Result
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.staged import PolicyStep, Seat

MOST_HISTORY = 900_000
"""Characters of a controller's history: ZooKeeper takes no more than 1 MiB in one znode."""
OVERHEAD = 5_000
"""Characters of TaskFlow's own in each round: the traceback, mostly."""


class AnotherRoundError(MedevacError):
    """Servers are left: the control goes on with its next round."""

    def __init__(self, packed: str, sentence: str = "") -> None:
        """Carry where the servers stand, *packed*, through the failure that TaskFlow stores."""
        super().__init__(sentence)
        self.args = (packed, sentence)

    def __str__(self) -> str:
        """Return the sentence alone."""
        return str(self.args[1]) or str(AnotherRoundError.__doc__)


class UndoError(AnotherRoundError):
    """A step ended badly, and the policy wants its steps undone."""


class Rounds(retry.ForEach):
    """TaskFlow's ForEach over the numbers of rounds; each begins with what the one before has left.

    A failure that is none of ours (a cloud that stays away, a lost claim) reverts the whole recovery, as without it.
    """

    def __init__(self, seat: Seat, rounds: int) -> None:
        """Provide {"number", "last", "changed"} under the name that `begun` returns."""
        super().__init__(list(range(rounds)), name=seat.name, provides=begun(seat))
        self._rounds = rounds

    def execute(self, history: Any, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401 - TaskFlow has no type hints
        """Return the next round, and what the earlier ones have changed."""
        number = super().execute(_numbers(history))
        carried = [failure.exception_args[0] for failure in _of_the_last(history)]
        return {"number": number, "last": number == self._rounds - 1, "changed": carried[-1] if carried else ""}

    def on_failure(self, history: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - TaskFlow has no type hints
        """Go on with the next round only where a round asks for it."""
        failures = _of_the_last(history)
        if not failures or not all(failure.check(AnotherRoundError) for failure in failures):
            return retry.REVERT_ALL
        return super().on_failure(_numbers(history))


def begun(seat: Seat) -> str:
    """Return the name of what the controller at *seat* provides."""
    return f"round:{seat.name}"


def _numbers(history: Any) -> retry.History:  # noqa: ANN401 - TaskFlow has no type hints
    """Return *history* with the numbers of the rounds as what was provided.

    What was provided itself is lost when a worker takes over: RetryDetail.from_dict (TaskFlow 6.5) puts the failure of
    a round in its place.  And where a control around this one begins again, TaskFlow forgets the history in a write of
    its own; a worker that dies before it leaves the rounds of the run before.  Their last one has no failure, while
    all rounds that are followed by another in this run have.
    """
    rounds: list[Any] = []
    for _, failures in history:
        rounds = [*rounds, failures] if failures else []
    return retry.History(list(enumerate(rounds)))


def _of_the_last(history: Any) -> list[Any]:  # noqa: ANN401 - TaskFlow has no type hints
    return list(history[len(history) - 1][1].values()) if len(history) else []


@dataclass(frozen=True, slots=True)
class Control:
    """What the atoms around the steps of a retry, or of alternatives, have in common."""

    begun: str
    """The name of what the controller provides."""
    word: str
    moves: bool
    """Whether its steps bring servers back: then it is not over before they are."""


class _Around(PolicyStep):
    """An atom inside the control's sub-flow that sees the round."""

    def __init__(self, seat: Seat, control: Control, requires: Sequence[str] = ()) -> None:
        """Require the round, and *requires*."""
        super().__init__(seat, [control.begun, *requires])
        self.control = control


class BeginRound(_Around):
    """Take on the servers of this round, after the wait before it."""

    def __init__(self, seat: Seat, control: Control, chooses: str, pauses: Callable[[int], float]) -> None:
        """Choose under the name *chooses*; *pauses* tells the seconds before round 1, 2 ..."""
        super().__init__(seat, control)
        self._chooses = chooses
        self._pauses = pauses
        self.first = True
        """Whether it is the first atom of the control's sub-flow."""

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Put together what the rounds so far have changed, and go on as any step does."""
        carried = results[self.control.begun]["changed"]
        if carried and self.first:
            earlier = standing.read(results[self.seat.takes])
            results[self.seat.takes] = to_plain(standing.unpacked(carried).onto(earlier))
        return super().execute(ports=ports, plan=plan, **results)

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it with the servers chosen."""
        del plan
        number = results[self.control.begun]["number"]
        if number:
            self._pause(ports, before, number)
        ids = [server.id for server in self._taken(before, number)]
        fresh = before.each(ids, lambda server: replace(server, last=""))
        return fresh.choosing(self._chooses, [server for server in fresh.servers if server.id in set(ids)])

    def _taken(self, before: Standings, number: int) -> Sequence[Standing]:
        return before.within(self._chooses) if number else before.within(self.seat.scope)

    def _pause(self, ports: Ports, before: Standings, number: int) -> None:
        left = len(before.within(self._chooses))
        if left and not before.ended:
            pause = self._pauses(number)
            self.say(
                ports, f"round {number + 1} of {self.control.word} for {left} servers, {pause:.0f} s after the last"
            )
            self.rest_until(ports, before.at + pause, before)


class BeginAlternative(BeginRound):
    """Choose the servers of one alternative: those not back, when it is its turn, and none else."""

    def __init__(self, seat: Seat, control: Control, chooses: str, number: int, left: str) -> None:
        """Choose under the name *chooses* for alternative *number*; *left* is what the last alternative has left."""
        super().__init__(seat, control, chooses, lambda _: 0.0)
        self._number = number
        self._left = left
        self.first = number == 0

    def _taken(self, before: Standings, number: int) -> Sequence[Standing]:
        if number != self._number:
            return ()
        return before.within(self._left) if number else [s for s in before.within(self.seat.scope) if s.open]

    def _pause(self, ports: Ports, before: Standings, number: int) -> None:
        if number == self._number and (left := len(before.within(self._left))):
            self.say(ports, f"alternative {number + 1} of {self.control.word} for {left} servers")


class EndRound(_Around):
    """See whom the round has left, and ask for another if there may be one."""

    watches = True

    def __init__(self, seat: Seat, control: Control, chose: Sequence[str], leaves: str, before: str) -> None:
        """Look at those that *chose* name; choose the rest under *leaves*; *before* names the value before it all."""
        super().__init__(seat, control, [before])
        self._chose = tuple(chose)
        self._leaves = leaves
        self._before = before

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return *before* when the control is over; else raise AnotherRoundError."""
        del plan
        worked = {s.id: s for name in self._chose for s in before.within(name)}
        left = [server for server in worked.values() if self._is_left(server)]
        after = replace(before.choosing(self._leaves, left), at=ports.clock.now())
        if not left or before.ended or results[self.control.begun]["last"]:
            return after
        carried = standing.packed(after.since(standing.read(results[self._before])))
        if not self._fits(carried, results[self.control.begun]["number"] + 1):
            self.say(ports, f"no further round of {self.control.word}: what is stored of them would be too much")
            return after
        sentence = f"{len(left)} servers are left: the next round of {self.control.word} is for them"
        raise AnotherRoundError(carried, sentence)

    def _fits(self, carried: str, rounds: int) -> bool:
        """Tell whether the history of so many *rounds*, each of which carries as much, has room in its znode."""
        return rounds * (2 * len(carried) + OVERHEAD) < MOST_HISTORY

    def _is_left(self, server: Standing) -> bool:
        return server.last == Result.FAILED or (self.control.moves and server.open)


class Choose(PolicyStep):
    """`if`: choose the servers for which an earlier step had the result, and the others."""

    def __init__(self, seat: Seat, condition: If, then: str, otherwise: str) -> None:
        """Choose under the names *then* and *otherwise*."""
        super().__init__(seat)
        self._condition = condition
        self._then = then
        self._otherwise = otherwise

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it with the servers chosen."""
        del plan, results
        mine = before.within(self.seat.scope)
        word, result = self._condition.step, self._condition.result
        hit = [server for server in mine if server.results.get(word) == result.value]
        missed = [server for server in mine if server not in hit]
        self.say(ports, f"{word} {result.value} for {len(hit)} of {len(mine)} servers")
        return before.choosing(self._then, hit).choosing(self._otherwise, missed)


class Join(PolicyStep):
    """`together`: put what steps have done side by side into one."""

    watches = True

    def __init__(self, seat: Seat, branches: Sequence[str]) -> None:
        """Require the values of all *branches*."""
        super().__init__(seat, branches)
        self._branches = tuple(branches)

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it."""
        del ports, plan
        return standing.joined(before, [standing.read(results[name]) for name in self._branches])


class Check(PolicyStep):
    """`on_failure: stop` or `revert`: see whether the step before it ended badly."""

    def __init__(self, seat: Seat, after: str, *, undoes: bool, before: str) -> None:
        """Judge the step *after*, by the word of which it is known; *before* names the value before all steps."""
        super().__init__(seat, [before] if before != seat.takes else ())
        self._after = after
        self._undoes = undoes
        self._before = before

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it, ended where a server failed; raise UndoError where the steps are to be undone."""
        del plan
        failed = [server for server in before.servers if server.last == Result.FAILED]
        if not failed:
            return before
        reason = f"'{self._after}' failed for {len(failed)} servers"
        if not self._undoes:
            self.say(ports, f"{reason}: nothing more is begun, as on_failure: stop wants it")
            return replace(before, ended=f"stopped after {reason}")
        self.say(ports, f"{reason}: what can be undone is undone, as on_failure: revert wants it")
        ended = replace(before, ended=f"undone after {reason}")
        raise UndoError(standing.packed(ended.since(standing.read(results[self._before]))), reason)


class Resume(_Around):
    """The first atom of a flow that may be undone: the second time, it says that nothing is begun any more."""

    watches = True

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return where the servers stand."""
        del ports, plan
        earlier = results[self.seat.takes]
        carried = results[self.control.begun]["changed"]
        return to_plain(standing.unpacked(carried).onto(standing.read(earlier))) if carried else earlier
