"""The stages of the Hypervisor port's contract: the fake, a program at the simulated cloud, and libvirt with qemu."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from medevac.flows.ports import Hypervisor
from medevac.sandbox.cloud.model import guests, machines
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec, build_server
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fakes import FakeSite
from medevac.workers.hypervisor.libvirt_hypervisor import LibvirtHypervisor
from medevac.workers.hypervisor.program_hypervisor import ProgramHypervisor
from tests.contract.hypervisor.stage import HOST, Stage
from tests.fixtures.services import absent
from tests.fixtures.waiting import until
from tests.libvirt.hypervisor import Hypervisor as Libvirtd

SITE = SiteSpec((HostSpec(HOST), HostSpec("compute-2")))
PROGRAMS = ("libvirtd", "virsh", "qemu-system-x86_64", "unshare")
BARE = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os><on_crash>destroy</on_crash>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<memballoon model='none'/></devices></domain>"""
"""A guest that runs its firmware and finds nothing to boot."""


class WorldStage:
    """Implements Stage on a world."""

    def __init__(self, world: World, hypervisor: Hypervisor, wait: Callable[[float], None]) -> None:
        self.hypervisor = hypervisor
        self._world = world
        self._wait = wait

    def boot(self, *, paused: bool = False, autostart: bool = False) -> str:
        with self._world.settled() as world:
            server = build_server(world, ServerSpec("contract", HOST, vm_state="paused" if paused else "active"))
            guest = guests.running(world, server.id)
            guest.has_agent, guest.autostart = False, autostart
            return server.id

    def end(self, server_id: str) -> None:
        guests.crash(self._world, server_id)

    def freeze(self, server_id: str) -> None:
        guests.hang(self._world, server_id)

    def runs(self, server_id: str) -> bool:
        return HOST in self._world.ledger.hosts_of(server_id)

    def let_work(self) -> None:
        self._wait(0.2)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        machines.freeze_libvirt(self._world, HOST)
        yield
        machines.start_libvirt(self._world, HOST)


class QemuStage:
    """Implements Stage on a libvirtd of its own."""

    def __init__(self, libvirtd: Libvirtd, libvirt: Any) -> None:
        self.hypervisor = LibvirtHypervisor(libvirtd.uri(), read_limit=4.0, kill_limit=30.0)
        self._impatient = LibvirtHypervisor(libvirtd.uri(), read_limit=1.0, kill_limit=1.0)
        self._libvirtd = libvirtd
        self._connection = libvirt.open(libvirtd.uri())

    def boot(self, *, paused: bool = False, autostart: bool = False) -> str:
        server_id = str(uuid.uuid4())
        domain = self._connection.defineXML(BARE.format(name=f"instance-{server_id}", uuid=server_id))
        domain.setAutostart(int(autostart))
        domain.create()
        if paused:
            domain.suspend()
        return server_id

    def end(self, server_id: str) -> None:
        os.kill(self._libvirtd.qemu(f"instance-{server_id}"), signal.SIGKILL)
        assert until(lambda: not self._connection.lookupByUUIDString(server_id).isActive())

    def freeze(self, server_id: str) -> None:
        os.kill(self._libvirtd.qemu(f"instance-{server_id}"), signal.SIGSTOP)

    def runs(self, server_id: str) -> bool:
        return (self._libvirtd.folder / "run" / "qemu" / f"instance-{server_id}.pid").exists()

    def let_work(self) -> None:
        """Wait until any guest's processor has worked for a moment."""
        before = self._cpu_ns()
        assert until(lambda: self._cpu_ns() > before + 1_000_000)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        gc.collect()  # handles that earlier tests left would be closed while libvirtd is silent, and block for ever
        self._libvirtd.send(signal.SIGSTOP)
        patient, self.hypervisor = self.hypervisor, self._impatient
        try:
            yield
        finally:
            self.hypervisor = patient
            self._libvirtd.send(signal.SIGCONT)
        assert until(lambda: not [t for t in threading.enumerate() if t.name == f"hypervisor-{HOST}"], 30.0)

    def _cpu_ns(self) -> int:
        return sum(domain.info()[4] for domain in self._connection.listAllDomains())

    def close(self) -> None:
        """Remove every guest."""
        for domain in self._connection.listAllDomains():
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        self._connection.close()


@pytest.fixture(scope="module")
def libvirtd() -> Iterator[tuple[Libvirtd, Any]]:
    """Return a libvirtd in namespaces of its own, and the module libvirt."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing or os.geteuid():
        absent("libvirt", f"no {', '.join(missing)}" if missing else "only root makes namespaces")
    libvirt = pytest.importorskip("libvirt", reason="no libvirt-python: install medevac[libvirt]")
    made = Libvirtd()
    try:
        made.start()
        yield made, libvirt
    finally:
        made.close()


@contextmanager
def _fake(_request: pytest.FixtureRequest) -> Iterator[Stage]:
    site = FakeSite(SITE)
    yield WorldStage(site.world, site.hypervisor, site.clock.wait)


@contextmanager
def _simulated(_request: pytest.FixtureRequest) -> Iterator[Stage]:
    with RunningCloud(SITE) as cloud:
        port = ProgramHypervisor(cloud.addresses.hands, read_limit=30.0, kill_limit=30.0)
        yield WorldStage(cloud.world, port, time.sleep)  # its clock is the machine's


@contextmanager
def _qemu(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = QemuStage(*request.getfixturevalue("libvirtd"))
    try:
        yield stage
    finally:
        stage.close()


STAGES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Stage]]] = {
    "fake": _fake,
    "simulated": _simulated,
    "qemu": _qemu,
}


@pytest.fixture(params=["fake", "simulated", pytest.param("qemu", marks=pytest.mark.real_libvirt)])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return a host without guests."""
    with STAGES[request.param](request) as stage:
        yield stage
