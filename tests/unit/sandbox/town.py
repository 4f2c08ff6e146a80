"""A small simulated cloud whose time the test owns, and short ways to act in it."""

from __future__ import annotations

from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Case, Rung
from medevac.sandbox.cloud.model import evacuation, machines, services
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.migration import Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.services import ServiceUpdate
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import GroupSpec, HostSpec, ServerSpec, SiteSpec, build_server
from medevac.sandbox.fakes import FakeSite

SETTINGS = Settings(evacuate_seconds=10.0, evacuate_spread=0.0, boot_seconds=2.0)
GROUPS = (GroupSpec("apart", "anti-affinity", "demo"), GroupSpec("together", "affinity", "demo"))


class Town(FakeSite):
    """Three hosts h1 to h3; servers are built on h1 unless said otherwise."""

    def __init__(self, *, hosts: tuple[HostSpec, ...] = (), settings: Settings = SETTINGS) -> None:
        super().__init__(
            SiteSpec(hosts or tuple(HostSpec(name) for name in ("h1", "h2", "h3")), groups=GROUPS), settings
        )

    def server(self, host: str = "h1", **fields: object) -> Server:
        with self.world.settled() as world:
            spec = ServerSpec(name=f"server-{len(world.servers)}", host=host, **fields)  # type: ignore[arg-type] # test
            return build_server(world, spec)

    def lose(self, host: str = "h1") -> None:
        """Cut the power of a host and force its service down."""
        with self.world.settled() as world:
            machines.power_off(world, host)
            services.update(world, world.hosts[host], ServiceUpdate("disabled", "lost", forced_down=True))

    def evacuate(self, server: Server, **fields: object) -> Migration:
        with self.world.settled() as world:
            return evacuation.evacuate(world, server.id, EvacuationRequest(**fields))  # type: ignore[arg-type] # test

    def passes(self, seconds: float) -> None:
        self.clock.wait(seconds)
        with self.world.settled():
            pass

    def look(self, host: str = "h1") -> FenceEvidence | None:
        """Ask the fence device of *host* how it is."""
        return self.fencer.look(*self._at(host)).evidence

    def order(self, host: str = "h1") -> None:
        """Order *host* off."""
        self.fencer.order(*self._at(host))

    def _at(self, host: str) -> tuple[Case, Rung]:
        now = self.clock.now()
        return Case(host, f"host.down:{host}:1", failed_at=now, now=now), self.fencer.ladder(host)[0]

    def runs_on(self, server: Server) -> tuple[str, ...]:
        return self.world.ledger.hosts_of(server.id)
