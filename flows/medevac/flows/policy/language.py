"""The language of promises as values: policies, what they match, and the steps of their flows.

These dataclasses are the only description of the language.  The reader, the checker and the stored form are all
driven by their fields: a field's type says what may be written, its metadata (see `said`) what it means and
which bounds it has.  The names of fields are the keys of the file, except where `said(key=...)` says otherwise.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from medevac.flows.policy.duration import Duration

HOST_DOWN = "host.down"

FAILURES: Mapping[str, str] = {
    HOST_DOWN: "The host is dead, or is fenced because it is believed to be.",
    "host.network.down": "The host runs, but a network that its servers need does not reach it.",
    "host.degraded": "The host runs with a fault that will get worse: memory, disk, temperature.",
    "host.up": "A host that was dead is back.",
    "libvirt.down": "libvirt on the host does not answer; its servers may be healthy.",
    "nova-compute.down": "nova-compute on the host does not answer; its servers are healthy but unmanageable.",
    "server.crashed": "One server's process ended though nobody asked for it.",
    "server.hung": "One server runs but does nothing: its watchdog fired or its guest agent is silent.",
    "server.io-error": "One server was paused because its disk returned errors.",
    "workload.failed": "The server runs, but what it is for does not work, says its owner's probe.",
    "control-plane.down": "Nova itself does not answer.",
}
"""Every failure that `when` may name, and what it means."""

REPORTED = frozenset({HOST_DOWN})
"""The failures that something in this release reports; promises for the others wait for their detectors."""

RESERVED: Mapping[str, str] = {
    "allow": "a ceiling on what may be done to a server",
    "on_failure": "what happens when anything but an evacuation fails",
    "not": "servers that are not meant",
    "tag": "server tags",
    "flow": "the name of a shared flow",
    "steps": "the steps of a shared flow",
    "together": "steps side by side",
    "first_of": "alternatives tried in turn",
    "if": "conditions on earlier results",
    "after": "order among servers",
    "page": "a page to somebody on call",
    "notify": "a message to somebody",
    "stop": "the end of the whole flow",
    "revert": "the undoing of the whole flow",
}
"""Words that a later release will read: today they are errors that say so, and not unknown words."""

SYNONYMS: Mapping[str, str] = {
    "on": "when",
    "name": "policy",
    "description": "about",
    "zone": "az",
    "availability_zone": "az",
    "tenant": "project",
    "instance": "server",
    "vm": "server",
    "force_down": "disable",
    "ignore": "leave",
    "skip": "leave",
    "urgent": "critical",
    "medium": "normal",
}
"""Words that other tools use, and ours for the same thing: only for "did you mean"."""


def said(about: str, *, key: str = "", least: float | None = None, most: float | None = None) -> dict[str, object]:
    """Return a field's metadata: what it means, its key where that is not its name, its bounds (both allowed).

    The bounds of a Duration are seconds.
    """
    return {"about": about, "key": key, "least": least, "most": most}


class Priority(enum.StrEnum):
    """How urgent a promise is: the servers of a higher one are evacuated first."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    IDLE = "idle"

    @property
    def rank(self) -> int:
        """Return 0 for critical to 4 for idle, so that sorting by it puts the most urgent first."""
        return list(Priority).index(self)


class Expect(enum.StrEnum):
    """The state in which `verify` wants a server."""

    AS_BEFORE = "as-before"
    """Active if it was active before the failure, stopped if it was stopped."""
    ACTIVE = "active"


class Then(enum.StrEnum):
    """What happens to a server whose retries are used up."""

    SKIP = "skip"
    """It is reported and left; the others go on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a flow.  Its parameters are the fields of its class; own steps will be such classes too."""

    word: ClassVar[str] = ""
    """How the step is written in a policy file."""


@dataclass(frozen=True, slots=True)
class Fence(Step):
    """Prove that the host is off, by fencing it if need be.  How is said by the site, not by the policy."""

    word: ClassVar[str] = "fence"


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

    reason: str = field(default="the policy says so", metadata=said("Why; it is repeated in reports."))


STEPS: Mapping[str, type[Step]] = {step.word: step for step in (Fence, Disable, Evacuate, Verify, Leave)}
"""Every step that a flow may name, by its word."""

S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Flow:
    """What is done about one failure: steps in order."""

    steps: tuple[Step, ...]

    @property
    def leaves(self) -> bool:
        """Tell whether the flow is `leave`: nothing is done, on purpose."""
        return any(isinstance(step, Leave) for step in self.steps)

    def step(self, cls: type[S]) -> S | None:
        """Return the flow's step of class *cls*, or None.  A checked flow has at most one of each."""
        return next((step for step in self.steps if isinstance(step, cls)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which servers are meant.  Every line that is there must hold; any one value of a line is enough.

    A value may contain `*`, which stands for any characters; nothing else is special, and case counts.
    `Match()` means every server.
    """

    az: tuple[str, ...] = field(default=(), metadata=said("Availability zone of the server's host."))
    host: tuple[str, ...] = field(default=(), metadata=said("Host on which the server was, by nova's name for it."))
    aggregate: tuple[str, ...] = field(default=(), metadata=said("Host aggregate of the server's host."))
    project: tuple[str, ...] = field(default=(), metadata=said("Project that owns the server, by id or name."))
    server: tuple[str, ...] = field(default=(), metadata=said("The server, by id or name."))
    metadata: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict, metadata=said("Metadata of the server: a key, and its value.")
    )
    flavor: tuple[str, ...] = field(default=(), metadata=said("Name of the server's flavor."))
    image: tuple[str, ...] = field(
        default=(), metadata=said("Id of the server's image; a server that boots from a volume has none.")
    )

    @property
    def everyone(self) -> bool:
        """Tell whether it has no line, and so means every server."""
        return self == Match()


EVERYONE = "everyone"
"""How `Match()` is written: said in a word, so that a forgotten `match` is an error and not a promise to all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One promise: whom it covers, how urgent it is, and what is done when."""

    name: str = field(metadata=said("A short name, unique in the directory.", key="policy"))
    about: str = field(default="", metadata=said("The promise in a sentence, for people."))
    match: Match = field(metadata=said("Whom: the servers that the promise covers, or the word everyone."))
    priority: Priority = field(
        default=Priority.NORMAL, metadata=said("How urgent: servers of a more urgent policy go first.")
    )
    deadline: Duration | None = field(
        default=None, metadata=said("How soon the servers should be back.", least=1, most=604_800)
    )
    when: Mapping[str, Flow] = field(metadata=said("What is done: for each failure, a flow."))


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies of a site, in order of precedence: the first that covers a server and knows the failure wins."""

    policies: tuple[Policy, ...]
    digest: str
    """Sixteen hexadecimal digits that change whenever a policy or the order does."""
