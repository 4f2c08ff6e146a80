"""The language of promises as values: policies, and what they match.

These dataclasses and those of `actions`, which this module gives too, are the only description of the language.
The reader, the checker, the stored form, the schema and the reference page are all driven by their fields: a
field's type says what may be written, its metadata (see `said`) what it means and which bounds it has.  The names
of fields are the keys of the file, except where `said(key=...)` says otherwise.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from medevac.flows.policy.actions import (
    CONTROLS,
    DEEDS,
    HOST_STEPS,
    STEPS,
    ColdMigrate,
    Disable,
    Ending,
    Evacuate,
    Expect,
    Fence,
    FirstOf,
    Flow,
    If,
    Kill,
    Leave,
    LiveMigrate,
    Notify,
    OnFailure,
    Page,
    Rebuild,
    Reset,
    Restart,
    RestartService,
    Result,
    Resume,
    Retry,
    Step,
    Then,
    Together,
    Verify,
    Wait,
    WaitFor,
    WhileDumping,
    host_steps,
    walk,
)
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import FAILURES, HOST_DOWN, REPORTED, RESERVED, SERVER_FAILURES, SYNONYMS, said

__all__ = [
    "CONTROLS",
    "DEEDS",
    "EVERYONE",
    "FAILURES",
    "HOST_DOWN",
    "HOST_STEPS",
    "REPORTED",
    "RESERVED",
    "SERVER_FAILURES",
    "STEPS",
    "SYNONYMS",
    "After",
    "Allow",
    "Answer",
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
    "Match",
    "Notify",
    "OnFailure",
    "Page",
    "Patience",
    "Policy",
    "PolicySet",
    "Priority",
    "Readiness",
    "Ready",
    "Rebuild",
    "Reset",
    "Restart",
    "RestartService",
    "Result",
    "Resume",
    "Retry",
    "States",
    "Step",
    "Then",
    "Together",
    "Verify",
    "Wait",
    "WaitFor",
    "WhileDumping",
    "host_steps",
    "said",
    "walk",
]


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


class Allow(enum.StrEnum):
    """How much may be done to a server: each word allows those before it too."""

    RESTART = "restart"
    """Start it again where it is."""
    RESET = "reset"
    """Reset it while it runs, or overwrite the state that Nova has of it."""
    MIGRATE = "migrate"
    """Move it while it runs."""
    EVACUATE = "evacuate"
    """Start it again on another host, with the disks that it has."""
    REBUILD = "rebuild"
    """Start it again on another host even where that means an empty disk, made from its image."""

    @property
    def rank(self) -> int:
        """Return 0 for restart to 4 for rebuild: the higher, the more may be done."""
        return list(Allow).index(self)

    def permits(self, deed: Allow) -> bool:
        """Tell whether *deed* may be done under this ceiling."""
        return deed.rank <= self.rank


class Answer(enum.StrEnum):
    """What is done about a server that is in an unusual state when its host fails."""

    EVACUATE = "evacuate"
    LEAVE = "leave"
    """It stays, and that is well: nobody needs to see to it."""
    HOLD = "hold"
    """It stays, and the incident says that somebody must see to it."""


class Readiness(enum.StrEnum):
    """What must be seen of a server before those that wait for it go on."""

    ACTIVE = "active"
    """Nova says that it is active on its new host."""
    GUEST = "guest"
    """Its guest agent answers."""
    PORT = "port"
    """Something listens on a port of it."""


class Patience(enum.StrEnum):
    """What becomes of servers that have waited in vain."""

    CONTINUE = "continue"
    """They are started all the same."""
    STOP = "stop"
    """They are left, and reported."""


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
    tag: tuple[str, ...] = field(default=(), metadata=said("A tag of the server."))
    image_property: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=said("Property of the image that the server was made from: a key, and its value."),
    )
    unless: Match | None = field(
        default=None,
        metadata=said("Servers that are not meant although the other lines hold.", key="not", also="except"),
    )

    @property
    def everyone(self) -> bool:
        """Tell whether it has no line, and so means every server."""
        return self == Match()


EVERYONE = "everyone"
"""How `Match()` is written: said in a word, so that a forgotten `match` is an error and not a promise to all."""


@dataclass(frozen=True, slots=True)
class Ready:
    """When a server counts as ready: written `active`, `guest` or `port:5432`."""

    kind: Readiness = Readiness.ACTIVE
    port: int = 0
    """1 to 65535 for `port`, else 0."""

    def __str__(self) -> str:
        """Return it as it is written in a file."""
        return f"{self.kind.value}:{self.port}" if self.kind is Readiness.PORT else self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Servers that must be ready before those of the policy are started.

    Only servers of the same recovery are waited for: what did not fail is there.
    """

    match: Match = field(
        default=Match(), metadata=said("Whom to wait for: the lines of a match, written beside the other keys.")
    )
    policy: tuple[str, ...] = field(default=(), metadata=said("Whom to wait for: the servers of these policies."))
    ready: Ready = field(default=Ready(), metadata=said("When one of them is ready: active, guest or port:NUMBER."))
    delay: Duration = field(
        default=Duration(0), metadata=said("How long to wait on when all of them are ready.", least=0, most=3600)
    )
    timeout: Duration = field(
        default=Duration(600), metadata=said("How long to wait for them at most.", least=1, most=86_400)
    )
    then: Patience = field(
        default=Patience.CONTINUE, metadata=said("What becomes of the servers that have waited in vain.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What is done about servers that are in an unusual state when their host fails: evacuate, leave or hold.

    Several may hold for one server: it is evacuated only if all of them say so.  A server that Nova refuses to
    evacuate in its state has the state reset to error first; the state is lost, and it arrives running.
    """

    error: Answer = field(default=Answer.EVACUATE, metadata=said("Nova says ERROR."))
    paused: Answer = field(default=Answer.HOLD, metadata=said("Its owner paused it; what its memory held is lost."))
    suspended: Answer = field(
        default=Answer.HOLD, metadata=said("Its owner suspended it; what its memory held is lost.")
    )
    rescued: Answer = field(default=Answer.HOLD, metadata=said("It runs a rescue image; it arrives with its own."))
    resized: Answer = field(
        default=Answer.HOLD, metadata=said("Its resize waits to be confirmed; the way back is lost.")
    )
    shelved: Answer = field(default=Answer.HOLD, metadata=said("It is shelved, and its disk still on the host."))
    building: Answer = field(
        default=Answer.HOLD,
        metadata=said("It never ran: Nova never evacuates it, so only leave and hold can be written."),
    )
    locked: Answer = field(default=Answer.EVACUATE, metadata=said("Its owner, or an administrator, locked it."))
    busy: Answer = field(default=Answer.EVACUATE, metadata=said("An operation on it was under way."))

    def answer(self, state: str) -> Answer:
        """Return what is done in *state*, the name of a field."""
        return cast("Answer", getattr(self, state))


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
    on_failure: Ending = field(
        default=Ending.SKIP, metadata=said("What becomes of a flow that says nothing of it when a step ends badly.")
    )
    allow: Allow | None = field(
        default=None, metadata=said("How much may be done to its servers at most; else what the site file says.")
    )
    states: States = field(
        default=States(), metadata=said("What is done about servers that are paused, locked and so on.")
    )
    after: tuple[After, ...] = field(default=(), metadata=said("Servers that must be ready before its own start."))
    when: Mapping[str, Flow] = field(metadata=said("What is done: for each failure, a flow."))

    def ending(self, failure: str) -> Ending:
        """Return what becomes of the flow for *failure* when a step ends badly."""
        return self.when[failure].on_failure or self.on_failure


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies of a site, in order of precedence: the first that covers a server and knows the failure wins."""

    policies: tuple[Policy, ...]
    digest: str
    """Sixteen hexadecimal digits that change whenever a policy or the order does."""
