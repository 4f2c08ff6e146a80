"""The connection to libvirt, on a real libvirtd with its test driver: no qemu, real protocol, keep-alive and ends."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.waiting import until
from tests.libvirt.conftest import PATIENT, Ear
from tests.libvirt.hypervisor import Hypervisor

CRASHED = ("server.crashed", "panic")


@pytest.fixture
def ear(ear: Ear, hypervisor: Hypervisor) -> Iterator[Ear]:
    ear.uri = hypervisor.uri("test", "default")
    yield ear
    hypervisor.send(signal.SIGCONT)


def crash(virtualization: Any, ear: Ear, folder: str) -> None:
    """Let the test driver's one server crash, and start it again."""
    connection = virtualization.open(ear.uri)
    domain = connection.lookupByName("test")
    domain.coreDump(folder, virtualization.VIR_DUMP_CRASH)
    domain.create()
    connection.close()


def test_each_crash_of_one_server_is_an_event_of_another_boot(ear: Ear, virtualization: Any) -> None:
    ear.start()
    for count in (1, 2):
        since = time.monotonic()
        crash(virtualization, ear, str(ear.folder / f"core-{count}"))
        ear.tells(*[CRASHED] * count, since=since)
    assert len({event.facts["boot"] for event in ear.events()}) == 2


def test_after_libvirtd_was_killed_events_come_again(ear: Ear, hypervisor: Hypervisor, virtualization: Any) -> None:
    ear.options = PATIENT
    ear.start()
    hypervisor.send(signal.SIGKILL)
    ear.wait_for("lost")
    since = time.monotonic()
    hypervisor.start()
    ear.wait_for("connected to", 2)
    print(f"\n  {time.monotonic() - since:.2f} s from libvirtd's start to the connection")  # noqa: T201 - a measurement
    since = time.monotonic()
    crash(virtualization, ear, str(ear.folder / "core"))
    ear.tells(CRASHED, since=since)


def test_a_frozen_libvirtd_is_noticed_told_and_left_when_it_thaws(
    ear: Ear, hypervisor: Hypervisor, virtualization: Any
) -> None:
    ear.start()
    since = time.monotonic()
    hypervisor.send(signal.SIGSTOP)
    ear.wait_for("keep-alive")
    print(f"\n  {time.monotonic() - since:.2f} s from libvirtd's freeze to its notice")  # noqa: T201 - a measurement
    assert until(ear.events)
    (event,) = ear.events()
    assert (event.kind, event.subject.name) == ("libvirt.down", "compute-1")
    hypervisor.send(signal.SIGCONT)
    ear.wait_for("connected to", 2)
    crash(virtualization, ear, str(ear.folder / "core"))
    assert until(lambda: [kind for kind, _ in ear.kinds()] == ["libvirt.down", "libvirt.up", "server.crashed"])


def test_a_libvirtd_that_is_frozen_from_the_start_is_told_and_waited_for(ear: Ear, hypervisor: Hypervisor) -> None:
    hypervisor.send(signal.SIGSTOP)
    ear.options = ("--down-after", "12", "--canary", "0")
    since = time.monotonic()
    ear.start(connected=None)
    ear.tells(("libvirt.down", "it accepts connections and does not answer"), since=since)
    hypervisor.send(signal.SIGCONT)
    assert until(lambda: [kind for kind, _ in ear.kinds()] == ["libvirt.down", "libvirt.up"])


def test_systemd_hears_that_the_listener_lives_also_while_libvirtd_is_frozen(
    ear: Ear, hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = str(ear.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        ear.start()
        assert systemd.recv(200) == b"READY=1"
        hypervisor.send(signal.SIGSTOP)
        ear.wait_for("keep-alive")
        heard = [systemd.recv(200) for _ in range(30)]  # the first of them had waited
        assert set(heard[-5:]) == {b"WATCHDOG=1\nSTATUS=libvirt is away"}


def test_a_libvirtd_that_stays_away_is_told_once(ear: Ear, hypervisor: Hypervisor) -> None:
    ear.start()
    hypervisor.send(signal.SIGTERM)
    since = time.monotonic()
    assert until(ear.events)
    print(f"\n  {time.monotonic() - since:.2f} s from libvirtd's end to libvirt.down")  # noqa: T201 - a measurement
    hypervisor.start()
    assert until(lambda: [kind for kind, _ in ear.kinds()] == ["libvirt.down", "libvirt.up"])
    assert "Failed to connect" in ear.events()[0].facts["cause"]


def test_two_hundred_servers_that_die_at_once_are_two_hundred_events(
    ear: Ear, hypervisor: Hypervisor, virtualization: Any
) -> None:
    connection = virtualization.open(ear.uri)
    xml = "<domain type='test'><name>many-{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    domains = [connection.createXML(xml.format(number)) for number in range(200)]
    ear.options = ("--canary", "1")
    since = time.monotonic()
    ear.start()
    print(f"\n  {time.monotonic() - since:.2f} s from its start to 201 servers compared")  # noqa: T201 - a measurement
    since = time.monotonic()
    for number, domain in enumerate(domains):
        domain.coreDump(str(ear.folder / f"core-{number}"), virtualization.VIR_DUMP_CRASH)
    connection.close()
    assert until(lambda: len(ear.client.get_children("/events")) >= 200, 60)
    print(f"\n  {time.monotonic() - since:.2f} s for 200 events; {ear.cost()}")  # noqa: T201 - a measurement
    assert len({event.subject.name for event in ear.events()}) == len(ear.events()) == 200
