"""fence_virsh of Debian, through a real sshd, against a real libvirtd whose guest is the host to be fenced."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator

import pytest

from medevac.core.errors import NoEvidenceError
from medevac.sandbox.cloud.model import machines
from tests.devices import virsh
from tests.devices.conftest import PASSWORD, Dying, Site, free_port, programs
from tests.devices.virsh import GUEST, VirtualHosts
from tests.devices.watching import watched
from tests.fixtures.services import absent
from tests.unit.fencing.climbing import HOST

IMPATIENT = ', login_timeout: "1"'
"""For those who are not let in: so long fence_virsh waits for a prompt that does not come."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualHosts]:
    programs("fence_virsh", "sshd", "ssh", "ssh-keygen", "openssl", "libvirtd", "virsh", "qemu-system-x86_64")
    if os.geteuid():
        absent("namespaces", "only root makes them")
    made = VirtualHosts(tmp_path_factory.mktemp("virsh"), free_port(socket.SOCK_STREAM), PASSWORD)
    try:
        with made:
            yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def running(machine: VirtualHosts) -> None:
    machine.power_on()


def test_a_guest_is_switched_off_and_its_state_read_back_twice_and_nobody_shows_the_password(
    machine: VirtualHosts, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    case = Dying(site(virsh.rung(machine, times=2)))
    with caplog.at_level(logging.DEBUG), watched(PASSWORD) as seen:
        evidence = case.fence()
    assert not machine.is_on()
    assert (evidence.source, evidence.action, evidence.detail) == ("agent:fence_virsh", "off", "Status: OFF")
    assert {"fence_virsh", "ssh"} <= seen.programs
    assert not seen.arguments
    assert PASSWORD not in caplog.text + case.told()


def test_a_guest_that_is_off_already_is_evidence_without_an_order(machine: VirtualHosts, site: Site) -> None:
    machine.virsh("destroy", GUEST)
    assert Dying(site(virsh.rung(machine))).fence().action == "already-off"


def test_a_key_does_as_well_as_a_password(machine: VirtualHosts, site: Site) -> None:
    key = f", identity_file: {machine.folder}/key"
    assert Dying(site(virsh.rung(machine, secret="", options=key))).fence().action == "off"
    assert not machine.is_on()


def test_who_is_not_let_in_knows_nothing_and_orders_nothing(machine: VirtualHosts, site: Site) -> None:
    key = f", identity_file: {machine.folder}/other_key"
    wrong_key = virsh.rung(machine, secret="", options=key + IMPATIENT, more="        name: by-key\n")
    with pytest.raises(NoEvidenceError) as caught:
        Dying(site(_stranger(machine) + wrong_key)).fence()
    assert str(caught.value).count("Unable to connect/login") == 2
    assert "Wr0ng" not in str(caught.value)
    assert machine.is_on()


def test_where_one_is_not_let_in_and_the_other_machine_is_gone_the_third_rung_fences(
    machine: VirtualHosts, site: Site
) -> None:
    gone = virsh.rung(machine, port=free_port(socket.SOCK_STREAM), options=IMPATIENT, more="        name: gone\n")
    case = Dying(site(_stranger(machine) + gone + virsh.rung(machine)))
    assert case.fence().action == "off"
    assert "through fence_virsh" in case.told()
    assert "through stranger" not in case.told(), "nothing is ordered of what does not say how the host is"
    assert "through gone" not in case.told()
    assert not machine.is_on()


def test_a_host_that_libvirt_does_not_know_is_neither_on_nor_off(machine: VirtualHosts, site: Site) -> None:
    with pytest.raises(NoEvidenceError, match="You have to enter existing name/UUID"):
        Dying(site(virsh.rung(machine, plug="not-{host}"))).fence()
    assert machine.is_on()


def test_a_machine_whose_key_nobody_has_accepted_is_not_spoken_to(machine: VirtualHosts, site: Site) -> None:
    known = machine.folder / "known_hosts"
    kept = known.read_text()
    known.write_text("")
    try:
        with pytest.raises(NoEvidenceError, match="Unable to connect/login"):
            Dying(site(virsh.rung(machine, options=IMPATIENT))).fence()
    finally:
        known.write_text(kept)
    assert machine.is_on()


def test_what_it_does_not_understand_it_calls_off_and_the_heartbeat_catches_that(
    machine: VirtualHosts, site: Site
) -> None:
    """Here sudo may not: it is not there.  docs/fencing.md says so, and what to do."""
    sudo = ', use_sudo: "1", sudo_path: /nowhere/sudo'
    assert Dying(site(virsh.rung(machine, options=sudo))).fence().action == "already-off"
    assert machine.is_on()
    case = Dying(site(virsh.rung(machine, options=sudo, more="        confirm_by: heartbeat\n")))
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    with pytest.raises(NoEvidenceError, match="nova-compute there goes on reporting"):
        case.fence()


def _stranger(machine: VirtualHosts) -> str:
    return virsh.rung(machine, secret="DEVICES_WRONG", options=IMPATIENT, more="        name: stranger\n")
