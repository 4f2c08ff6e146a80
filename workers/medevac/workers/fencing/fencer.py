"""AgentFencer: the Fencer port on the site's fence devices."""

from __future__ import annotations

import time
from collections.abc import Sequence

from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.workers.fencing.agent import FenceAgent
from medevac.workers.fencing.device import FenceDevice


class AgentFencer:
    """`medevac.flows.ports.Fencer`: the first device that covers a host is asked.  Thread-safe."""

    def __init__(self, devices: Sequence[FenceDevice]) -> None:
        """Use *devices*, in order of preference."""
        self._devices = tuple(devices)
        self._ordered: set[str] = set()

    def can_fence(self, host: str) -> bool:
        """Tell whether a device covers *host*; asks none."""
        return any(device.covers(host) for device in self._devices)

    def is_off(self, host: str) -> FenceEvidence | None:
        """Read the power state: one run of the agent."""
        device = self._device_of(host)
        words = FenceAgent(device, host).is_off()
        ordered = host in self._ordered
        self._ordered.discard(host)
        if words is None:
            return None
        return FenceEvidence(
            host=host,
            at=time.time(),
            source=f"agent:{device.name}",
            action="off" if ordered else "already-off",
            detail=words,
        )

    def power_off(self, host: str) -> None:
        """Order the power off, then read the state back until it is off.

        An agent that reports success while the host stays on is a refusal.  A reading that fails is repeated like
        one that says on: a controller may be deaf for a moment after it switched.
        """
        device = self._device_of(host)
        agent = FenceAgent(device, host)
        agent.off()
        self._ordered.add(host)
        problem: FencingError | None = None
        for reading in range(device.reads):
            if reading:
                time.sleep(device.interval)
            try:
                if agent.is_off() is not None:
                    return
                problem = None
            except FencingError as error:
                problem = error
        self._ordered.discard(host)
        raise problem or FencingError(f"{device.name} reported success, and {host} is still on")

    def _device_of(self, host: str) -> FenceDevice:
        for device in self._devices:
            if device.covers(host):
                return device
        message = f"no fence device covers {host}: add one to the site file"
        raise FencingError(message)
