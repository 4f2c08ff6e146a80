"""Extension: what a step of one's own is made of.  It is found by the entry point group `medevac.steps`.

    @dataclass(frozen=True, slots=True)
    class PublishAddress(Step):
        word: ClassVar[str] = "publish-address"         # as policies write it; so is the entry point called

        file: str = field(default="/var/lib/addresses", metadata=said("The file."))     # its parameters

        def execute(self, context: StepContext) -> Iterable[ServerResult]:
            for server in context.servers:
                ...
                yield context.done(server)

        def revert(self, context: StepContext) -> None:
            ...

A step may be carried out again after a worker died in the middle of it: it looks before it acts.  What it raises is
told in the journal as its failure for all its servers, and ends no recovery.  A step that brings servers back says
`moves: ClassVar[bool] = True`.  `examples/own-step` is a whole package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from medevac.flows.brief import Brief
from medevac.flows.plan import Outcome, PlannedServer
from medevac.flows.policy.language import Result, Step, said
from medevac.flows.ports import Ports

__all__ = ["OwnStep", "Result", "ServerResult", "ServerView", "Step", "StepContext", "brings_back", "said"]


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server as a step of one's own sees it."""

    planned: PlannedServer
    """As it was before anything touched it."""
    outcome: Outcome | None
    """What became of it so far; None before any step moved it, or tried to."""
    back: bool
    """Whether it has come back, as far as is known."""
    host: str
    """Where it is, as far as is known; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class ServerResult:
    """What a step has done for one server."""

    id: str
    result: Result
    reason: str = ""
    host: str = ""
    """Set where the step has brought the server to a host: `verify` looks for it there."""
    back: bool = False
    """Set where the step has seen for itself that the server runs again: nobody looks after it then."""


@dataclass(frozen=True)
class StepContext:
    """Everything that a step is given."""

    ports: Ports
    """The cloud, the clock and so on.  Call `ports.log.assert_owned()` before each side effect."""
    brief: Brief
    """The incident, the failure, the host, and what the site says."""
    policy: str
    """The name of the policy whose flow this is."""
    servers: tuple[ServerView, ...]
    """Those that the step is to work on."""
    say: Callable[[str], None]
    """Writes a line into the incident's journal."""

    def done(self, server: ServerView, reason: str = "") -> ServerResult:
        """Return that the step did what it should for *server*."""
        return ServerResult(server.planned.id, Result.DONE, reason)

    def failed(self, server: ServerView, reason: str) -> ServerResult:
        """Return that it did not; *reason* is a sentence for people."""
        return ServerResult(server.planned.id, Result.FAILED, reason)

    def skipped(self, server: ServerView, reason: str) -> ServerResult:
        """Return that there was nothing to do for *server*."""
        return ServerResult(server.planned.id, Result.SKIPPED, reason)

    def moved(self, server: ServerView, host: str, reason: str = "") -> ServerResult:
        """Return that *server* was brought to another *host*; `verify` sees whether it runs there."""
        return ServerResult(server.planned.id, Result.DONE, reason or f"brought to {host}", host)

    def back(self, server: ServerView, host: str, reason: str = "") -> ServerResult:
        """Return that *server* runs again on *host*, and that the step has seen it."""
        return ServerResult(server.planned.id, Result.DONE, reason or f"runs on {host}", host, back=True)


@runtime_checkable
class OwnStep(Protocol):
    """What a step of one's own adds to the dataclass of its parameters."""

    def execute(self, context: StepContext) -> Iterable[ServerResult]:
        """Work on context.servers; a server that no result names counts as skipped."""

    def revert(self, context: StepContext) -> None:
        """Undo it for context.servers, as far as that can be done."""


def brings_back(step: Step) -> bool:
    """Tell whether the step of one's own *step* says that it brings servers back."""
    return isinstance(step, OwnStep) and bool(getattr(step, "moves", False))
