"""The stages on which the contract of the Fencer port is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from medevac.flows.ports import Fencer
from medevac.flows.rung import Rung
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fencer import FakeFencer
from medevac.sandbox.power.ironic import SimulatedIronic, serving
from medevac.workers.fencing.agent import AgentMeans
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.fencing.ironic import IronicMeans, Where
from medevac.workers.fencing.means import Means, Step
from medevac.workers.fencing.pacemaker import Cluster, PacemakerMeans
from medevac.workers.fencing.program import CommandMeans, Program
from tests.contract.fencer import programs
from tests.contract.fencer.stage import Stage

HOST = "compute-1"
HOSTS = ("compute-*",)
SITE = SiteSpec((HostSpec(HOST), HostSpec("compute-2")))


class SandboxStage:
    """Implements Stage on the sandbox's controllers."""

    host = HOST

    def __init__(
        self,
        running: RunningCloud,
        fencer: Fencer,
        source: str = "agent:",
        *,
        remembers: bool = False,
        impatient: Fencer | None = None,
    ) -> None:
        """Use *fencer*; where the controller is to hang, *impatient*, if there is one."""
        self.fencer = fencer
        self._patient = fencer
        self._impatient = impatient or fencer
        self.source = source
        self.remembers = remembers
        self._running = running

    def has_power(self) -> bool:
        with self._running.world.settled() as world:
            return world.hosts[HOST].powered

    def behave(self, mode: str) -> None:
        self._running.site.bmc(HOST, mode)
        self.fencer = self._impatient if mode == "hang" else self._patient

    def orders(self) -> int:
        counts = self._running.site.power_commands().get(HOST, {})
        return sum(count for action, count in counts.items() if action != "status")


@contextmanager
def _agent() -> Iterator[Stage]:
    with RunningCloud(SITE) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_BMC_PASSWORD", running.world.settings.bmc_password)
        device = FenceDevice(
            agent=running.addresses.fence_agent,
            hosts=HOSTS,
            options={"ip": "127.0.0.1", "ipport": str(running.addresses.bmc_port), "username": "root"},
            secret_options={"password": "env:CONTRACT_BMC_PASSWORD"},
            timeout=60.0,
        )
        impatient = replace(device, timeout=3.0)
        yield SandboxStage(running, _alone(AgentMeans(device)), impatient=_alone(AgentMeans(impatient)))


@contextmanager
def _fake() -> Iterator[Stage]:
    with RunningCloud(SITE) as running:
        yield SandboxStage(running, FakeFencer(running.bmc))


@contextmanager
def _command() -> Iterator[Stage]:
    with _programs() as (running, folder):
        program = Program(str(folder / "command"), timeout=60.0)
        yield SandboxStage(running, _alone(CommandMeans(HOSTS, program)), "command:command")


@contextmanager
def _pacemaker() -> Iterator[Stage]:
    with _programs() as (running, folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        cluster = Cluster(name_of=lambda host: "node-of-compute-1" if host == HOST else host)
        means = PacemakerMeans(HOSTS, cluster, timeout=1.0)
        yield SandboxStage(running, _alone(means), "pacemaker", remembers=True)


@contextmanager
def _ironic() -> Iterator[Stage]:
    with RunningCloud(SITE) as running, serving(SimulatedIronic(running.bmc)) as url:
        yield SandboxStage(running, _alone(IronicMeans(HOSTS, Where(url=url), timeout=1.0)), "ironic")


@contextmanager
def _programs() -> Iterator[tuple[RunningCloud, Path]]:
    with RunningCloud(SITE) as running, TemporaryDirectory(prefix="medevac-fencers-") as folder:
        programs.write(Path(folder), running.addresses.bmc_port, running.world.settings.bmc_password)
        yield running, Path(folder)


def _alone(means: Means) -> LadderFencer:
    """Return the ladder of one rung."""
    return LadderFencer([Step(Rung("only", timeout=0.1, interval=0.05), means)])


STAGES: dict[str, Callable[[], AbstractContextManager[Stage]]] = {
    "agent": _agent,
    "command": _command,
    "fake": _fake,
    "ironic": _ironic,
    "pacemaker": _pacemaker,
}


@pytest.fixture(params=sorted(STAGES))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return hosts that are on."""
    with STAGES[request.param]() as stage:
        yield stage
