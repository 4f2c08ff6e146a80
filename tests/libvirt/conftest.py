"""One real libvirtd for all tests, which each finds running; guests and a listener for each test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.core.wire import decode
from tests.fixtures.services import absent
from tests.fixtures.waiting import until
from tests.libvirt import guest
from tests.libvirt.hypervisor import Hypervisor

PROGRAMS = ("libvirtd", "virsh", "qemu-system-x86_64", "unshare", "busybox", "cpio", "dpkg", "apt-get")
HOST = "compute-1"
PATIENT = ("--keepalive", "1", "--down-after", "60", "--canary", "0")
"""For a libvirtd that is only started again, however busy the machine is."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.real_libvirt)


@pytest.fixture(scope="session")
def virtualization() -> Any:
    """Return the module libvirt, or find that something is absent."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing or os.geteuid():
        absent("libvirt", f"no {', '.join(missing)}" if missing else "only root makes namespaces")
    try:
        import libvirt  # noqa: PLC0415 - its absence is told here
    except ModuleNotFoundError:
        absent("libvirt", "no libvirt-python: install medevac[libvirt]")
    libvirt.registerErrorHandler(lambda *_: None, None)
    try:
        guest.build()
    except (subprocess.CalledProcessError, OSError, StopIteration) as error:
        absent("a guest's kernel", str(error))
    return libvirt


@pytest.fixture(scope="session")
def node(virtualization: Any) -> Iterator[Hypervisor]:
    made = Hypervisor()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def hypervisor(node: Hypervisor) -> Hypervisor:
    """Return the one libvirtd, which runs, whatever the test before has done to it."""
    node.mend()
    return node


@dataclass
class Guest:
    """One guest."""

    hypervisor: Hypervisor
    libvirt: Any
    name: str
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    serial: guest.Serial | None = None

    @contextmanager
    def domain(self) -> Iterator[Any]:
        connection = self.libvirt.open(self.hypervisor.uri())
        try:
            yield connection.lookupByName(self.name)
        finally:
            connection.close()

    def boot(self, *, wait: bool = True, disk: str = "", agent: bool = False) -> None:
        path = self.hypervisor.folder / f"{self.name}.serial"
        initrd, disk = (guest.AGENT_INITRD, disk + guest.AGENT) if agent else (guest.INITRD, disk)
        connection = self.libvirt.open(self.hypervisor.uri())
        xml = guest.XML.format(name=self.name, uuid=self.uuid, cache=guest.CACHE, serial=path, disk=disk, initrd=initrd)
        connection.defineXML(xml).create()
        connection.close()
        self.serial = guest.Serial(path)
        assert not wait or until(self.serial.is_ready, 180), "the guest does not boot"

    def kill(self) -> None:
        os.kill(self.hypervisor.qemu(self.name), signal.SIGKILL)

    def remove(self) -> None:
        if self.serial:
            self.serial.close()
        connection = self.libvirt.open(self.hypervisor.uri())
        for domain in connection.listAllDomains():
            if domain.name() == self.name:
                if domain.isActive():
                    domain.destroy()
                domain.undefine()
        connection.close()


@pytest.fixture
def guests(hypervisor: Hypervisor, virtualization: Any) -> Iterator[Callable[[str], Guest]]:
    made: list[Guest] = []

    def make(name: str) -> Guest:
        made.append(Guest(hypervisor, virtualization, name))
        return made[-1]

    yield make
    for each in made:
        each.remove()


@dataclass
class Ear:
    """A listener process, and what it has told."""

    uri: str
    folder: Path
    zookeeper: str
    client: KazooClient
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = ("--keepalive", "1", "--down-after", "6", "--canary", "0")

    def start(self, connected: int | None = 1) -> None:
        """Start the listener, and wait until it has connected that many times (None: do not wait)."""
        command = [sys.executable, "-m", "medevac.triggers.libvirt_command", "--uri", self.uri, "--host", HOST]
        command += ["--zookeeper", self.zookeeper, "--spool", str(self.folder / "spool"), "--verbose"]
        command += ["--state", str(self.folder / "servers.json"), *self.options]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        if connected:
            self.wait_for("connected to", connected)

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def wait_for(self, words: str, times: int = 1, deadline: float = 60.0) -> None:
        assert until(lambda: self.said().count(words) >= times, deadline), f"no {words!r} in:\n{self.said()}"

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def cost(self) -> str:
        """Say what the listener's process has taken until now."""
        assert self.process
        process = psutil.Process(self.process.pid)
        times = process.cpu_times()
        return f"{process.memory_info().rss / 2**20:.0f} MiB, {times.user + times.system:.1f} s of processor time"

    def events(self) -> list[Event]:
        """Return what has arrived in ZooKeeper."""
        names = sorted(self.client.get_children(layout.EVENTS))
        return [decode(Event, self.client.get(layout.event(name))[0]) for name in names]

    def kinds(self) -> list[tuple[str, str]]:
        return [(event.kind.value, event.facts["cause"]) for event in self.events()]

    def spooled(self) -> list[Event]:
        return list(Spool(self.folder / "spool").events())

    def tells(self, *kinds: tuple[str, str], since: float, deadline: float = 60.0) -> None:
        """Wait for exactly these events, and print how long after *since* (monotonic) they came."""
        assert until(lambda: len(self.kinds()) >= len(kinds), deadline), f"{self.kinds()} in:\n{self.said()}"
        print(f"\n  {kinds[-1][0]} ({kinds[-1][1]}): {time.monotonic() - since:.2f} s from cause to event in ZooKeeper")  # noqa: T201 - the measurement is asked for
        assert self.kinds() == list(kinds), self.said()


@pytest.fixture
def ear(hypervisor: Hypervisor, tmp_path: Path, zk_hosts: str, zk: KazooClient) -> Iterator[Ear]:
    made = Ear(hypervisor.uri(), tmp_path, zk_hosts, zk)
    yield made
    made.stop(signal.SIGKILL)
