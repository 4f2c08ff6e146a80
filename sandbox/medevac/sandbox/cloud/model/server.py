"""Server: one row of Nova's instances table, with the actions that were recorded for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from medevac.sandbox.cloud.model.catalog import Flavor

NO_STATE = 0
RUNNING = 1
PAUSED = 3
SHUT_DOWN = 4


@dataclass(slots=True)
class Event:
    """One event of an instance action."""

    name: str
    started_at: float
    finished_at: float | None = None
    result: str | None = None
    details: str | None = None
    host: str = "controller"


@dataclass(slots=True)
class Action:
    """One instance action: what somebody asked of a server."""

    name: str
    request_id: str
    started_at: float
    updated_at: float
    message: str | None = None
    by_nova: bool = False
    """Whether Nova asked for it by itself: it has no user then."""
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Fault:
    """Why a server is in ERROR."""

    message: str
    created_at: float
    code: int = 500


@dataclass(slots=True)
class Server:
    """A server as Nova's database has it, which is not always what runs."""

    id: str
    number: int
    name: str
    project_id: str
    user_id: str
    flavor: Flavor
    host: str | None
    created_at: float
    updated_at: float
    vm_state: str = "active"
    task_state: str | None = None
    power_state: int = RUNNING
    image_id: str = ""
    """Empty: it boots from a volume."""
    launched_at: float | None = None
    terminated_at: float | None = None
    locked: bool = False
    locked_reason: str | None = None
    pinned_zone: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    """On its one network."""
    group_id: str | None = None
    fault: Fault | None = None
    deleted: bool = False
    should_run: bool = True
    """What its owner wants; kept by the simulation, unknown to Nova."""
    disks_made: int = 1
    """How often its root disk was made from its image: what it held before the last time is lost."""
    actions: list[Action] = field(default_factory=list)
    rebuild: int | None = None
    """The id of the migration that a destination is working on now; None when nobody is."""
    broken: bool = False
    """A second evacuation was accepted while one was being worked on."""

    @property
    def status(self) -> str:
        """Return what the API shows as status (api/openstack/common.py: _STATE_MAP)."""
        if self.deleted:
            return "DELETED"
        tasks = _TASK_STATUS.get(self.vm_state, {})
        return tasks.get(self.task_state or "", _STATUS.get(self.vm_state, "UNKNOWN"))

    @property
    def shows_fault(self) -> bool:
        """Tell whether the API shows its fault: only in ERROR, or deleted."""
        return self.status in ("ERROR", "DELETED")


_STATUS = {
    "active": "ACTIVE",
    "building": "BUILD",
    "stopped": "SHUTOFF",
    "resized": "VERIFY_RESIZE",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "rescued": "RESCUE",
    "error": "ERROR",
    "deleted": "DELETED",
    "soft-delete": "SOFT_DELETED",
    "shelved": "SHELVED",
    "shelved_offloaded": "SHELVED_OFFLOADED",
}
_REBUILD = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")
_RESIZE = dict.fromkeys(("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE")
_TASK_STATUS: dict[str, dict[str, str]] = {
    "active": {**_REBUILD, **_RESIZE, "migrating": "MIGRATING", "rebooting": "REBOOT", "rebooting_hard": "HARD_REBOOT"},
    "paused": {"migrating": "MIGRATING"},
    "stopped": {**_REBUILD, **_RESIZE},
    "resized": {"resize_reverting": "REVERT_RESIZE"},
    "error": _REBUILD,
}
STATUS_TO_STATE = {status: state for state, status in _STATUS.items()}
