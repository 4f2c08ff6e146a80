"""Hosts that come back, on the fakes: a recovery first, then the host's power, then the flow of its way back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from taskflow import engines

from medevac.flows import wayback
from medevac.flows.brief import Brief
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import Duration
from medevac.flows.ports import Clock, Ports
from medevac.flows.returning import WayBack
from medevac.sandbox.cloud.model import machines, services
from medevac.sandbox.cloud.model.services import ServiceUpdate
from tests.unit.flows.recovering import DEAD, SITE, Recovery

OF = "host.down:dead:1"
QUICK = WayBack(settle=Duration(120), clean=Duration(180), hold=Duration(60), again=Duration(30))


class RecoveredAt(dict[str, str]):
    """Other incidents, of which the one that took the host out ends at a time."""

    def __init__(self, clock: Clock, at: float) -> None:
        super().__init__()
        self._clock = clock
        self._at = at

    def get(self, *_: object) -> str:
        return "recovered" if self._clock.now() >= self._at else "recovering"


class Return:
    """One host that was recovered, and what follows when it comes back."""

    def __init__(self, *servers: str, recovered: bool = True, **states: str) -> None:
        """Let the host die with *servers* on it, and recover them; *states* has servers with other states."""
        self.recovery = Recovery(*(servers or ("a", "b")), **states)
        self.site = self.recovery.site
        self.world = self.recovery.world
        self.raised: Exception | None = None
        if recovered:
            self.recovery.run()
            assert self.site.log.state == "recovered"

    def power_on(self) -> None:
        with self.world.settled() as world:
            machines.power_off(world, DEAD)
            machines.mend_network(world, DEAD)
            machines.power_on(world, DEAD)

    def set_service(self, **change: object) -> None:
        """Let an operator change the service."""
        with self.world.settled() as world:
            services.update(world, world.hosts[DEAD], ServiceUpdate(**change))  # type: ignore[arg-type] # its own fields

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        self.recovery.after(seconds, act)

    def run(self, way_back: WayBack = QUICK, ports: Ports | None = None, settings: Settings = SITE) -> None:
        """Run the flow of the way back to its end; what it raised is kept."""
        brief = Brief("host.up:dead:1", "host.up", DEAD, self.site.clock.now(), replace(settings, way_back=way_back))
        self.site.log.entries.clear()
        with ThreadPoolExecutor(1) as executor:
            engine = engines.load(wayback.assemble(brief), engine="parallel", executor=executor, defer_reverts=True)
            engine.storage.inject({"ports": ports or self.site.ports}, transient=True)
            try:
                engine.run()
            except Exception as error:  # noqa: BLE001 - what the test looks at
                self.raised = error

    @property
    def ended(self) -> str | None:
        return self.site.log.state

    @property
    def reason(self) -> str:
        return self.site.log.reason

    def service(self) -> tuple[bool, bool, str | None]:
        return self.recovery.service()

    def told(self) -> str:
        return self.recovery.told()
