"""The stages on which the contract of the Fencer port is played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from medevac.flows.ports import Fencer
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fencer import FakeFencer
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import AgentFencer
from tests.contract.fencer.stage import Stage

HOST = "compute-1"
SITE = SiteSpec((HostSpec(HOST), HostSpec("compute-2")))


class SandboxStage:
    """Implements Stage on the sandbox's controllers."""

    host = HOST

    def __init__(self, running: RunningCloud, fencer: Fencer) -> None:
        self.fencer = fencer
        self._running = running

    def has_power(self) -> bool:
        with self._running.world.settled() as world:
            return world.hosts[HOST].powered

    def behave(self, mode: str) -> None:
        self._running.site.bmc(HOST, mode)

    def orders(self) -> int:
        counts = self._running.site.power_commands().get(HOST, {})
        return sum(count for action, count in counts.items() if action != "status")


@contextmanager
def _agent() -> Iterator[Stage]:
    with RunningCloud(SITE) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTRACT_BMC_PASSWORD", running.world.settings.bmc_password)
        device = FenceDevice(
            agent=running.addresses.fence_agent,
            hosts=("compute-*",),
            options={"ip": "127.0.0.1", "ipport": str(running.addresses.bmc_port), "username": "root"},
            secret_options={"password": "env:CONTRACT_BMC_PASSWORD"},
            timeout=1.0,
            reads=2,
            interval=0.05,
        )
        yield SandboxStage(running, AgentFencer([device]))


@contextmanager
def _fake() -> Iterator[Stage]:
    with RunningCloud(SITE) as running:
        yield SandboxStage(running, FakeFencer(running.bmc))


STAGES: dict[str, Callable[[], AbstractContextManager[Stage]]] = {"agent": _agent, "fake": _fake}


@pytest.fixture(params=sorted(STAGES))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return hosts that are on."""
    with STAGES[request.param]() as stage:
        yield stage
