"""A running simulated cloud: its ports, and the thread that serves them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from medevac.sandbox.cloud.client import SiteClient
from medevac.sandbox.cloud.http import side_door
from medevac.sandbox.cloud.http.front import Front
from medevac.sandbox.cloud.model import site
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import ADMIN_PROJECT, SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.power.bmc import Bmc
from medevac.sandbox.power.listener import listening
from medevac.sandbox.power.script import write_agent, write_hands

_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a simulated cloud is found."""

    url: str
    """The public port: url/identity/v3, url/compute/v2.1, url/image."""
    side_door: str
    bmc_port: int
    clouds_yaml: str
    """Clouds `sandbox` (user admin) and `medevac` (user medevac)."""
    fence_agent: str
    """An executable fence agent."""
    hands: str
    """A program that speaks to hypervisors, and stands before Pacemaker's commands (see sandbox/hands.py)."""

    @property
    def auth_url(self) -> str:
        """Where Keystone is."""
        return f"{self.url}/identity/v3"

    def environment(self, cloud: str = "medevac") -> dict[str, str]:
        """Return the variables with which OpenStack's tools find this cloud."""
        return {"OS_CLIENT_CONFIG_FILE": self.clouds_yaml, "OS_CLOUD": cloud}


@contextlib.asynccontextmanager
async def serving(bmc: Bmc, directory: Path, port: int = 0) -> AsyncIterator[Addresses]:
    """Serve the world of *bmc* on loopback: its API on *port* (0: a free one), the rest on free ones."""
    world = bmc.world
    front = Front(world, bmc)
    async with (
        _listening(front.application(), port) as url,
        _listening(front.side_application(side_door.ROUTES), 0) as side_url,
        listening(bmc) as bmc_port,
    ):
        clouds = directory / "clouds.yaml"
        clouds.write_text(clouds_yaml(f"{url}/identity/v3", world.settings), encoding="utf-8")
        clouds.chmod(0o600)
        yield Addresses(
            url, side_url, bmc_port, str(clouds), str(write_agent(directory)), str(write_hands(directory, side_url))
        )


@contextlib.asynccontextmanager
async def _listening(app: web.Application, port: int) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def clouds_yaml(auth_url: str, settings: Settings) -> str:
    """Return a clouds.yaml (JSON is YAML) with one cloud for the administrator and one for medevac."""

    def cloud(user: str) -> dict[str, object]:
        auth = {
            "auth_url": auth_url,
            "username": user,
            "password": settings.password,
            "project_name": ADMIN_PROJECT,
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        common = {"region_name": settings.region, "identity_api_version": "3", "compute_api_version": "2.90"}
        return {"auth": auth, **common}

    return json.dumps({"clouds": {"sandbox": cloud("admin"), "medevac": cloud("medevac")}}, indent=2) + "\n"


class RunningCloud:
    """A simulated cloud that is served from a thread of this process, as a context manager."""

    addresses: Addresses
    site: SiteClient
    """The side door."""

    def __init__(
        self,
        spec: SiteSpec | None = None,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Build *spec*, if there is one; *clock* returns seconds since the epoch."""
        self.world = World(clock, settings)
        with self.world.settled():
            site.build(self.world, spec or SiteSpec(()))
        self.bmc = Bmc(self.world)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-cloud", daemon=True)
        self._directory = Path()

    def __enter__(self) -> Self:
        """Start to serve.  Raises TimeoutError when that takes too long."""
        self._directory = Path(tempfile.mkdtemp(prefix="medevac-cloud-"))
        self._thread.start()
        if not self._ready.wait(_START_SECONDS):
            raise TimeoutError("the simulated cloud did not start to serve in time")
        self.site = SiteClient(self.addresses.side_door)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and remove every trace."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with serving(self.bmc, self._directory) as addresses:
            self.addresses = addresses
            self._ready.set()
            await self._stop.wait()
