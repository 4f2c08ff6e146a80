"""Deeds: the steps that answer failures of hosts that live, and of single servers."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import ClassVar

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.step import Step
from medevac.flows.policy.words import said

LONGEST = 604_800
"""Seconds: a week."""


class Service(enum.StrEnum):
    """A service of a host without which its servers run on and cannot be managed."""

    NOVA_COMPUTE = "nova-compute"
    LIBVIRT = "libvirt"


class InVain(enum.StrEnum):
    """What comes of waiting in vain."""

    CONTINUE = "continue"
    """The next step is carried out; `if` can ask for the result, which is failed."""
    STOP = "stop"
    """Nothing more is begun for the policy."""


class Seen(enum.StrEnum):
    """How Nova may see a server."""

    ACTIVE = "active"
    STOPPED = "stopped"
    GONE = "gone"


class GuestSeen(enum.StrEnum):
    """How a guest may be seen."""

    READY = "ready"
    """Its agent answers."""


class HostSeen(enum.StrEnum):
    """How a host may be seen."""

    UP = "up"
    """Its nova-compute is up."""
    DOWN = "down"
    """Its nova-compute is down."""


_PARALLEL = said("How many servers are under way at the same time.", least=1, most=1000)
_TIMEOUT = said("How long one server may take.", least=1, most=86_400)
_AT_MOST = said(
    "How often medevac may restart or reset a server within that time; then somebody must see to it.",
    least=1,
    most=1000,
)
_WITHIN = said("The time that at_most means.", least=1, most=LONGEST)


@dataclass(frozen=True, slots=True)
class RestartService(Step):
    """Let the cluster manager start a service of the host again, and wait until it runs.  Servers are not touched."""

    word: ClassVar[str] = "restart_service"
    short: ClassVar[str] = "service"

    service: Service = field(metadata=said("Which service."))
    timeout: Duration = field(
        default=Duration(300), metadata=said("How long it may take to run again.", least=1, most=86_400)
    )


@dataclass(frozen=True, slots=True)
class Restart(Step):
    """Start the server again where it is: one that is shut off is started, any other is rebooted the hard way."""

    word: ClassVar[str] = "restart"

    at_most: int = field(default=3, metadata=_AT_MOST)
    within: Duration = field(default=Duration(3600), metadata=_WITHIN)
    timeout: Duration = field(default=Duration(300), metadata=_TIMEOUT)
    parallel: int = field(default=5, metadata=_PARALLEL)


@dataclass(frozen=True, slots=True)
class Reset(Step):
    """Reboot a server that hangs the hard way; one whose disks or network move is left alone, for it does not hang."""

    word: ClassVar[str] = "reset"

    watch: Duration = field(
        default=Duration(10), metadata=said("How long its disks and network are watched first.", least=1, most=600)
    )
    min_uptime: Duration = field(
        default=Duration(300),
        metadata=said("How long since Nova last changed it, so that one that still boots is not taken for hung."),
    )
    at_most: int = field(default=3, metadata=_AT_MOST)
    within: Duration = field(default=Duration(3600), metadata=_WITHIN)
    timeout: Duration = field(default=Duration(300), metadata=_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Resume(Step):
    """Let a server run on that its hypervisor paused because of its disk, as soon as the disk works again."""

    word: ClassVar[str] = "resume"
    short: ClassVar[str] = "within"

    within: Duration = field(default=Duration(600), metadata=said("For how long it is tried.", least=1, most=LONGEST))
    every: Duration = field(
        default=Duration(30), metadata=said("How long after a try it must still run.", least=1, most=3600)
    )


@dataclass(frozen=True, slots=True)
class Kill(Step):
    """End the servers' guests on their host, and nothing else there, with proof: only what is proven is evacuated."""

    word: ClassVar[str] = "kill"

    timeout: Duration = field(
        default=Duration(120),
        metadata=said("For how long a hypervisor that does not answer is asked again.", least=1, most=86_400),
    )


@dataclass(frozen=True, slots=True)
class LiveMigrate(Step):
    """Move the servers to other hosts while they run."""

    word: ClassVar[str] = "live_migrate"

    parallel: int = field(default=2, metadata=_PARALLEL)
    timeout: Duration = field(default=Duration(1800), metadata=_TIMEOUT)


@dataclass(frozen=True, slots=True)
class ColdMigrate(Step):
    """Shut the servers down, move them to other hosts, and start those that ran; Nova must still manage their host."""

    word: ClassVar[str] = "cold_migrate"

    parallel: int = field(default=2, metadata=_PARALLEL)
    timeout: Duration = field(default=Duration(1800), metadata=_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Rebuild(Step):
    """Make the servers' disks anew from their images, on the same host: what was on them is lost."""

    word: ClassVar[str] = "rebuild"

    parallel: int = field(default=5, metadata=_PARALLEL)
    timeout: Duration = field(default=Duration(900), metadata=_TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor(Step):
    """Wait until one thing is so; where the failure is over by that, nothing more is done."""

    word: ClassVar[str] = "wait_for"

    service: Service | None = field(default=None, metadata=said("A service of the host that runs again."))
    host: HostSeen | None = field(default=None, metadata=said("The host, as Nova sees it."))
    server: Seen | None = field(default=None, metadata=said("Each server, as Nova sees it."))
    port: int | None = field(
        default=None, metadata=said("A port on which each server takes connections.", least=1, most=65_535)
    )
    guest: GuestSeen | None = field(default=None, metadata=said("The guest of each server: its agent answers."))
    within: Duration = field(default=Duration(600), metadata=said("How long to wait at most.", least=1, most=LONGEST))
    then: InVain = field(default=InVain.CONTINUE, metadata=said("What comes of waiting in vain."))


DEEDS: tuple[type[Step], ...] = (
    RestartService, Restart, Reset, Resume, Kill, LiveMigrate, ColdMigrate, Rebuild, WaitFor,
)  # fmt: skip

BRINGING: tuple[type[Step], ...] = (Restart, Reset, Resume, LiveMigrate, ColdMigrate, Rebuild)
"""The deeds after which a server runs again."""
