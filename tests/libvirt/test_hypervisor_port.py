"""The Hypervisor port on guests that run a kernel: their agents, and what they do when their disk is full."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medevac.workers.hypervisor.libvirt_hypervisor import LibvirtHypervisor
from tests.fixtures.waiting import until
from tests.libvirt import guest
from tests.libvirt.conftest import HOST, Guest
from tests.libvirt.hypervisor import Hypervisor

pytestmark = pytest.mark.timeout(600)
READY = 60.0


def test_an_agent_answers_or_is_silent_and_one_that_is_gone_tells_nothing(
    guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    port, server = LibvirtHypervisor(hypervisor.uri()), guests("asked")
    server.boot(agent=True)
    assert port.ping_guest(HOST, server.uuid, 1.0) is None  # its agent has not started yet
    assert server.serial
    server.serial.type(guest.START_AGENT)
    assert until(lambda: port.ping_guest(HOST, server.uuid, 5.0), READY)
    server.serial.type("kill -STOP $(cat /tmp/agent.pid)")
    assert until(lambda: port.ping_guest(HOST, server.uuid, 1.0) is False, READY)
    server.serial.type("kill -CONT $(cat /tmp/agent.pid)")
    assert until(lambda: port.ping_guest(HOST, server.uuid, 5.0), READY)
    assert port.kill(HOST, server.uuid).action == "killed"


def test_a_guest_that_lost_its_disk_is_paused_and_runs_on_when_there_is_room_again(
    guests: Callable[[str], Guest], hypervisor: Hypervisor
) -> None:
    port, server = LibvirtHypervisor(hypervisor.uri()), guests("full")
    path = hypervisor.small_disk()
    server.boot(disk=guest.DISK.format(path=path))
    before = port.activity(HOST, server.uuid)
    assert server.serial
    server.serial.type("dd if=/dev/zero of=/dev/vda bs=1M count=8; sync")

    def state() -> tuple[str, str]:
        found = port.domain(HOST, server.uuid)
        assert found is not None
        return found.state, found.reason

    assert until(lambda: state() == ("paused", "ioerror"), READY)
    assert port.activity(HOST, server.uuid).cpu_ns > before.cpu_ns
    port.resume(HOST, server.uuid)
    assert until(lambda: state() == ("paused", "ioerror"), READY)  # there is still no room
    hypervisor.make_room(path)
    port.resume(HOST, server.uuid)
    assert until(lambda: state()[0] == "running", READY)
    assert port.activity(HOST, server.uuid).block_requests >= before.block_requests
