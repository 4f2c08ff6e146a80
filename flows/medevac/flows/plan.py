"""Plan: the servers of a dead host, as they were before anything touched them, and who gets which promise."""

from __future__ import annotations

from dataclasses import dataclass, field

from medevac.flows.caps import Caps
from medevac.flows.policy.language import Allow, Match
from medevac.flows.policy.wishes import Owners
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack


@dataclass(frozen=True, slots=True)
class PlannedServer:
    """A server that will be evacuated, with the state that every retry must work from."""

    id: str
    name: str
    project_id: str
    policy: str
    vm_state: str
    locked: bool = False
    wave: str = ""
    """The policy with whose servers it goes, where that is not its own: one of them waits for it."""
    allow: Allow = Allow.REBUILD
    """How much may be done to it; of what is evacuated from a dead host, that was judged before it was planned."""
    allowed_by: str = "the site file"
    unfit: str = ""
    """Why it is not evacuated, whatever its policy says; empty: it may be."""
    stops: bool = False
    """Its owner had ordered its stop, which a dead host does not carry out: it is stopped where it arrives."""
    was_off: bool = False
    """It was shut off before an evacuation that failed left it in ERROR: out of that Nova brings every server up."""

    @property
    def goes_with(self) -> str:
        """Return the policy with whose servers it goes."""
        return self.wave or self.policy

    @property
    def wanted(self) -> str:
        """Return the vm_state that it must end in: what was shut off, or was to be, is shut off."""
        return "stopped" if self.vm_state == "stopped" or self.stops or self.was_off else "active"


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
class Dependency:
    """Servers that wait for others, all of them for all of those."""

    waiters: tuple[str, ...]
    """Ids, as all that follow."""
    awaited: tuple[str, ...]
    """Of the same host, evacuated or left."""
    ready: str = "active"
    """What must be seen of each that is waited for: active, guest or port:NUMBER."""
    delay: float = 0.0
    """Seconds to wait on once that was seen of all."""
    timeout: float = 600.0
    """Seconds to wait for it at most."""
    then: str = "continue"
    """What comes of waiting in vain: continue or stop."""

    @property
    def stops(self) -> bool:
        """Tell whether the waiters stay where they are, or shut off, when they have waited in vain."""
        return self.then == "stop"


@dataclass(frozen=True, slots=True)
class Order:
    """Who waits for whom; without cycles."""

    dependencies: tuple[Dependency, ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    """Groups of ids of which no two may be under way at once: Nova would fail the second."""
    hold: bool = False
    """True: evacuated side by side, left shut off where they arrive, and only started in order."""
    baseline: int = 0
    """The records of this recovery are newer than this one, whatever a later step takes as its own baseline."""


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
    order: Order = Order()

    def of(self, policy: str) -> tuple[PlannedServer, ...]:
        """Return the servers that go with *policy*: those that it covers, and those that they wait for."""
        return tuple(server for server in self.servers if server.goes_with == policy)


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a server may be started elsewhere although its host lives, or did: it is off there."""

    at: float
    """Seconds since the epoch at which it was seen off."""
    source: str
    raw: str
    """What was read, without secrets."""
    host_off: bool = False
    """The whole host was: what is on it cannot start again by itself while it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one server in the evacuate step: a value that later steps judge, never an exception."""

    id: str
    name: str
    policy: str
    result: str
    """moved, in-place (it runs again where it was), failed or skipped."""
    reason: str
    attempts: int
    destination: str = ""
    asked_at: float | None = None
    moved_at: float | None = None
    """Seconds since the epoch (our clock) at which the finished migration was first seen."""
    accepted_at: float | None = None
    """Nova's time of the migration record."""
    started_at: float | None = None
    """Seconds since the epoch (our clock) at which a server that was held was asked to start; None: never."""


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
    grace: float = 10.0
    """Seconds in which a call whose answer never came may still leave its record."""
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
    way_back: WayBack = field(default=WayBack())
    """How hosts come back into service."""
    adaptive: bool = True
    """Whether it is found out how many evacuations at once are best, below what the policy allows."""
    caps: Caps = field(default=Caps())
    """How many evacuations may be under way in the whole cloud, over all recoveries."""
    capacity_again: float = 0.0
    """Seconds after which servers that found no host are tried again; 0: they are parked at once."""
    reserved: Reserved = field(default=Reserved())
    """The hosts that stand in for one that died."""
