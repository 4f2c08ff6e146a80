"""Servers of the simulated cloud that are moved, rebooted and rebuilt: where they run meanwhile, and what can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from medevac.sandbox.cloud.model import cold_migration, guests, machines
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.world import World
from tests.unit.sandbox.town import Town

Fault = Callable[[World, str], None]


def test_a_live_migration_never_runs_twice_nor_nowhere(town: Town) -> None:
    server = town.server()
    town.cloud.live_migrate(server.id)
    seen = {town.runs_on(server) for _ in _instants(town, 3.0)}
    assert seen == {("h1",), (server.host,)}
    assert server.host != "h1"
    assert town.world.ledger.broken() == ()
    assert server.id not in town.world.guests["h1"]


def test_a_cold_migration_runs_nowhere_for_a_while_and_can_be_reverted(town: Town) -> None:
    server = town.server()
    town.cloud.cold_migrate(server.id)
    assert () in {town.runs_on(server) for _ in _instants(town, 3.0)}
    assert (server.vm_state, server.status) == ("resized", "VERIFY_RESIZE")
    with town.world.settled() as world:
        cold_migration.revert(world, server.id)
    town.passes(1.0)
    assert (server.host, server.vm_state, town.runs_on(server)) == ("h1", "active", ("h1",))
    assert [record.status for record in town.cloud.migrations_of(server.id)] == ["reverted"]


@pytest.mark.parametrize("fault", [machines.kill_compute, machines.cut_network, machines.freeze_libvirt])
def test_a_live_migration_from_a_host_that_does_not_answer_fails_after_a_minute(town: Town, fault: Fault) -> None:
    server = town.server()
    fault(town.world, "h1")
    town.cloud.live_migrate(server.id)
    town.passes(30.0)
    (record,) = town.cloud.migrations_of(server.id)
    assert (record.live, record.destination, server.task_state) == (True, "", "migrating")
    town.passes(60.0)
    (record,) = town.cloud.migrations_of(server.id)
    assert (record.status, server.task_state, town.runs_on(server)) == ("error", None, ("h1",))


def test_a_live_migration_whose_source_dies_half_way_stays_under_way(town: Town) -> None:
    server = town.server()
    town.cloud.live_migrate(server.id)
    town.passes(1.0)
    machines.kill_compute(town.world, "h1")
    town.passes(100.0)
    (record,) = town.cloud.migrations_of(server.id)
    assert (record.status, server.task_state, town.runs_on(server)) == ("running", "migrating", ("h1",))


def test_a_rebuild_that_waited_for_nova_compute_ends_in_error(town: Town) -> None:
    server = town.server()
    machines.kill_compute(town.world, "h1")
    town.cloud.rebuild(server.id)
    machines.start_compute(town.world, "h1")
    town.passes(1.0)
    assert (server.vm_state, server.task_state, server.disks_made) == ("error", "rebuilding", 1)


def test_a_live_migration_without_libvirt_at_its_source_is_rolled_back(town: Town) -> None:
    server = town.server()
    machines.stop_libvirt(town.world, "h1")
    town.cloud.live_migrate(server.id)
    town.passes(30.0)
    assert [record.status for record in town.cloud.migrations_of(server.id)] == ["error"]
    assert (server.vm_state, server.task_state, town.runs_on(server)) == ("active", None, ("h1",))


def test_a_live_migration_from_a_host_that_is_down_is_an_error(town: Town) -> None:
    server = town.server()
    town.lose()
    town.cloud.live_migrate(server.id)
    town.passes(30.0)
    assert [record.status for record in town.cloud.migrations_of(server.id)] == ["error"]


@pytest.mark.parametrize(
    ("action", "call"),
    [("live-migration", "live_migrate"), ("migration", "cold_migrate"), ("reboot", "reboot"), ("rebuild", "rebuild")],
)
def test_an_order_can_be_accepted_and_forgotten(town: Town, action: str, call: str) -> None:
    server = town.server()
    town.world.mishaps.lose_actions[action] = 1
    getattr(town.cloud, call)(server.id)
    town.passes(300.0)
    assert server.task_state is not None
    town.cloud.reset_state(server.id, "active")
    getattr(town.cloud, call)(server.id)
    town.passes(300.0)
    assert server.task_state is None


def test_a_live_migration_that_fails_leaves_the_guest_where_it_was(town: Town) -> None:
    server = town.server()
    town.world.mishaps.fail_actions["live-migration"] = 1
    town.cloud.live_migrate(server.id)
    town.passes(10.0)
    assert [record.status for record in town.cloud.migrations_of(server.id)] == ["failed"]
    assert (server.host, server.vm_state, town.runs_on(server)) == ("h1", "active", ("h1",))


def test_what_was_ordered_while_nova_compute_was_away_is_done_when_it_is_back(town: Town) -> None:
    server = town.server()
    machines.kill_compute(town.world, "h1")
    town.cloud.reboot(server.id)
    town.passes(100.0)
    assert (server.status, len(_runs(town, server))) == ("HARD_REBOOT", 1)
    machines.start_compute(town.world, "h1")
    town.passes(1.0)
    assert (server.status, len(_runs(town, server))) == ("ACTIVE", 2)


def test_a_reboot_without_libvirt_ends_in_error_with_the_guest_as_it_was(town: Town) -> None:
    server = town.server()
    machines.stop_libvirt(town.world, "h1")
    town.cloud.reboot(server.id)
    town.passes(1.0)
    found = town.cloud.server(server.id)
    assert found is not None
    assert (found.vm_state, found.task_state) == ("error", "")
    assert "hypervisor is broken" in found.fault
    assert town.runs_on(server) == ("h1",)


def test_a_reboot_waits_for_a_libvirt_that_hangs_and_fails_when_that_is_restarted(town: Town) -> None:
    server = town.server()
    machines.freeze_libvirt(town.world, "h1")
    town.cloud.reboot(server.id)
    town.passes(100.0)
    assert (server.vm_state, server.task_state) == ("active", "rebooting_hard")
    town.services.restart("h1", "libvirt")
    town.passes(5.0)
    assert (server.vm_state, server.task_state, len(_runs(town, server))) == ("error", None, 1)


def test_a_reboot_waits_for_a_libvirt_that_hangs_and_is_done_when_that_thaws(town: Town) -> None:
    server = town.server()
    machines.freeze_libvirt(town.world, "h1")
    town.cloud.reboot(server.id)
    town.passes(100.0)
    machines.start_libvirt(town.world, "h1")
    assert (server.vm_state, server.task_state, len(_runs(town, server))) == ("active", None, 2)


def test_a_reboot_wakes_a_guest_that_hangs(town: Town) -> None:
    server = town.server()
    guests.hang(town.world, server.id)
    town.cloud.reboot(server.id)
    town.passes(1.0)
    assert town.hypervisor.ping_guest("h1", server.id, 1.0) is True


def test_a_rebuild_makes_a_new_disk(town: Town) -> None:
    server = town.server()
    town.cloud.rebuild(server.id)
    town.passes(1.0)
    assert (server.disks_made, server.vm_state, town.runs_on(server)) == (2, "active", ("h1",))


def test_a_service_runs_again_a_while_after_the_clusters_order(town: Town) -> None:
    machines.kill_compute(town.world, "h1")
    assert town.services.state("h1", "nova-compute") is False
    town.services.restart("h1", "nova-compute")
    town.passes(2.0)
    assert town.services.state("h1", "nova-compute") is True


def test_a_restart_can_come_to_nothing(town: Town) -> None:
    machines.freeze_libvirt(town.world, "h1")
    town.world.mishaps.fail_restarts["h1"] = 1
    town.services.restart("h1", "libvirt")
    town.passes(5.0)
    assert town.services.state("h1", "libvirt") is False
    town.services.restart("h1", "libvirt")
    town.passes(5.0)
    assert town.services.state("h1", "libvirt") is True
    assert town.services.restarts == [("h1", "libvirt"), ("h1", "libvirt")]


def _instants(town: Town, seconds: float) -> Iterator[None]:
    for _ in range(50):
        yield town.passes(seconds / 50)


def _runs(town: Town, server: Server) -> list[str]:
    return [run.host for run in town.world.ledger.runs if run.server_id == server.id]
