"""Settings: the knobs of the simulated cloud."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Knobs of the simulated cloud; durations in seconds."""

    seed: int = 1
    """Everything that is random (ids, the spread of durations) comes from it."""
    service_down_time: float = 60.0
    """Nova's option of that name: without a heartbeat for longer, a service is down."""
    report_interval: float = 10.0
    """Nova's option of that name: seconds between two heartbeats."""
    evacuate_seconds: float = 2.0
    """From Nova's acceptance of an evacuation to the record's `done`; 0: done when anybody looks next."""
    evacuate_spread: float = 0.3
    """Each evacuation takes evacuate_seconds, up to this fraction more or less."""
    conflict_above: int = 0
    """Evacuations under way that do not get in each other's way; 0: as many as one likes."""
    conflict_power: float = 1.0
    """With n under way beyond that, each takes (n / conflict_above) to this power as long; 1: no faster than before."""
    conflict_shared: bool = False
    """Whether they share what they wait for, so that each that comes or goes counts for all; else each waits for those
    before it, and what comes later does not matter to it."""
    conflict_fails: float = 0.0
    """The part of evacuations that then find no valid host, for each further conflict_above under way."""
    boot_seconds: float = 2.0
    """From power on to the start of nova-compute."""
    action_seconds: float = 0.0
    """How long a stop, a start, a reboot or a rebuild takes on a host that is alive."""
    move_seconds: float = 2.0
    """From Nova's acceptance of a live or cold migration to the server's arrival."""
    lifecycle_seconds: float = 15.0
    """For how long Nova holds a guest's stop back before it believes it."""
    service_seconds: float = 1.0
    """From the cluster's order to a service that runs again."""
    power_sync_seconds: float = 600.0
    """Nova's sync_power_state_interval: when an active server without a guest is found to be stopped."""
    rpc_seconds: float = 60.0
    """Nova's rpc_response_timeout: how long a call hangs that needs a dead nova-compute."""
    token_seconds: float = 3600.0
    """Life of a Keystone token."""
    max_limit: int = 1000
    """Nova's option of that name: most items of one page."""
    max_microversion: str = "2.96"
    region: str = "RegionOne"
    password: str = "medevac"  # noqa: S105 - a simulated cloud keeps no secrets
    """The password of every user."""
    bmc_password: str = "calvin"  # noqa: S105 - as above
    """The password of the BMCs; their user is root."""
