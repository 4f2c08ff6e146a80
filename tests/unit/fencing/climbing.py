"""One dead host on the fakes, its ladder, and the fence step that climbs it on a clock that only waits move."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.core.evidence import FenceEvidence
from medevac.core.wire import from_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import Settings
from medevac.flows.ports import Fencer, Ports
from medevac.flows.rung import Rung
from medevac.flows.steps.fence import Fence
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import START, FakeSite
from medevac.sandbox.fencer import FakeFencer

HOST = "dead"
INCIDENT = "host.down:dead:1"
SETTINGS = Settings(patience=300.0, fence_timeout=30.0)
BMC = Rung("bmc", timeout=10.0)
PDU = Rung("pdu", timeout=10.0)


class Climbing:
    """A host that is cut off, whose servers run on."""

    def __init__(self, rungs: Sequence[Rung] = (BMC,), fencer: Fencer | None = None) -> None:
        """Give it the ladder *rungs*."""
        self.site = FakeSite(SiteSpec((HostSpec(HOST), HostSpec("spare")), (ServerSpec("a", HOST),)))
        self.fencer = fencer or FakeFencer(self.site.bmc, rungs)
        self.brief = Brief(INCIDENT, "host.down", HOST, START, SETTINGS)
        with self.site.world.settled() as world:
            machines.cut_network(world, HOST)

    @property
    def ports(self) -> Ports:
        site = self.site
        return Ports(site.cloud, self.fencer, site.clock, site.log, site.prober, site.notifier)

    def fence(self) -> FenceEvidence:
        """Run the fence step."""
        return from_plain(FenceEvidence, Fence(self.brief).execute(ports=self.ports))

    def has_power(self) -> bool:
        with self.site.world.settled() as world:
            return world.hosts[HOST].powered

    def power(self, act: str) -> None:
        with self.site.world.settled() as world:
            getattr(machines, f"power_{act}")(world, HOST)

    def pass_time(self, seconds: float) -> None:
        self.site.clock.wait(seconds)

    def told(self) -> str:
        """Return the journal as one text."""
        return "\n".join(entry.text for entry in self.site.log.entries)

    def orders(self) -> int:
        counts = self.site.bmc.power_commands().get(HOST, {})
        return sum(count for action, count in counts.items() if action != "status")
