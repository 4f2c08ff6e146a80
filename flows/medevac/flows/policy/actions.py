"""Actions: the steps of flows, and the controls that hold steps, as values."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from medevac.flows.policy.deeds import (
    DEEDS,
    ColdMigrate,
    Kill,
    LiveMigrate,
    Rebuild,
    Reset,
    Restart,
    RestartService,
    Resume,
    WaitFor,
)
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.step import Step
from medevac.flows.policy.words import HOST_DOWN, said

__all__ = [
    "CONTROLS",
    "DEEDS",
    "HOST_STEPS",
    "STEPS",
    "ColdMigrate",
    "Disable",
    "Ending",
    "Evacuate",
    "Expect",
    "Fence",
    "FirstOf",
    "Flow",
    "If",
    "Kill",
    "Leave",
    "LiveMigrate",
    "Notify",
    "OnFailure",
    "Page",
    "Rebuild",
    "Reset",
    "Restart",
    "RestartService",
    "Result",
    "Resume",
    "Retry",
    "Step",
    "Then",
    "Together",
    "Verify",
    "Wait",
    "WaitFor",
    "WhileDumping",
    "host_steps",
    "walk",
]


class Ending(enum.StrEnum):
    """What becomes of a flow when a step of it ends badly, or its deadline passes."""

    SKIP = "skip"
    """The servers concerned are reported and left; the others go on."""
    STOP = "stop"
    """Nothing new is begun for this policy; what is under way is watched to its end."""
    REVERT = "revert"
    """As stop, and steps that can be undone are undone."""


class Result(enum.StrEnum):
    """What an earlier step did for a server, as `if` asks for it."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Expect(enum.StrEnum):
    """The state in which `verify` wants a server."""

    AS_BEFORE = "as-before"
    """Active if it was active before the failure, stopped if it was stopped."""
    ACTIVE = "active"


class Then(enum.StrEnum):
    """What happens to a server whose retries are used up."""

    SKIP = "skip"
    """It is reported and left; the others go on."""


class WhileDumping(enum.StrEnum):
    """What becomes of the servers of a host that still writes its crash dump."""

    WAIT = "wait"
    """It is left alone until it has finished, and then fenced like any other."""
    EVACUATE = "evacuate"
    """That it dumps is proof enough: a host whose kernel has crashed runs no servers."""


@dataclass(frozen=True, slots=True)
class Fence(Step):
    """Prove that the host is off, by fencing it if need be.  How is said by the site, not by the policy."""

    word: ClassVar[str] = "fence"

    while_dumping: WhileDumping | None = field(
        default=None,
        metadata=said(
            "Whether a host that writes its crash dump is waited for, or evacuated at once; else as the site file says."
        ),
    )


@dataclass(frozen=True, slots=True)
class Disable(Step):
    """Tell Nova that the host is down and give it no new servers."""

    word: ClassVar[str] = "disable"


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What is done about a server that a step failed for."""

    retry: int = field(default=2, metadata=said("How often the step is tried again.", least=0, most=100))
    wait: Duration = field(
        default=Duration(15),
        metadata=said(
            "How long to wait before the second try; each further one waits as much longer.", least=0, most=3600
        ),
    )
    then: Then = field(default=Then.SKIP, metadata=said("What happens when all tries have failed."))


@dataclass(frozen=True, slots=True)
class Evacuate(Step):
    """Start the policy's servers again on other hosts."""

    word: ClassVar[str] = "evacuate"

    parallel: int = field(
        default=20, metadata=said("How many servers are under way at the same time.", least=1, most=1000)
    )
    timeout: Duration = field(
        default=Duration(300), metadata=said("How long one try for one server may take.", least=1, most=86_400)
    )
    on_failure: OnFailure = field(default=OnFailure(), metadata=said("What is done about a server that fails."))


@dataclass(frozen=True, slots=True)
class Verify(Step):
    """See for ourselves that each evacuated server has arrived and is in the expected state."""

    word: ClassVar[str] = "verify"

    expect: Expect = field(default=Expect.AS_BEFORE, metadata=said("The state in which a server must be."))
    within: Duration = field(
        default=Duration(120), metadata=said("How long a server may take to show it.", least=1, most=86_400)
    )


