"""libvirt's numbers, in the words of the Hypervisor port (include/libvirt/libvirt-domain.h)."""

from __future__ import annotations

from medevac.flows.guests import OFF, PAUSED, RUNNING

NO_DOMAIN = 42
"""VIR_ERR_NO_DOMAIN."""
NO_AGENT = 74
"""VIR_ERR_ARGUMENT_UNSUPPORTED: the domain has no channel for an agent."""
AGENT_SILENT = 86
"""VIR_ERR_AGENT_UNRESPONSIVE: not connected, or no answer in time."""

SHUTOFF = 5

_STATES = {
    0: RUNNING,  # no state: nothing is known, so that it may run
    1: RUNNING,
    2: RUNNING,  # blocked on a resource
    3: PAUSED,
    4: RUNNING,  # being shut down
    SHUTOFF: OFF,
    6: PAUSED,  # crashed and preserved: its process is there, and has the disks
    7: PAUSED,  # suspended by the guest's power management
}
_REASONS: dict[int, tuple[str, ...]] = {
    1: (
        *("unknown", "booted", "migrated", "restored", "from-snapshot", "unpaused", "migration-canceled"),
        *("save-canceled", "wakeup", "crashed", "postcopy", "postcopy-failed"),
    ),
    3: (
        *("unknown", "user", "migration", "save", "dump", "ioerror", "watchdog", "from-snapshot", "shutting-down"),
        *("snapshot", "crashed", "starting-up", "postcopy", "postcopy-failed", "api-error"),
    ),
    4: ("unknown", "user"),
    SHUTOFF: (
        *("unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"),
        "daemon",
    ),
    6: ("unknown", "panicked"),
    7: ("unknown",),
}


def state_word(state: int) -> str:
    """Return running, paused or off; a state that this version does not know may run."""
    return _STATES.get(state, RUNNING)


def reason_word(state: int, reason: int) -> str:
    """Return how it came to *state*, in libvirt's word."""
    if state == 6 and reason == 0:  # noqa: PLR2004 - crashed, see above
        return "crashed"
    known = _REASONS.get(state, ())
    return known[reason] if 0 <= reason < len(known) else "unknown"
