"""Guests of the simulated cloud fail by themselves, and Nova finds out as a real one does."""

from __future__ import annotations

import pytest

from medevac.core.errors import HypervisorUnavailableError
from medevac.sandbox.cloud.model import control, evacuation, guests, machines
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.mishaps import ANY
from tests.unit.sandbox.town import Town


def test_a_crashed_guest_runs_nowhere_and_nova_believes_it_after_a_while(town: Town) -> None:
    server = town.server()
    guests.crash(town.world, server.id)
    assert town.runs_on(server) == ()
    assert town.hypervisor.domains("h1")[server.id].reason == "crashed"
    town.passes(14.0)
    assert server.vm_state == "active"
    town.passes(2.0)
    assert (server.vm_state, server.power_state) == ("stopped", 4)


@pytest.mark.parametrize("fault", [machines.kill_compute, machines.stop_libvirt, machines.freeze_libvirt])
def test_nova_does_not_hear_of_a_crash_without_its_service_or_libvirt(town: Town, fault: object) -> None:
    server = town.server()
    fault(town.world, "h1")  # type: ignore[operator] # one of three functions
    guests.crash(town.world, server.id)
    town.passes(100.0)
    assert server.vm_state == "active"


def test_a_server_that_was_restarted_at_once_is_not_stopped_by_nova(town: Town) -> None:
    server = town.server()
    guests.crash(town.world, server.id)
    town.cloud.reboot(server.id)
    town.passes(100.0)
    assert (server.vm_state, town.runs_on(server)) == ("active", ("h1",))


def test_a_guest_that_hangs_does_no_work_and_its_agent_is_silent(town: Town) -> None:
    server = town.server()
    town.passes(5.0)
    busy = town.hypervisor.activity("h1", server.id)
    assert busy.block_requests > 0
    assert town.hypervisor.ping_guest("h1", server.id, 1.0) is True
    guests.hang(town.world, server.id)
    town.passes(5.0)
    assert town.hypervisor.activity("h1", server.id) == busy
    assert town.hypervisor.ping_guest("h1", server.id, 1.0) is False
    domain = town.hypervisor.domain("h1", server.id)
    assert domain is not None
    assert domain.state == "running"


def test_a_guest_without_an_agent_is_not_called_silent(town: Town) -> None:
    server = town.server()
    guests.take_agent(town.world, server.id)
    guests.hang(town.world, server.id, busy=True)
    before = town.hypervisor.activity("h1", server.id)
    town.passes(5.0)
    assert town.hypervisor.ping_guest("h1", server.id, 1.0) is None
    assert town.hypervisor.activity("h1", server.id) != before


def test_guests_are_paused_with_their_hosts_storage_and_run_on_only_when_it_is_back(town: Town) -> None:
    server, elsewhere = town.server(), town.server("h2")
    machines.break_storage(town.world, "h1")
    domain = town.hypervisor.domain("h1", server.id)
    assert domain is not None
    assert (domain.state, domain.reason) == ("paused", "ioerror")
    assert (server.vm_state, server.power_state, elsewhere.power_state) == ("active", 3, 1)
    town.hypervisor.resume("h1", server.id)
    assert server.power_state == 3
    machines.mend_storage(town.world, "h1")
    town.hypervisor.resume("h1", server.id)
    assert (server.power_state, town.runs_on(server)) == (1, ("h1",))


def test_a_killed_guest_has_ended_in_the_ledger_and_does_not_start_with_its_host(town: Town) -> None:
    server = town.server()
    guests.let_autostart(town.world, server.id)
    proof = town.hypervisor.kill("h1", server.id)
    assert (proof.host, proof.server_id, proof.action) == ("h1", server.id, "killed")
    assert town.world.ledger.runs[-1].why_ended == guests.KILLED
    _cycle(town, "h1")
    assert town.runs_on(server) == ()


def test_what_starts_by_itself_runs_twice_after_its_evacuation(town: Town) -> None:
    server = town.server()
    guests.let_autostart(town.world, server.id)
    town.lose()
    town.evacuate(server)
    town.passes(20.0)
    machines.power_on(town.world, "h1")
    town.passes(5.0)
    assert any("still runs on" in sentence for sentence in town.world.ledger.broken())


