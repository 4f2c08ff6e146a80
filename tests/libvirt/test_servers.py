"""Servers that fail, and servers that only look so, on a real libvirtd with real qemu guests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.fixtures.waiting import until
from tests.libvirt import guest
from tests.libvirt.conftest import PATIENT, Ear, Guest
from tests.libvirt.hypervisor import Hypervisor

CRASHED = ("server.crashed", "qemu")


def test_two_killed_servers_are_two_events_and_a_destroyed_one_is_none(
    ear: Ear, guests: Callable[[str], Guest]
) -> None:
    killed, too, destroyed = guests("killed"), guests("killed-too"), guests("destroyed")
    for each in (killed, too, destroyed):
        each.boot(wait=False)
    ear.start()
    since = time.monotonic()
    killed.kill()
    too.kill()
    with destroyed.domain() as domain:
        domain.destroy()
    ear.wait_for("STOPPED/DESTROYED")
    ear.tells(CRASHED, CRASHED, since=since)
    assert {event.subject.name for event in ear.events()} == {killed.uuid, too.uuid}


def test_what_guests_do_inside_is_told_apart(ear: Ear, guests: Callable[[str], Guest]) -> None:
    ear.start()
    shut, panicked, hung = guests("shut-down"), guests("panicked"), guests("hung")
    for each in (shut, panicked, hung):
        each.boot(wait=False)
    for each in (shut, panicked, hung):
        assert each.serial
        assert until(each.serial.is_ready, 100)
    shut.serial.type("poweroff -f")
    ear.wait_for("STOPPED/SHUTDOWN")
    assert ear.events() == []
    since = time.monotonic()
    panicked.serial.type("echo c > /proc/sysrq-trigger")
    ear.tells(("server.crashed", "panic"), since=since)
    since = time.monotonic()
    hung.serial.type("exec 9>/dev/watchdog; echo x >&9")
    ear.tells(("server.crashed", "panic"), ("server.hung", "watchdog"), since=since, deadline=40)


def test_a_restart_of_libvirtd_is_no_failure_and_what_died_meanwhile_is_found(
    ear: Ear, guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    ear.options = PATIENT
    survivor, victim = guests("survivor"), guests("victim")
    survivor.boot(wait=False)
    victim.boot(wait=False)
    ear.start()
    hypervisor.send(signal.SIGTERM)
    hypervisor.start()
    ear.wait_for("connected to", 2)
    assert ear.events() == []

    hypervisor.send(signal.SIGKILL)
    victim.kill()
    since = time.monotonic()
    hypervisor.start()
    ear.tells(CRASHED, since=since)
    (event,) = ear.events()
    assert (event.subject.name, event.facts["state"]) == (victim.uuid, "SHUTOFF/CRASHED")


def test_what_died_while_the_listener_was_away_is_found_once(ear: Ear, guests: Callable[[str], Guest]) -> None:
    victim = guests("unheard")
    victim.boot(wait=False)
    ear.start()
    ear.stop(signal.SIGKILL)
    victim.kill()
    with victim.domain() as domain:
        assert until(lambda: not domain.isActive())
    since = time.monotonic()
    ear.start()
    ear.tells(CRASHED, since=since)
    ear.stop()
    ear.start()
    assert ear.kinds() == [CRASHED]


def test_a_crash_that_libvirtd_forgot_is_left_to_nova(
    ear: Ear, guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    victim = guests("forgotten")
    victim.boot(wait=False)
    ear.start()
    ear.stop(signal.SIGKILL)
    victim.kill()
    with victim.domain() as domain:
        assert until(lambda: not domain.isActive())
    hypervisor.send(signal.SIGKILL)
    hypervisor.start()
    since = time.monotonic()
    ear.start()
    ear.tells(("server.stopped", "forgotten"), since=since)


def test_a_qemu_that_a_signal_ended_is_left_to_nova(
    ear: Ear, guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    victim = guests("signalled")
    victim.boot(wait=False)
    ear.start()
    since = time.monotonic()
    os.kill(hypervisor.qemu(victim.name), signal.SIGTERM)
    ear.tells(("server.stopped", "signal"), since=since)


def test_a_full_disk_under_a_server_is_told_once_with_its_reason(
    ear: Ear, guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    server = guests("full")
    server.boot(disk=guest.DISK.format(path=hypervisor.small_disk()))
    ear.start()
    assert server.serial
    since = time.monotonic()
    server.serial.type("dd if=/dev/zero of=/dev/vda bs=65536 count=256; sync")
    ear.tells(("server.io-error", "disk"), since=since)
    facts = ear.events()[0].facts
    assert (facts["paused"], facts["reason"]) == ("yes", "enospc")
    ear.stop()
    ear.start()
    ear.wait_for("was told already")
    assert len(ear.events()) == 1


def test_a_frozen_qemu_is_told_although_libvirt_says_that_it_runs(
    ear: Ear, guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    frozen, well = guests("frozen"), guests("well")
    frozen.boot(wait=False)
    well.boot(wait=False)
    ear.options = (*ear.options[:-2], "--canary", "1", "--frozen-after", "5")
    ear.start()
    process = hypervisor.qemu(frozen.name)
    since = time.monotonic()
    os.kill(process, signal.SIGSTOP)
    try:
        ear.tells(("server.hung", "qemu"), since=since)
        assert ear.events()[0].subject.name == frozen.uuid
    finally:
        os.kill(process, signal.SIGCONT)
    ear.wait_for("its qemu answers again")


def test_nothing_is_lost_while_zookeeper_is_away(ear: Ear, guests: Callable[[str], Guest]) -> None:
    victim = guests("unposted")
    victim.boot(wait=False)
    site, ear.zookeeper = ear.zookeeper, "127.0.0.1:1/nowhere"
    ear.start()
    since = time.monotonic()
    victim.kill()
    assert until(lambda: len(ear.spooled()) == 1)
    ear.stop()
    ear.zookeeper = site
    ear.start()
    ear.tells(CRASHED, since=since)
    assert until(lambda: not ear.spooled())
