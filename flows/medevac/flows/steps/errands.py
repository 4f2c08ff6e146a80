"""Errands: one deed for each of some servers, so many under way at once, and none asked for twice.

A deed looks before it asks, and its end is seen, never taken from an answer.  What an owner did meanwhile is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from medevac.core.errors import (
    CloudUnavailableError,
    ConflictError,
    HypervisorUnavailableError,
    NoHypervisorError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)
from medevac.core.journal import INTENDS
from medevac.flows.brief import Brief
from medevac.flows.plan import PlannedServer, Proof
from medevac.flows.policy.language import Allow, Result
from medevac.flows.ports import Domain, Ports, Server
from medevac.flows.selection import OWNER_DELETES
from medevac.flows.standing import Standing
from medevac.flows.steps.base import Step

CRASHED = "server.crashed"
PAUSE = 1.0
"""Seconds between two looks."""
SOON = 30.0
"""Seconds without news after which looks become rarer."""
AWAY = 5.0
"""Seconds before something that does not answer is asked again, or something slow is looked at."""
CLOCK_SLACK = 1.0
"""Nova's times have whole seconds."""


@dataclass(frozen=True, slots=True)
class Target:
    """One server as a deed sees it."""

    ports: Ports
    brief: Brief
    planned: PlannedServer
    seen: Server
    """As Nova tells it now."""
    since: float
    """Seconds since the epoch at which the step before ended: what happened later is this step's doing, or news."""
    asked_at: float = 0.0
    """Of the call; 0 before it."""
    killed: bool = False
    """Whether an earlier step of this flow has killed it: that it is off is nobody's wish."""

    @property
    def now(self) -> float:
        """Return the time."""
        return self.ports.clock.now()

    def domain(self) -> Domain | None:
        """Return the guest on the server's host.  Raises HypervisorUnavailableError."""
        return self.ports.hypervisor.domain(self.seen.host, self.seen.id)


@dataclass(frozen=True, slots=True)
class End:
    """How a deed ended for one server."""

    result: Result
    reason: str
    host: str = ""
    """Set where it runs again: there."""
    excused: bool = False
    """Nothing more is to be done for it, by any step: somebody wants it so, or it works."""
    proof: Proof | None = None


def back(host: str, reason: str) -> End:
    """Return that the server runs again on *host*, which was seen."""
    return End(Result.DONE, reason, host)


def failed(reason: str) -> End:
    """Return that the deed did not help."""
    return End(Result.FAILED, reason)


def left(reason: str) -> End:
    """Return that the server is left alone by everybody."""
    return End(Result.SKIPPED, reason, excused=True)


class Deed(ABC):
    """What is done to each server."""

    word: ClassVar[str]
    needs: ClassVar[Allow]
    """The ceiling under which it may be done."""
    through_nova: ClassVar[bool] = True
    """Whether an operation that is under way must end first."""

    def __init__(self, parallel: int, timeout: float) -> None:
        """Have *parallel* servers under way at once; one may take *timeout* seconds."""
        self.parallel = parallel
        self.timeout = timeout

    def concerns(self, server: Standing) -> bool:
        """Tell whether the deed is for a server that stands so."""
        return server.open and not server.moved

    def source(self, target: Target) -> str:
        """Return the host on which the server is until the deed is done; elsewhere it is somebody else's."""
        return target.brief.host

    def ready(self, target: Target) -> End | None:
        """Return why there is nothing to ask for, or None.  It only reads."""
        del target
        return None

    @abstractmethod
    def ask(self, target: Target) -> End | None:
        """Ask for it.  Return its end where that is known by that."""

    @abstractmethod
    def judge(self, target: Target) -> End | None:
        """Return the end that is seen now; None while there is none."""

    def left_trace(self, target: Target) -> bool:
        """Tell whether a call without an answer has been carried out, or is being."""
        return bool(target.seen.task_state) or target.seen.updated_at >= target.asked_at - CLOCK_SLACK


