"""Live migrations between two real libvirtd: neither their success nor their failure is a failure of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.fixtures.waiting import until
from tests.libvirt.conftest import Ear, Guest
from tests.libvirt.hypervisor import Hypervisor


@pytest.fixture(scope="module")
def destination(node: Hypervisor) -> Iterator[Hypervisor]:
    made = Hypervisor(node)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def far_ear(destination: Hypervisor, tmp_path: Path, zk_hosts: str, zk: KazooClient) -> Iterator[Ear]:
    folder = tmp_path / "far"
    folder.mkdir()
    made = Ear(destination.uri(), folder, zk_hosts, zk)
    made.start()
    yield made
    made.stop()


def migrate(server: Guest, destination: Hypervisor, flags: int) -> str:
    """Migrate live, and return libvirt's error, or nothing."""
    libvirt = server.libvirt
    far = libvirt.open(destination.uri())
    try:
        with server.domain() as domain:
            xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE).replace(".serial", ".far-serial")
            where = f"unix://{destination.folder}/migration-{time.monotonic_ns()}.sock"
            domain.migrate3(far, {"migrate_uri": where, "destination_xml": xml}, libvirt.VIR_MIGRATE_LIVE | flags)
    except libvirt.libvirtError as error:
        return str(error)
    finally:
        far.close()
    return ""


def test_an_aborted_migration_is_no_crash_at_either_end_and_a_death_there_later_is(
    ear: Ear, far_ear: Ear, guests: Callable[[str], Guest], destination: Hypervisor, virtualization: Any
) -> None:
    ear.start()
    server = guests("traveller")
    server.boot()
    errors: list[str] = []
    with server.domain() as domain:
        domain.migrateSetMaxSpeed(1)
        journey = threading.Thread(target=lambda: errors.append(migrate(server, destination, 0)))
        journey.start()
        far_ear.wait_for("it was started")
        with server.domain() as again:
            again.abortJob()
        journey.join(60)
        assert errors
        assert "cancel" in errors[0]
        far_ear.wait_for("a live migration to this host failed")
        assert ear.events() == []
        domain.migrateSetMaxSpeed(1000)

    away = virtualization.VIR_MIGRATE_PERSIST_DEST
    assert migrate(server, destination, away) == ""
    ear.wait_for("STOPPED/MIGRATED")
    far_ear.wait_for("RESUMED/1: it runs")
    assert ear.events() == []

    far = Guest(destination, virtualization, server.name)
    assert until(lambda: destination.qemu(far.name))
    since = time.monotonic()
    far.kill()
    far_ear.tells(("server.crashed", "qemu"), since=since)
    far.remove()
