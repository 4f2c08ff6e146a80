"""A simulated cloud over HTTP, and the adapter under test on it, with little patience."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.session import Bounds, open_session
from tests.fixtures.waiting import until

DEAD = "compute-1"
SITE = SiteSpec(
    tuple(HostSpec(f"compute-{number}", zone="az1") for number in (1, 2, 3)),
    tuple(ServerSpec(f"server-{number}", DEAD) for number in range(3)),
)
QUICK = Settings(evacuate_seconds=0.05, report_interval=0.2)
IMPATIENT = Bounds(connect=1.5, read=1.5)
EVACUATE = "POST /compute/v2.1/servers/{id}/action"


@dataclass
class Place:
    """The cloud, the adapter on it, and a dead host with servers."""

    running: RunningCloud
    cloud: NovaCloud
    stack: ExitStack

    @property
    def server_id(self) -> str:
        """Return the id of a server on the dead host."""
        return next(iter(self.running.world.servers))

    def requests(self) -> dict[str, int]:
        """Return the requests since the last time, by route."""
        counted = self.running.site.requests()
        self.running.site.reset_requests()
        return counted

    def stop(self) -> None:
        """Let the cloud's processes end: connections to it are refused from now on."""
        self.stack.close()

    def until_at_rest(self) -> None:
        """Wait until Nova works on the server no more."""
        assert until(self._is_at_rest)

    def _is_at_rest(self) -> bool:
        with self.running.world.settled() as world:
            moves = [record.status for record in world.migrations_of.get(self.server_id, [])]
            over = ("completed", "finished", "confirmed")
            return world.servers[self.server_id].task_state is None and all(each in over for each in moves)

    def kill(self) -> None:
        """Let the host with the servers die and be taken out, and forget the requests until now."""
        with self.running.world.settled() as world:
            machines.power_off(world, DEAD)
        service = self.cloud.host_service(DEAD)
        assert service is not None
        self.cloud.take_out(service, "test")
        self.running.site.reset_requests()


@pytest.fixture(autouse=True)
def _no_cloud_of_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the clouds of the person who runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings() -> Settings:
    """Return the knobs of the cloud; modules override it."""
    return QUICK


@pytest.fixture
def bounds(request: pytest.FixtureRequest) -> Bounds:
    """Return how long the adapter waits: for long, except in tests (by their *kind*) of what never answers."""
    told = getattr(request.node, "callspec", None)
    return IMPATIENT if told is not None and told.params.get("kind") in {"silent", "hang"} else Bounds()


@pytest.fixture
def place(settings: Settings, bounds: Bounds, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Return a running cloud and the adapter on it."""
    with ExitStack() as stack:
        running = stack.enter_context(RunningCloud(SITE, settings))
        for name, value in running.addresses.environment().items():
            monkeypatch.setenv(name, value)
        cloud = NovaCloud(open_session(bounds=bounds))
        yield Place(running, cloud, stack)
        cloud.close()