@dataclass
class _Errand:
    planned: PlannedServer
    first_at: float
    """Seconds since the epoch at which it was first thought of."""
    begun_at: float = 0.0
    """The same, of the present try; 0 before it."""
    asked_at: float | None = None
    unsure: bool = False
    """Whether the call's answer is not known."""
    not_before: float = 0.0
    minded: bool = False
    """Whether it was asked by somebody before us that it may have been asked for."""


@dataclass
class _Away:
    """A hypervisor that does not answer: asked by one errand at a time, and given up for all of them alike."""

    since: float | None = None
    until: float = 0.0
    hopeless: str = ""


@dataclass
class Errands:
    """One run of a deed."""

    step: Step
    ports: Ports
    deed: Deed
    since: float
    until: float
    """Seconds since the epoch after which nothing new is begun."""
    killed: frozenset[str] = frozenset()
    """The ids of servers that an earlier step has killed."""
    ends: dict[str, End] = field(default_factory=dict)
    away: _Away = field(default_factory=_Away)

    def run(self, servers: Sequence[PlannedServer]) -> dict[str, End]:
        """Return how it ended for each of *servers*."""
        now = self.ports.clock.now()
        errands = {server.id: _Errand(server, now) for server in servers}
        news_at = now
        while errands:
            for server_id, errand in list(errands.items()):
                end = self._go_on(errand, self._room(errands.values()))
                if end is not None:
                    del errands[server_id]
                    self.ends[server_id] = end
                    news_at = self.ports.clock.now()
                    self.step.say(self.ports, f"{errand.planned.name}: {end.reason}", server_id)
            if errands:
                self.ports.log.assert_owned()
                quiet = self.ports.clock.now() - news_at > SOON
                self.ports.clock.wait(AWAY if quiet else PAUSE)
        return self.ends

    def _room(self, errands: Iterable[_Errand]) -> bool:
        under_way = sum(errand.asked_at is not None for errand in errands)
        return under_way < self.deed.parallel

    def _go_on(self, errand: _Errand, room: bool) -> End | None:  # noqa: FBT001 - one word says it all
        now = self.ports.clock.now()
        self._mind_what_was_intended(errand)
        if errand.asked_at is None:
            if now >= self.until:
                return failed("deadline passed: nothing more was begun for it")
            if self.away.hopeless:
                return failed(self.away.hopeless)
            if not room or now < max(errand.not_before, self.away.until):
                return None
            errand.begun_at = errand.begun_at or now
        seen = self.step.patiently(self.ports, lambda: self.ports.cloud.server(errand.planned.id))
        if seen is None:
            return left("its owner deleted it meanwhile")
        planned = errand.planned
        killed = planned.id in self.killed
        target = Target(self.ports, self.step.brief, planned, seen, self.since, errand.asked_at or 0.0, killed)
        return self._begin(errand, target) if errand.asked_at is None else self._look(errand, target)

    def _mind_what_was_intended(self, errand: _Errand) -> None:
        """Take it for asked where a worker that died in this step was about to ask."""
        if errand.minded:
            return
        errand.minded = True
        intended = self.ports.log.intentions().get(errand.planned.id, ())
        mine = [at for at in intended if at >= self.since - CLOCK_SLACK]
        if mine:
            errand.asked_at, errand.unsure = max(mine), True
            self._say(errand, "an earlier worker may have asked for it; looking before asking again")

    def _begin(self, errand: _Errand, target: Target) -> End | None:
        end = self._spoken_for(errand, target)
        if end is not None or errand.not_before > target.now:
            return end
        return self._attempt(errand, target, self._ask)

    def _ask(self, errand: _Errand, target: Target) -> End | None:
        end = self.deed.ready(target)
        if end is not None:
            return end
        text = f"{self.deed.word} for {errand.planned.name}"
        entry = self.step.entry(self.ports, text, errand.planned.id, {INTENDS: self.deed.word})
        self.ports.log.append([entry])
        try:
            end = self.deed.ask(target)
        except OutcomeUnknownError as error:
            errand.unsure = True
            self._say(errand, f"asked, no answer ({error}); looking before asking again")
        errand.asked_at = target.now
        self.away = _Away()
        return end

    def _look(self, errand: _Errand, target: Target) -> End | None:
        end = self._attempt(errand, target, lambda _, seen: self.deed.judge(seen))
        if end is not None:
            return end
        waited = target.now - target.asked_at
        if errand.unsure and waited > self.step.brief.settings.grace:
            errand.unsure = False
            if not self.step.patiently(self.ports, lambda: self.deed.left_trace(target)):
                return self._again(errand, target)
        elif waited > self.deed.timeout:
            return failed(f"{self.deed.word} has not ended after {self.deed.timeout:.0f} s")
        return None

    def _again(self, errand: _Errand, target: Target) -> End | None:
        """Ask once more, as long as the site is patient with a cloud that does not answer."""
        why = "the call without an answer left no trace"
        if target.now - errand.first_at > self.step.brief.settings.patience:
            return failed(f"{why}, again and again")
        errand.asked_at, errand.begun_at = None, target.now
        self._say(errand, f"{why}: it is asked for again")
        return None

    def _attempt(self, errand: _Errand, target: Target, act: Callable[[_Errand, Target], End | None]) -> End | None:
        """Return what *act* returns; what does not answer is asked again, as long as one server may take."""
        try:
            return act(errand, target)
        except NotFoundError:
            return left("its owner deleted it meanwhile")
        except (ConflictError, RefusedError) as error:
            return failed(f"Nova refused: {error}")
        except NoHypervisorError as error:
            return failed(str(error))
        except HypervisorUnavailableError as error:
            return self._hypervisor_away(errand, target, str(error))
        except CloudUnavailableError as error:
            return self._put_off(errand, target, self.step.brief.settings.patience, f"no call gets through: {error}")

    def _hypervisor_away(self, errand: _Errand, target: Target, reason: str) -> End | None:
        """Try again as long as one server may take; it may be this guest alone, so another one is tried first."""
        away = self.away
        away.since = target.now if away.since is None else away.since
        if target.now - away.since > self.deed.timeout:
            away.hopeless = reason
            return failed(reason)
        end = self._put_off(errand, target, self.deed.timeout, reason)
        away.until, errand.not_before = target.now + AWAY, target.now + 2 * AWAY
        return end

    def _put_off(self, errand: _Errand, target: Target, patience: float, reason: str) -> End | None:
        if target.now - errand.begun_at > patience:
            return failed(reason)
        if errand.not_before == 0.0:
            self._say(errand, f"{reason}; trying again")
        errand.not_before = target.now + AWAY
        return None

    def _spoken_for(self, errand: _Errand, target: Target) -> End | None:
        """Return why the server is not to be touched; one that is busy is only put off."""
        planned, seen = target.planned, target.seen
        if seen.task_state in OWNER_DELETES:
            return left("its owner is deleting it")
        if seen.host != self.deed.source(target):
            return left(f"somebody has moved it to {seen.host or 'no host'} meanwhile")
        if seen.locked and not planned.locked:
            return left("its owner locked it meanwhile")
        if not planned.allow.permits(self.deed.needs):
            return failed(f"{planned.allowed_by} allows no more than {planned.allow.value} for it")
        if seen.task_state and self.deed.through_nova:
            if target.now - errand.begun_at > self.deed.timeout:
                return failed(f"it is still {seen.task_state} after {self.deed.timeout:.0f} s")
            errand.not_before = target.now + PAUSE
        return None

    def _say(self, errand: _Errand, text: str) -> None:
        self.step.say(self.ports, f"{errand.planned.name}: {text}", errand.planned.id)
