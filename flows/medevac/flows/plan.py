"""Plan: the servers of a dead host, as they were before anything touched them, and who gets which promise."""

from __future__ import annotations

from dataclasses import dataclass, field

from medevac.flows.policy.language import Allow, Match
from medevac.flows.policy.wishes import Owners


@dataclass(frozen=True, slots=True)
class PlannedServer:
    """A server that will be evacuated, with the state that every retry must work from."""

    id: str
    name: str
    project_id: str
    policy: str
    vm_state: str
    locked: bool = False

    @property
    def wanted(self) -> str:
        """Return the vm_state that it must arrive in: what was shut off arrives shut off."""
        return "stopped" if self.vm_state == "stopped" else "active"


@dataclass(frozen=True, slots=True)
class LeftServer:
    """A server that will not be moved, and why."""

    id: str
    name: str
    policy: str
    """Empty when no policy covers it."""
    reason: str
    intended: bool = False
    """True where somebody wants it so (its owner, or its policy): nobody needs to see to it."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody should know of one server's place in the plan: what it loses, which wish was not granted."""

    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the steps after it work from; stored before the first server is touched."""

    host: str
    at: float
    baseline: int
    """The newest evacuation record of the host at that time: newer ones are of this recovery."""
    adopted: tuple[int, ...]
    """Records up to the baseline that were still live: somebody has begun already, and once is enough."""
    since: float | None
    """Nova's time of the newest such record where there are many: later queries need nothing older."""
    servers: tuple[PlannedServer, ...]
    left: tuple[LeftServer, ...]
    remarks: tuple[Remark, ...] = ()

    def of(self, policy: str) -> tuple[PlannedServer, ...]:
        """Return the servers that *policy* covers."""
        return tuple(server for server in self.servers if server.policy == policy)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one server in the evacuate step: a value that later steps judge, never an exception."""

    id: str
    name: str
    policy: str
    result: str
    """moved, failed or skipped."""
    reason: str
    attempts: int
    destination: str = ""
    asked_at: float | None = None
    moved_at: float | None = None
    """Seconds since the epoch (our clock) at which the finished migration was first seen."""
    accepted_at: float | None = None
    """Nova's time of the migration record."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verify step found of one server."""

    id: str
    name: str
    policy: str
    recovered: bool
    reason: str
    host: str = ""
    back_at: float | None = None
    """Seconds since the epoch (our clock) at which it was known to be back; None when it is not."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the site says about every recovery; stored with the job, so that it does not change under way."""

    patience: float = 1800.0
    """Seconds for which a recovery waits for a cloud that does not answer, before it gives up."""
    fence_timeout: float = 120.0
    """Seconds within which the fence step must end with evidence."""
    shared_storage: tuple[str, ...] = ()
    """Globs of availability zones in which image-backed disks are on shared storage."""
    longest_pause: float = 1.0
    """Seconds between two looks at the migrations when nothing changes."""
    allow: Allow = Allow.EVACUATE
    """How much may be done to servers whose policy does not say."""
    exclude: Match | None = None
    """Servers that are never touched."""
    owners: Owners = field(default=Owners())
    """What owners of servers may wish for."""
