"""Host: a compute host, its power, and the nova-compute service on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from medevac.sandbox.cloud.model.catalog import Flavor


@dataclass(slots=True)
class Host:
    """A compute host; its hypervisor bears the same name, as libvirt's does."""

    name: str
    number: int
    """Nova's row id, of the service and the hypervisor alike."""
    service_id: str
    hypervisor_id: str
    vcpus: int
    ram_mb: int
    cell: str
    powered: bool = True
    reachable: bool = True
    """False: its network is cut, while its guests run on."""
    compute_running: bool = True
    frozen: bool = False
    """True: nova-compute stands still (SIGSTOP, or an I/O error that never ends) and goes on where it was."""
    waits_for_network: bool = False
    """nova-compute was started while the host was cut off: it cleans up, and takes part, when it reaches the others."""
    compute_starts: int = 1
    """How often it was started."""
    libvirt: str = "running"
    """running, down, or hung: it takes connections and answers nothing.  Its guests run on in any case."""
    incarnation: int = 0
    """Counts power-ons, so that what was planned for an earlier one does not happen."""
    forced_down: bool = False
    disabled: bool = False
    disabled_reason: str | None = None
    changed_at: float = 0.0
    """When its service row last changed by anything but a heartbeat."""
    beating_since: float | None = None
    last_beat: float = 0.0
    allocations: dict[str, Flavor] = field(default_factory=dict)
    """Placement's view: server id to what it takes up here."""
    used_vcpus: int = 0
    used_ram_mb: int = 0
    waiting: list[Callable[[], None]] = field(default_factory=list)
    """Orders that Nova has sent while nobody there read them."""
    hanging: list[Callable[[], None]] = field(default_factory=list)
    """Orders that nova-compute has begun, and that wait for a libvirt that does not answer."""

    @property
    def alive(self) -> bool:
        """Tell whether nova-compute on it works and is reached."""
        return self.powered and self.reachable and self.compute_running and not self.frozen

    @property
    def acts(self) -> bool:
        """Tell whether what Nova orders there is carried out."""
        return self.alive and self.libvirt == "running"

    @property
    def manageable(self) -> bool:
        """Tell whether its hypervisor answers those who ask it directly."""
        return self.powered and self.reachable and self.libvirt == "running"

    def seen_at(self, now: float, interval: float) -> float:
        """Return the time of its last heartbeat."""
        if self.beating_since is None:
            return self.last_beat
        beats = math.floor((now - self.beating_since) / interval) if interval > 0 else 0
        return now if interval <= 0 else self.beating_since + beats * interval

    def start_beating(self, now: float) -> None:
        """Let heartbeats begin at *now*."""
        if self.beating_since is None:
            self.beating_since = now

    def stop_beating(self, now: float, interval: float) -> None:
        """Let the last heartbeat before *now* be the last."""
        self.last_beat = self.seen_at(now, interval)
        self.beating_since = None

    def allocate(self, server_id: str, flavor: Flavor) -> None:
        """Take up room for a server."""
        if server_id not in self.allocations:
            self.allocations[server_id] = flavor
            self.used_vcpus += flavor.vcpus
            self.used_ram_mb += flavor.ram_mb

    def release(self, server_id: str) -> None:
        """Give the room of a server back."""
        flavor = self.allocations.pop(server_id, None)
        if flavor is not None:
            self.used_vcpus -= flavor.vcpus
            self.used_ram_mb -= flavor.ram_mb

    def fits(self, flavor: Flavor) -> bool:
        """Tell whether a server of *flavor* has room here."""
        return self.used_vcpus + flavor.vcpus <= self.vcpus and self.used_ram_mb + flavor.ram_mb <= self.ram_mb
