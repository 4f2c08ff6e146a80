"""Real devices on loopback, and the programs that speak to them; what is not installed is told."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from medevac.flows.ports import Clock, Ports
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.ladders import fencer_of
from medevac.workers.site import read_site
from tests.devices.ceph import Monitor
from tests.devices.ipmi import Bmc
from tests.devices.process import Device
from tests.devices.redfish import Emulator
from tests.fixtures.services import absent
from tests.unit.fencing.climbing import Climbing

PACKAGES = "fence-agents openipmi ipmitool ceph-mon ceph-common openssh-server libvirt-daemon-system qemu-system-x86"
"""Debian packages; sushy-tools is Python's."""
PASSWORD = f"Dev1ces-{os.getpid()}"
"""Of these tests alone: those that look at all processes for it must not meet those of another run (IPMI takes 16)."""
DEPLOYED = Path(__file__).parents[2] / "deploy" / "fencing"
Made = TypeVar("Made", bound=Device)
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "real_ironic" not in item.keywords:
            item.add_marker(pytest.mark.real_devices)


def programs(*names: str) -> None:
    """Find that *names* are installed, or skip."""
    missing = [name for name in names if not shutil.which(name, path=_PATH)]
    if missing:
        absent(", ".join(missing), f"apt-get install --no-install-recommends {PACKAGES}")


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let agents be found where Debian has them, and the password where the site files of these tests say."""
    monkeypatch.setenv("PATH", _PATH)
    monkeypatch.setenv("DEVICES_PASSWORD", PASSWORD)
    monkeypatch.setenv("DEVICES_WRONG", "Wr0ng-But-Secret")


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[Bmc]:
    """Return a real IPMI BMC (OpenIPMI's simulator) of a machine that is on."""
    programs("fence_ipmilan", "ipmitool", "ipmi_sim")
    with Bmc(tmp_path, free_port(socket.SOCK_DGRAM), PASSWORD) as made:
        yield made


class Kept(Generic[Made]):
    """One device for the tests of a module; a test that is run again gets a new one: its first run has changed it."""

    def __init__(self, make: Callable[[], Made]) -> None:
        """Start nothing yet."""
        self._make = make
        self._context = ExitStack()
        self._made: Made | None = None

    def of(self, test: pytest.Item) -> Made:
        """Return the device, which has come up."""
        if getattr(test, "execution_count", 1) > 1:
            self.stop()
        if self._made is None:
            self._made = self._context.enter_context(self._make())
        return self._made

    def stop(self) -> None:
        """End it, if there is one."""
        self._made = None
        self._context.close()


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept[Emulator]]:
    """Return what keeps a real Redfish service (sushy-tools' emulator), over TLS with a certificate of its own."""
    programs("fence_redfish", "openssl")

    def make() -> Emulator:
        try:
            return Emulator(tmp_path_factory.mktemp("redfish"), free_port(socket.SOCK_STREAM), PASSWORD)
        except ModuleNotFoundError as error:
            absent("sushy-tools", f"pip install sushy-tools ({error})")

    kept = Kept(make)
    yield kept
    kept.stop()


@pytest.fixture
def emulator(emulators: Kept[Emulator], request: pytest.FixtureRequest) -> Emulator:
    return emulators.of(request.node)


@pytest.fixture(scope="module")
def monitors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept[Monitor]]:
    """Return what keeps a Ceph cluster of one monitor."""
    programs("ceph", "ceph-mon", "ceph-authtool")
    kept = Kept(lambda: Monitor(tmp_path_factory.mktemp("ceph"), free_port(socket.SOCK_STREAM)))
    yield kept
    kept.stop()


@pytest.fixture
def ceph(monitors: Kept[Monitor], request: pytest.FixtureRequest) -> Monitor:
    return monitors.of(request.node)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


Site = Callable[[str], LadderFencer]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a function that makes the Fencer of a site file with this text below "ladder:"."""

    def made(ladder: str) -> LadderFencer:
        file = tmp_path / "medevac.yaml"
        file.write_text(f"zookeeper: 127.0.0.1:1/medevac\npolicies: .\nfencing:\n  - hosts: '*'\n    ladder:\n{ladder}")
        return fencer_of(read_site(file))

    return made


class Dying(Climbing):
    """A dead host with the ladder of a site file, which is climbed once."""

    def __init__(self, fencer: LadderFencer, clock: Clock | None = None) -> None:
        """Let *clock* pass; none: only waits move it."""
        super().__init__(fencer=fencer)
        self.brief = replace(self.brief, settings=replace(self.brief.settings, fence_timeout=0.5))
        self._clock = clock or self.site.clock

    @property
    def ports(self) -> Ports:
        return replace(super().ports, clock=self._clock)


def deployed(name: str) -> str:
    """Return the path of a program of deploy/fencing, which runs on Debian's own Python."""
    subprocess.run(["/usr/bin/python3", "--version"], check=True, capture_output=True, timeout=30)
    return str(DEPLOYED / name)