def test_killing_again_proves_it_again(town: Town) -> None:
    server = town.server()
    town.hypervisor.kill("h1", server.id)
    assert town.hypervisor.kill("h1", server.id).action == "already-off"
    assert town.hypervisor.kill("h2", server.id).action == "absent"


@pytest.mark.parametrize(
    "fault",
    [machines.power_off, machines.cut_network, machines.stop_libvirt, machines.freeze_libvirt],
)
def test_a_hypervisor_that_cannot_be_asked_is_no_proof(town: Town, fault: object) -> None:
    server = town.server()
    fault(town.world, "h1")  # type: ignore[operator] # one of four functions
    with pytest.raises(HypervisorUnavailableError):
        town.hypervisor.kill("h1", server.id)
    with pytest.raises(HypervisorUnavailableError):
        town.hypervisor.domain("h1", server.id)


def test_a_guest_that_cannot_be_destroyed_runs_on(town: Town) -> None:
    server = town.server()
    town.world.mishaps.fail_kills["h1"] = ANY
    with pytest.raises(HypervisorUnavailableError, match="busy"):
        town.hypervisor.kill("h1", server.id)
    assert town.runs_on(server) == ("h1",)


def test_evacuating_a_killed_server_from_a_host_that_lives_breaks_no_rule(town: Town) -> None:
    killed, alive = town.server(), town.server()
    town.hypervisor.kill("h1", killed.id)
    town.world.hosts["h1"].forced_down = True
    town.evacuate(killed)
    assert town.world.ledger.broken() == ()
    town.evacuate(alive)
    assert any("still had power" in sentence for sentence in town.world.ledger.broken())


def test_a_returning_host_undefines_what_was_evacuated_from_it(town: Town) -> None:
    server, stays = town.server(), town.server()
    town.lose()
    town.evacuate(server)
    town.passes(20.0)
    machines.power_on(town.world, "h1")
    assert server.id in town.world.guests["h1"]
    town.passes(5.0)
    assert set(town.hypervisor.domains("h1")) == {stays.id}
    assert town.hypervisor.domains("h1")[stays.id].state == "off"


def test_nova_compute_disables_its_host_while_libvirt_is_away(town: Town) -> None:
    town.server()
    machines.stop_libvirt(town.world, "h1")
    found = town.cloud.host_service("h1")
    assert found is not None
    assert (found.state, found.enabled, found.disabled_reason) == (
        "up",
        False,
        "AUTO: Connection to libvirt lost: 1",
    )
    machines.start_libvirt(town.world, "h1")
    assert not town.world.hosts["h1"].disabled


def test_an_operators_mark_survives_the_return_of_libvirt(town: Town) -> None:
    host = town.world.hosts["h1"]
    host.disabled, host.disabled_reason = True, "new disks on Monday"
    machines.stop_libvirt(town.world, "h1")
    machines.start_libvirt(town.world, "h1")
    assert (host.disabled, host.disabled_reason) == (True, "new disks on Monday")


def test_without_a_conductor_every_service_grows_stale_at_once(town: Town) -> None:
    control.take_down(town.world, control.CONDUCTOR)
    town.passes(80.0)
    assert [service.state for service in town.cloud.compute_services()] == ["down"] * 3
    control.bring_up(town.world, control.CONDUCTOR)
    assert [service.state for service in town.cloud.compute_services()] == ["up"] * 3


def test_an_evacuation_waits_for_the_conductor(town: Town) -> None:
    server = town.server()
    town.lose()
    control.take_down(town.world, control.CONDUCTOR)
    with town.world.settled() as world:
        record = evacuation.evacuate(world, server.id, EvacuationRequest())
    town.passes(30.0)
    assert record.status == "accepted"
    control.bring_up(town.world, control.CONDUCTOR)
    for host in ("h2", "h3"):
        machines.start_compute(town.world, host)
    town.passes(30.0)
    assert record.status == "done"


def test_without_a_scheduler_there_is_no_valid_host(town: Town) -> None:
    server = town.server()
    control.take_down(town.world, control.SCHEDULER)
    town.cloud.live_migrate(server.id)
    town.passes(100.0)
    assert [record.status for record in town.cloud.migrations_of(server.id)] == ["error"]
    assert (server.vm_state, server.task_state) == ("active", None)


def _cycle(town: Town, host: str) -> None:
    machines.power_off(town.world, host)
    machines.power_on(town.world, host)
    town.passes(5.0)