@dataclass(frozen=True, slots=True)
class Leave(Step):
    """Do nothing, on purpose: the only step of its flow."""

    word: ClassVar[str] = "leave"
    short: ClassVar[str] = "reason"

    reason: str = field(default="the policy says so", metadata=said("Why; it is repeated in reports."))


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Let time pass before the next step: so long, or until a time of day."""

    word: ClassVar[str] = "wait"
    short: ClassVar[str] = "time"

    time: Duration | None = field(default=None, metadata=said("How long.", least=0, most=86_400))
    until: TimeOfDay | None = field(
        default=None, metadata=said("Until it is that time next, in UTC: 02:00 begins a window at night.")
    )


@dataclass(frozen=True, slots=True)
class Notify(Step):
    """Send a message to a target that the site file names; a target that does not answer holds nothing up."""

    word: ClassVar[str] = "notify"

    to: str = field(metadata=said("The target, by its name in the site file."))
    text: str = field(default="", metadata=said("The message; without it, a summary of where the recovery stands."))


@dataclass(frozen=True, slots=True)
class Page(Step):
    """Notify the target that the site file calls `page`."""

    word: ClassVar[str] = "page"
    short: ClassVar[str] = "text"

    text: str = field(default="", metadata=said("The message; without it, a summary of where the recovery stands."))


@dataclass(frozen=True, slots=True)
class Together(Step):
    """Steps side by side: all are begun at once, and the flow goes on when all have ended."""

    word: ClassVar[str] = "together"
    short: ClassVar[str] = "steps"

    steps: tuple[Step, ...] = field(metadata=said("The steps; each entry is one of those that run side by side."))

    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """Return each step as a branch of its own."""
        return tuple((step,) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Retry(Step):
    """Steps that are carried out again, for the servers that they failed for."""

    word: ClassVar[str] = "retry"

    times: int = field(default=2, metadata=said("How often they are tried again after the first.", least=1, most=100))
    wait: Duration = field(
        default=Duration(15), metadata=said("How long to wait before the second try.", least=0, most=3600)
    )
    back_off: int = field(
        default=1, metadata=said("How many times longer each further wait is than the one before.", least=1, most=10)
    )
    steps: tuple[Step, ...] = field(metadata=said("The steps, in order."), kw_only=True)

    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """Return its steps as the only branch."""
        return (self.steps,)


@dataclass(frozen=True, slots=True)
class FirstOf(Step):
    """Alternatives, tried in turn: each for the servers that those before it failed for."""

    word: ClassVar[str] = "first_of"
    short: ClassVar[str] = "alternatives"

    alternatives: tuple[tuple[Step, ...], ...] = field(
        metadata=said("The alternatives, the preferred one first; each is a step or a list of steps.")
    )

    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """Return the alternatives."""
        return self.alternatives


@dataclass(frozen=True, slots=True)
class If(Step):
    """Steps for the servers for which an earlier step had a result, and others for the rest."""

    word: ClassVar[str] = "if"

    step: str = field(metadata=said("The word of the earlier step: the last before this place counts."))
    result: Result = field(metadata=said("The result that the servers under 'then' have in common."))
    then: tuple[Step, ...] = field(metadata=said("The steps for the servers that had it; skipped when none had."))
    otherwise: tuple[Step, ...] = field(
        default=(), metadata=said("The steps for the others; skipped when there are none.", key="else")
    )

    def branches(self) -> tuple[tuple[Step, ...], ...]:
        """Return the steps for those that had the result, and for the others."""
        return (self.then, self.otherwise) if self.otherwise else (self.then,)


CONTROLS = (Together, Retry, FirstOf, If)
"""The steps that hold steps."""

HOST_STEPS = (Fence, Disable)
"""The steps that are carried out once for a dead host, before it is known which servers are on it."""

LIVE_HOST_STEPS = (Disable, RestartService)
"""The steps that are carried out once for a host that lives, before those of its servers."""


def host_steps(failure: str) -> tuple[type[Step], ...]:
    """Return the steps that are carried out once for the host on *failure*, whichever policies name them."""
    return HOST_STEPS if failure == HOST_DOWN else LIVE_HOST_STEPS


_BUILT_IN: tuple[type[Step], ...] = (Fence, Disable, Evacuate, Verify, Leave, Wait, Notify, Page, *DEEDS, *CONTROLS)
STEPS: Mapping[str, type[Step]] = {step.word: step for step in _BUILT_IN}
"""Every step of medevac's own that a flow may name, by its word; `registry.steps` knows those of others too."""

S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Flow:
    """What is done about one failure: steps in order."""

    steps: tuple[Step, ...]
    deadline: Duration | None = field(
        default=None,
        metadata=said("How long the flow may take in all; when it passes, on_failure says what becomes of the rest."),
    )
    on_failure: Ending | None = field(
        default=None, metadata=said("What becomes of the flow when a step ends badly; else what the policy says.")
    )

    @property
    def leaves(self) -> bool:
        """Tell whether the flow is `leave`: nothing is done, on purpose."""
        return any(isinstance(step, Leave) for step in self.steps)

    @property
    def moves(self) -> bool:
        """Tell whether any step, in whatever control, brings servers back: evacuate, or a step of the site's own."""
        return any(isinstance(step, Evacuate) or STEPS.get(step.word) is not type(step) for step in self.walk())

    @property
    def relocates(self) -> bool:
        """Tell whether servers need room on other hosts, if all of its steps are carried out."""
        return self.moves or any(isinstance(step, LiveMigrate | ColdMigrate) for step in self.walk())

    def answers(self, failure: str) -> bool:
        """Tell whether it is carried out on *failure*: where a host died, only what brings servers back is."""
        return self.moves if failure == HOST_DOWN else not self.leaves

    def step(self, cls: type[S]) -> S | None:
        """Return the flow's step of class *cls* that stands outside controls, or None."""
        return next((step for step in self.steps if isinstance(step, cls)), None)

    def every(self, cls: type[S]) -> tuple[S, ...]:
        """Return all steps of class *cls*, those in controls included, in the order in which they are written."""
        return tuple(step for step in self.walk() if isinstance(step, cls))

    def walk(self) -> Iterator[Step]:
        """Yield every step, each control before the steps that it holds."""
        yield from walk(self.steps)


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield every one of *steps* and what they hold, each control before the steps that it holds."""
    for step in steps:
        yield step
        for branch in step.branches():
            yield from walk(branch)
