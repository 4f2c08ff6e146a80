"""Fakes of the ports of medevac.flows, on the model of the simulated cloud and without HTTP: for unit tests.

They ship with the product so that people can test their own policies and flows, and they pass the same contract
suite as the real adapters.
"""

from __future__ import annotations

from medevac.flows import ports
from medevac.sandbox.clock import START, FakeClock
from medevac.sandbox.cloud.model import site
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.fake_cloud import FakeCloud
from medevac.sandbox.fencer import FakeFencer
from medevac.sandbox.hypervisor import FakeHypervisor
from medevac.sandbox.logbook import MemoryLogbook
from medevac.sandbox.notifier import FakeNotifier
from medevac.sandbox.power.bmc import Bmc
from medevac.sandbox.prober import FakeProber
from medevac.sandbox.services import FakeServices

__all__ = [
    "START",
    "FakeClock",
    "FakeCloud",
    "FakeFencer",
    "FakeHypervisor",
    "FakeServices",
    "FakeSite",
    "MemoryLogbook",
]


class FakeSite:
    """A whole site in memory with a clock of its own: world, BMCs, and the ports on them."""

    def __init__(self, spec: SiteSpec, settings: Settings | None = None) -> None:
        """Build *spec*."""
        self.clock = FakeClock()
        self.world = World(self.clock.now, settings)
        self.bmc = Bmc(self.world)
        with self.world.settled() as world:
            site.build(world, spec)
        self.cloud = FakeCloud(self.world)
        self.fencer = FakeFencer(self.bmc)
        self.log = MemoryLogbook()
        self.prober = FakeProber(self.clock)
        self.notifier = FakeNotifier()
        self.hypervisor = FakeHypervisor(self.world)
        self.services = FakeServices(self.world)
        self.traffic = ports.Traffic()

    @property
    def ports(self) -> ports.Ports:
        """What a step gets."""
        return ports.Ports(
            cloud=self.cloud,
            fencer=self.fencer,
            clock=self.clock,
            log=self.log,
            prober=self.prober,
            notifier=self.notifier,
            hypervisor=self.hypervisor,
            services=self.services,
            traffic=self.traffic,
        )
