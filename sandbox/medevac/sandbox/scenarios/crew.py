"""Crew: how a worker of a play is put together, as medevac.workers.worker does it, with wires for its ports.

Whoever wants to know what a guard is for takes a crew of his own, in which it is missing (tests/scenarios/mutants.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from kazoo.client import KazooClient

from medevac.flows.policy.language import PolicySet
from medevac.flows.ports import Cloud, Fencer, Hypervisor, Notifier, Services
from medevac.sandbox.fake_cloud import FakeCloud
from medevac.sandbox.fencer import FakeFencer
from medevac.sandbox.hypervisor import FakeHypervisor
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.wires import Wire
from medevac.sandbox.services import FakeServices
from medevac.workers import places
from medevac.workers.brakes.judge import Brakes as RealBrakes
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.desk import Desk
from medevac.workers.engine.job import BoardJob
from medevac.workers.intake import Intake
from medevac.workers.names import HostNames
from medevac.workers.recovery import Recovery
from medevac.workers.verdict import Brakes
from medevac.workers.worker import settings

if TYPE_CHECKING:  # the stage needs the crew
    from medevac.sandbox.scenarios.stage import Stage


class Crew:
    """Everything in its place."""

    stir = 0.0
    """How often a worker is interrupted between two requests to ZooKeeper, where the play has a random generator."""

    def port(self, stage: Stage, process: Process, name: str, target: object) -> Any:  # noqa: ANN401 - any port
        """Return *target* with a wire before it."""
        return Wire(process, name, target, stage.loom, stage.witness)

    def cloud(self, stage: Stage, process: Process) -> Cloud:
        """Return Nova, as *process* reaches it."""
        return cast("Cloud", self.port(stage, process, "cloud", FakeCloud(stage.world)))

    def fencer(self, stage: Stage, process: Process) -> Fencer:
        """Return the fence devices."""
        return cast("Fencer", self.port(stage, process, "fencer", FakeFencer(stage.bmc, stage.ground.rungs)))

    def hypervisor(self, stage: Stage, process: Process) -> Hypervisor:
        """Return the hypervisors of all hosts."""
        return cast("Hypervisor", self.port(stage, process, "hypervisor", FakeHypervisor(stage.world)))

    def brakes(self, stage: Stage, process: Process, client: KazooClient, names: HostNames) -> Brakes:
        """Return what holds recoveries back."""
        return RealBrakes(client, self.cloud(stage, process), stage.loom, stage.ground.site.brakes, names)

    def desk(self, stage: Stage, process: Process, client: KazooClient) -> Desk:
        """Return what triage works with."""
        site, cloud = stage.ground.site, self.cloud(stage, process)
        names = HostNames(site.host_names, cloud, stage.loom)
        return Desk(
            client=client,
            cloud=cloud,
            clock=stage.loom,
            promises=_Promises(stage.ground.policies),
            settings=settings(site),
            host_names=names,
            actor=process.name,
            brakes=self.brakes(stage, process, client, names),
            rules=site.triage,
            hypervisor=self.hypervisor(stage, process),
        )

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        """Return what turns events into incidents."""
        return Intake(self.desk(stage, process, client))

    def recovery(self, stage: Stage, process: Process, client: KazooClient) -> Recovery:
        """Return the hooks of the conductor; what it does is proven before every single call."""
        return Recovery(
            client,
            self.cloud(stage, process),
            self.fencer(stage, process),
            stage.loom,
            process.name,
            recent=0.0,
            prober=stage.prober,
            notifier=cast("Notifier", self.port(stage, process, "notifier", stage.notifier)),
            hypervisor=self.hypervisor(stage, process),
            services=cast("Services", self.port(stage, process, "services", FakeServices(stage.world))),
        )

    def has_place(self, stage: Stage, job: BoardJob, running: Sequence[BoardJob]) -> bool:
        """Tell whether a worker may do *job* beside those that are *running*."""
        return places.has_place(job, running, stage.ground.site.limits.parallel_hosts)

    def obedience(self, stage: Stage, process: Process, client: KazooClient, recovery: Recovery) -> Obedience:
        """Return the same hooks, obedient to orders of operators."""
        return Obedience(client, self.cloud(stage, process), stage.loom, stage.ground.site.brakes, recovery)


class _Promises:
    """Policies that do not change."""

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies

    def current(self) -> PolicySet:
        return self._policies
