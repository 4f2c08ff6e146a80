"""Compile: from the flow that a policy says to TaskFlow's: the steps become atoms, the controls sub-flows.

Names of atoms are wire format.  The first atom of a word is called WORD:POLICY, further ones have #2, #3 ... after it.
A plain flow (evacuate and verify, each once) keeps the two atoms that it had in format 1; any other begins with
begin:POLICY and ends with close:POLICY, and between them one value travels from atom to atom (see standing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from taskflow.flow import Flow
from taskflow.patterns import linear_flow, unordered_flow
from taskflow.task import Task

from medevac.flows.brief import Brief
from medevac.flows.extension import OwnStep, brings_back
from medevac.flows.journey import Limits
from medevac.flows.policy.courses import patience_before_fence
from medevac.flows.policy.deeds import BRINGING
from medevac.flows.policy.language import (
    HOST_DOWN,
    HOST_STEPS,
    SERVER_FAILURES,
    Ending,
    Evacuate,
    Fence,
    FirstOf,
    If,
    Kill,
    Leave,
    Notify,
    Page,
    Policy,
    Retry,
    Step,
    Together,
    Verify,
    Wait,
    WaitFor,
    host_steps,
    walk,
)
from medevac.flows.steps.act import Act
from medevac.flows.steps.control import (
    BeginAlternative,
    BeginRound,
    Check,
    Choose,
    Control,
    EndRound,
    Join,
    Resume,
    Rounds,
    begun,
)
from medevac.flows.steps.evacuate import Evacuate as EvacuateStep
from medevac.flows.steps.live_flow import BeginLive, Settle
from medevac.flows.steps.live_host import RESTARTED
from medevac.flows.steps.making import deed
from medevac.flows.steps.notify import Message, Tell
from medevac.flows.steps.own import Carry
from medevac.flows.steps.proven import FenceAll, MoveProven
from medevac.flows.steps.staged import Begin, Close, Look, Move, PolicyStep, Seat
from medevac.flows.steps.verify import Verify as VerifyStep
from medevac.flows.steps.wait import Pause
from medevac.flows.steps.wait_for import Await


def is_plain(policy: Policy, failure: str) -> bool:
    """Tell whether the flow is of the form that format 1 knew: evacuate, and verify after it."""
    flow = policy.when[failure]
    words = [step.word for step in flow.steps if not isinstance(step, HOST_STEPS)]
    return (
        failure == HOST_DOWN
        and words in ([Evacuate.word], [Evacuate.word, Verify.word])
        and flow.deadline is None
        and policy.ending(failure) is Ending.SKIP
    )


def atoms(brief: Brief, policy: Policy, policies: Sequence[Policy] = ()) -> list[Task | Flow]:
    """Return what is added to the recovery's flow for *policy*: always the same for the same arguments.

    *policies* are all that may have servers on the same host, where it lives: together they may have it fenced.
    """
    flow = policy.when[brief.failure]
    if is_plain(policy, brief.failure):
        return [
            evacuate_step(brief, policy, flow.step(Evacuate) or Evacuate()),
            verify_step(brief, policy, flow.step(Verify) or Verify()),
        ]
    fencing = {other.name: patience_before_fence(other.when[brief.failure]) for other in policies}
    return _Compiler(brief, policy, fencing=fencing).compiled()


def evacuate_step(brief: Brief, policy: Policy, evacuate: Evacuate) -> EvacuateStep:
    """Return the task that carries *evacuate* out."""
    limits = Limits(
        parallel=evacuate.parallel,
        timeout=float(evacuate.timeout),
        retries=evacuate.on_failure.retry,
        wait=float(evacuate.on_failure.wait),
        grace=brief.settings.grace,
        patience=brief.settings.patience,
    )
    return EvacuateStep(brief, policy.name, limits, _deadline(brief, policy))


def _deadline(brief: Brief, policy: Policy) -> float | None:
    """Return when the promise of *policy* is broken, in seconds since the epoch: nothing is begun for it after that.

    It says how soon servers are back: where they run on although their host has failed, it says nothing.
    """
    runs_on = brief.failure not in {HOST_DOWN, *SERVER_FAILURES}
    return None if policy.deadline is None or runs_on else brief.opened_at + float(policy.deadline)


def verify_step(brief: Brief, policy: Policy, verify: Verify) -> VerifyStep:
    """Return the task that carries *verify* out."""
    return VerifyStep(brief, policy.name, float(verify.within), verify.expect.value)


@dataclass(frozen=True, slots=True)
class _Where:
    """Where the next atom goes: after which value, for whom."""

    takes: str
    scope: str = ""


@dataclass
class _Compiler:
    """Builds the flow of one policy; each method returns atoms, and the value that they end with."""

    brief: Brief
    policy: Policy
    used: Counter[str] = field(default_factory=Counter)
    fencing: Mapping[str, float | None] = field(default_factory=dict)
    """Policy to the seconds that it waits before it fences a host that lives; None: it never does."""

    def compiled(self) -> list[Task | Flow]:
        start = Seat(self.brief, self.policy.name, self._name("begin"), "")
        flow, end = self._whole(start.gives)
        last = self._seat("verify", _Where(end))
        look = Look(last, verify_step(self.brief, self.policy, self._last_verify()), last=True)
        if not self._lives:
            return [Begin(start), flow, look, Close(self._seat("close", _Where(last.gives)))]
        settle = Settle(self._seat("settle", _Where(last.gives)))
        return [BeginLive(start, RESTARTED), flow, look, settle, Close(self._seat("close", _Where(settle.seat.gives)))]

    @property
    def _lives(self) -> bool:
        return self.brief.failure != HOST_DOWN

    def _whole(self, start: str) -> tuple[Flow, str]:
        """Return the steps as one flow; one that may be undone has a controller that begins it again, to do nothing."""
        name = f"policy:{self.policy.name}"
        if self._ending is not Ending.REVERT:
            flow = linear_flow.Flow(name)
            end = self._checked(flow, start, start)
            return flow, end
        seat = self._seat("undo", _Where(start))
        flow = linear_flow.Flow(name, retry=Rounds(seat, 2))
        resume = self._seat("resume", _Where(start))
        flow.add(Resume(resume, Control(begun(seat), "undo", moves=False)))
        return flow, self._checked(flow, resume.gives, start)

    @property
    def _ending(self) -> Ending:
        return self.policy.ending(self.brief.failure)

    def _checked(self, flow: Flow, takes: str, start: str) -> str:
        """Add the steps to *flow*; where a failure ends it, a check after each that no condition asks about."""
        once = (*host_steps(self.brief.failure), Leave)
        steps = [step for step in self.policy.when[self.brief.failure].steps if not isinstance(step, once)]
        for position, step in enumerate(steps):
            atom, takes = self._one(step, _Where(takes))
            flow.add(atom)
            asked = position + 1 < len(steps) and isinstance(steps[position + 1], If)
            if self._ending is not Ending.SKIP and not asked:
                seat = self._seat("check", _Where(takes))
                flow.add(Check(seat, step.word, undoes=self._ending is Ending.REVERT, before=start))
                takes = seat.gives
        return takes

    def _one(self, step: Step, where: _Where) -> tuple[Task | Flow, str]:
        if isinstance(step, Retry):
            return self._retry(step, where)
        if isinstance(step, FirstOf):
            return self._first_of(step, where)
        if isinstance(step, If):
            return self._if(step, where)
        if isinstance(step, Together):
            return self._together(step, where)
        atom = self._task(step, self._seat(step.word, where))
        return atom, atom.seat.gives

    def _task(self, step: Step, seat: Seat) -> PolicyStep:
        made = deed(step)
        if made is not None:
            return Act(seat, made)
        if isinstance(step, WaitFor):
            return Await(seat, step)
        if isinstance(step, Fence) and self._lives:
            return FenceAll(seat, self.fencing)
        if isinstance(step, Evacuate):
            move = MoveProven if self._lives else Move
            return move(seat, evacuate_step(self.brief, self.policy, step))
        return self._plain_task(step, seat)

    def _plain_task(self, step: Step, seat: Seat) -> PolicyStep:
        if isinstance(step, Verify):
            return Look(seat, verify_step(self.brief, self.policy, step))
        if isinstance(step, Notify | Page):
            return Tell(seat, step.word, Message.of(step))
        if isinstance(step, Wait):
            return Pause(seat, step)
        if isinstance(step, OwnStep):
            return Carry(seat, step.word, step)
        message = f"'{step.word}' cannot stand in the flow of policy {self.policy.name} there"
        raise TypeError(message)

    def _line(self, flow: Flow, steps: Iterable[Step], where: _Where) -> str:
        """Add *steps* to *flow*, one after another."""
        takes = where.takes
        for step in steps:
            atom, takes = self._one(step, _Where(takes, where.scope))
            flow.add(atom)
        return takes

    def _retry(self, step: Retry, where: _Where) -> tuple[Flow, str]:
        seat = self._seat("retry", where)
        control = Control(begun(seat), step.word, moves=_brings_back(step.steps))
        flow = linear_flow.Flow(f"flow:{seat.name}", retry=Rounds(seat, step.times + 1))
        first = self._seat("round", where)
        wait, factor = float(step.wait), step.back_off
        flow.add(BeginRound(first, control, first.name, lambda number: wait * factor ** (number - 1)))
        takes = self._line(flow, step.steps, _Where(first.gives, first.name))
        end = self._seat("retried", _Where(takes, where.scope))
        flow.add(EndRound(end, control, [first.name], first.name, where.takes))
        return flow, end.gives

    def _first_of(self, step: FirstOf, where: _Where) -> tuple[Flow, str]:
        seat = self._seat("first_of", where)
        control = Control(begun(seat), step.word, moves=any(_brings_back(steps) for steps in step.alternatives))
        flow = linear_flow.Flow(f"flow:{seat.name}", retry=Rounds(seat, len(step.alternatives)))
        left, takes, chose = f"left:{seat.name}", where.takes, []
        for number, steps in enumerate(step.alternatives):
            first = self._seat("alternative", _Where(takes, where.scope))
            flow.add(BeginAlternative(first, control, first.name, number, left))
            chose.append(first.name)
            takes = self._line(flow, steps, _Where(first.gives, first.name))
        end = self._seat("tried", _Where(takes, where.scope))
        flow.add(EndRound(end, control, chose, left, where.takes))
        return flow, end.gives

    def _if(self, step: If, where: _Where) -> tuple[Flow, str]:
        seat = self._seat("if", where)
        then, otherwise = f"then:{seat.name}", f"else:{seat.name}"
        flow = linear_flow.Flow(f"flow:{seat.name}")
        flow.add(Choose(seat, step, then, otherwise))
        takes = self._line(flow, step.then, _Where(seat.gives, then))
        return flow, self._line(flow, step.otherwise, _Where(takes, otherwise))

    def _together(self, step: Together, where: _Where) -> tuple[Flow, str]:
        """Return the steps side by side; those that bring servers back stand behind each other, in one branch.

        Two calls for one server at the same time would break it.
        """
        seat = self._seat("join", where)
        flow = linear_flow.Flow(f"flow:{seat.name}")
        beside = unordered_flow.Flow(f"together:{seat.name}")
        movers = [branch for branch in step.branches() if _touches(branch)]
        others = [branch for branch in step.branches() if not _touches(branch)]
        branches = [*([[s for branch in movers for s in branch]] if movers else []), *map(list, others)]
        ends = []
        for number, branch in enumerate(branches, 1):
            inside = linear_flow.Flow(f"branch:{seat.name}:{number}")
            ends.append(self._line(inside, branch, where))
            beside.add(inside)
        flow.add(beside, Join(seat, ends))
        return flow, seat.gives

    def _last_verify(self) -> Verify:
        """Return how the policy wants servers looked at: as its last verify says."""
        found = self.policy.when[self.brief.failure].every(Verify)
        return found[-1] if found else Verify()

    def _seat(self, word: str, where: _Where) -> Seat:
        deadline = self.policy.when[self.brief.failure].deadline
        allowed = None if deadline is None else float(deadline)
        until = _deadline(self.brief, self.policy)
        return Seat(self.brief, self.policy.name, self._name(word), where.takes, where.scope, allowed, until)

    def _name(self, word: str) -> str:
        self.used[word] += 1
        number = self.used[word]
        return f"{word}:{self.policy.name}" + (f"#{number}" if number > 1 else "")


def _brings_back(steps: Sequence[Step]) -> bool:
    """Tell whether a server that is not back after *steps* is one that they failed for."""
    return any(isinstance(step, _BRINGING) or brings_back(step) for step in walk(tuple(steps)))


def _touches(steps: Sequence[Step]) -> bool:
    """Tell whether *steps* do something to servers that must not be done to one of them twice at a time."""
    return _brings_back(steps) or any(isinstance(step, Kill | Fence) for step in walk(tuple(steps)))


_BRINGING = (Evacuate, Verify, *BRINGING)
