"""The stages of the Services port's contract; that of a real Pacemaker is in tests/pacemaker, beside its cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from medevac.flows.ports import Services
from medevac.sandbox.cloud.http.side_hands import CLONES
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fakes import FakeSite
from medevac.workers.pacemaker.services import PacemakerServices
from tests.contract.services.stage import Stage

SITE = SiteSpec((HostSpec("h1"), HostSpec("h2")))
QUICK = Settings(service_seconds=0.0)


class WorldStage:
    """Implements Stage on a world in which a restart takes no time."""

    host = "h1"
    service = "nova-compute"
    patience = 30.0

    def __init__(self, world: World, services: Services) -> None:
        self.services = services
        self._world = world

    def lives(self) -> int:
        with self._world.settled() as world:
            host = world.hosts[self.host]
            return host.compute_starts if host.compute_running else 0

    def give_up(self) -> None:
        machines.kill_compute(self._world, self.host)


@contextmanager
def _fake() -> Iterator[Stage]:
    site = FakeSite(SITE, QUICK)
    yield WorldStage(site.world, site.services)


@contextmanager
def _simulated() -> Iterator[Stage]:
    with RunningCloud(SITE, QUICK) as cloud:
        resources = {service: clone for clone, service in CLONES.items()}
        yield WorldStage(cloud.world, PacemakerServices(resources, through=(cloud.addresses.hands,)))


STAGES: dict[str, Callable[[], AbstractContextManager[Stage]]] = {"fake": _fake, "simulated": _simulated}


@pytest.fixture(params=sorted(STAGES))
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return a host whose nova-compute runs."""
    with STAGES[request.param]() as stage:
        yield stage
