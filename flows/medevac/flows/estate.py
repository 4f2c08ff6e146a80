"""What Nova has, as recovery flows see it: services of hosts, servers, their migrations and groups.

Parts of `medevac.flows.ports`, which has all their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EVACUATION = "evacuation"
LIVE_MIGRATION = "live-migration"
COLD_MIGRATION = "migration"
RESIZE = "resize"

SCHEDULER = "nova-scheduler"
CONDUCTOR = "nova-conductor"

POWERED = 1
"""The power_state of a server whose guest runs."""
ACCEPTED = "accepted"
"""The status that an evacuation's record has until a destination has taken the server up."""

_UNDER_WAY = frozenset(
    (
        *(ACCEPTED, "queued", "pre-migrating", "preparing", "running", "migrating", "post-migrating"),
        *("confirming", "reverting", "cancelling"),
    )
)
_ARRIVED = frozenset(("done", "completed", "finished", "confirming", "confirmed"))


@dataclass(frozen=True, slots=True)
class HostService:
    """The nova-compute service of a host (GET /os-services)."""

    id: str
    """Its uuid (microversion 2.53)."""
    host: str
    zone: str
    enabled: bool
    state: str
    """up, down, or unknown (its cell does not answer, microversion 2.69)."""
    forced_down: bool
    disabled_reason: str
    """Empty when there is none."""
    updated_at: float | None
    """Seconds since the epoch (Nova's clock) of its last heartbeat or change."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as GET /servers/detail tells it to an administrator."""

    id: str
    name: str
    project_id: str
    host: str
    """OS-EXT-SRV-ATTR:host; empty when it has none."""
    vm_state: str
    """active, stopped, error, paused, suspended, rescued, resized, building, deleted, soft-delete ..."""
    task_state: str
    """Empty when no operation is under way."""
    power_state: int
    """0 no state, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended."""
    image_id: str
    """Empty: it boots from a volume."""
    flavor: str
    zone: str
    locked: bool
    launched: bool
    """False: it never ran (launched_at is not set), and Nova will not evacuate it."""
    fault: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    updated_at: float = 0.0
    tags: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Of its ports and floating ones, those that are reached from outside first."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A record of GET /os-migrations.

    Life of an evacuation: accepted, pre-migrating, done, completed; or error (no destination), failed (refused
    by the destination).  Of a live migration: accepted, queued, preparing, running, completed; or error, failed,
    cancelled.  Of a cold one: accepted, pre-migrating, migrating, post-migrating, finished (it waits to be
    confirmed), confirming, confirmed; or reverting, reverted, error.
    """

    id: int
    """Grows within a cell, so that "after the plan" can be told without comparing clocks."""
    server_id: str
    status: str
    source: str
    destination: str
    """Empty until the scheduler has chosen."""
    created_at: float
    updated_at: float
    kind: str = EVACUATION
    """evacuation, live-migration, migration (cold) or resize (microversion 2.23)."""

    @property
    def live(self) -> bool:
        """Tell whether Nova may still be working on it."""
        return self.status in _UNDER_WAY

    @property
    def succeeded(self) -> bool:
        """Tell whether the server arrived; one that was resized may still be reverted."""
        return self.status in _ARRIVED


STARTS = frozenset({"start", "reboot"})
"""The instance actions after which a server is meant to run, whoever had stopped it before."""


@dataclass(frozen=True, slots=True)
class Stop:
    """An order to Nova to shut a server off (an instance action)."""

    at: float
    """Seconds since the epoch."""
    by_user: bool
    """False: Nova gave it to itself, having found the guest off (compute/manager.py: _sync_power_states)."""


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A server group, as GET /os-server-groups tells it."""

    id: str
    policy: str
    """affinity, anti-affinity, soft-affinity or soft-anti-affinity."""
    members: tuple[str, ...]
    """Ids of servers, on whatever hosts."""

    @property
    def strict(self) -> bool:
        """Tell whether Nova refuses a destination that breaks the policy, also when it notices late."""
        return self.policy in ("affinity", "anti-affinity")
