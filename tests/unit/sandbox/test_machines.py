"""Power, network and nova-compute of hosts, and what the ledger makes of them."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from medevac.sandbox.cloud.model import actions, machines, services, verdict
from medevac.sandbox.cloud.model.errors import Refusal
from medevac.sandbox.cloud.model.services import ServiceUpdate
from medevac.sandbox.cloud.model.site import HostSpec
from tests.unit.sandbox.town import Town


def update(town: Town, host: str, change: ServiceUpdate) -> float:
    with town.world.settled() as world:
        return services.update(world, world.hosts[host], change)


def refused(town: Town, change: ServiceUpdate) -> str:
    with pytest.raises(Refusal) as caught:
        update(town, "h1", change)
    assert caught.value.status == HTTPStatus.BAD_REQUEST
    return caught.value.message


def test_power_loss_ends_every_guest_and_nova_does_not_notice(town: Town) -> None:
    server = town.server()
    machines.power_off(town.world, "h1")
    assert (town.runs_on(server), server.vm_state, server.power_state) == ((), "active", 1)


def test_guests_run_on_without_network_and_without_nova_compute(town: Town) -> None:
    one, other = town.server("h1"), town.server("h2")
    machines.cut_network(town.world, "h1")
    machines.kill_compute(town.world, "h2")
    town.passes(70.0)
    assert (town.runs_on(one), town.runs_on(other)) == (("h1",), ("h2",))
    assert not services.is_up(town.world, town.world.hosts["h1"])
    assert not services.is_up(town.world, town.world.hosts["h2"])


def test_an_evacuation_from_a_host_that_was_not_fenced_shows_as_two_copies(town: Town) -> None:
    server = town.server()
    machines.cut_network(town.world, "h1")
    town.world.hosts["h1"].forced_down = True
    town.evacuate(server)
    town.passes(10.0)
    early, double = verdict.violations(town.world)
    assert "was accepted while its host h1 still had power" in early
    assert "while it still runs on h1" in double
    assert len(town.runs_on(server)) == 2


def test_a_returning_host_destroys_what_was_evacuated_and_completes_the_records(town: Town) -> None:
    moved, pending = town.server(), town.server()
    machines.kill_compute(town.world, "h1")
    town.world.hosts["h1"].forced_down = True
    records = [town.evacuate(moved)]
    town.passes(10.0)
    town.world.mishaps.lose_evacuations = 1
    records.append(town.evacuate(pending))
    machines.start_compute(town.world, "h1")
    assert town.runs_on(moved) == (moved.host,)
    assert town.runs_on(pending) == ()
    assert [record.status for record in records] == ["completed", "completed"]
    assert (pending.vm_state, pending.task_state) == ("error", None)


def test_a_host_that_returns_without_its_network_cleans_up_when_it_has_it_again(town: Town) -> None:
    server = town.server()
    machines.cut_network(town.world, "h1")
    town.lose()
    record = town.evacuate(server)
    town.passes(10.0)
    machines.power_on(town.world, "h1")
    town.passes(2.0)
    assert record.status == "done"

    machines.mend_network(town.world, "h1")

    assert record.status == "completed"


def test_a_returning_host_keeps_what_failed_to_be_evacuated(town: Town) -> None:
    server = town.server()
    town.lose()
    town.world.mishaps.refuse_claims = {"h2": 1, "h3": 1}
    record = town.evacuate(server)
    town.passes(10.0)
    machines.power_on(town.world, "h1")
    town.passes(2.0)
    assert (record.status, server.host, server.vm_state) == ("failed", "h1", "active")


def test_a_host_that_comes_back_starts_no_guest_and_nova_finds_them_stopped(town: Town) -> None:
    server = town.server()
    machines.power_off(town.world, "h1")
    machines.power_on(town.world, "h1")
    town.passes(2.0)
    assert (town.runs_on(server), server.vm_state, server.power_state) == ((), "active", 4)
    town.passes(600.0)
    assert server.vm_state == "stopped"


def test_a_host_boots_before_its_nova_compute_beats_again(town: Town) -> None:
    machines.power_off(town.world, "h1")
    town.passes(100.0)
    machines.power_on(town.world, "h1")
    assert not services.is_up(town.world, town.world.hosts["h1"])
    town.passes(2.0)
    assert services.is_up(town.world, town.world.hosts["h1"])


def test_force_down_cannot_be_lifted_while_a_record_is_done(town: Town) -> None:
    server = town.server()
    town.lose()
    town.evacuate(server)
    town.passes(5.0)
    update(town, "h1", ServiceUpdate(forced_down=False))
    town.world.hosts["h1"].forced_down = True
    town.passes(5.0)
    assert "`done` evacuation migration records remain" in refused(town, ServiceUpdate(forced_down=False))
    machines.power_on(town.world, "h1")
    town.passes(2.0)
    update(town, "h1", ServiceUpdate("enabled", forced_down=False))
    assert services.is_up(town.world, town.world.hosts["h1"])


def test_a_refused_update_changes_nothing(town: Town) -> None:
    server = town.server()
    town.lose()
    town.evacuate(server)
    town.passes(10.0)
    refused(town, ServiceUpdate("enabled", forced_down=False))
    host = town.world.hosts["h1"]
    assert (host.disabled, host.forced_down, host.disabled_reason) == (True, True, "lost")


def test_enabling_with_a_reason_and_asking_for_nothing_are_refused(town: Town) -> None:
    assert "is invalid" in refused(town, ServiceUpdate("enabled", "why"))
    assert "No updates were requested" in refused(town, ServiceUpdate())


def test_force_down_makes_a_service_down_at_once_and_enabling_forgets_the_reason(town: Town) -> None:
    update(town, "h1", ServiceUpdate("disabled", "tests", forced_down=True))
    host = town.world.hosts["h1"]
    assert (services.is_up(town.world, host), host.disabled_reason) == (False, "tests")
    update(town, "h1", ServiceUpdate("enabled"))
    assert (host.disabled_reason, host.forced_down) == (None, True)


def test_disabling_a_dead_host_that_counts_as_up_hangs_and_forcing_it_down_with_it_does_not(town: Town) -> None:
    machines.power_off(town.world, "h1")
    machines.power_off(town.world, "h2")
    assert update(town, "h1", ServiceUpdate("disabled")) == 60.0
    assert update(town, "h2", ServiceUpdate("disabled", forced_down=True)) == 0.0


def test_a_server_of_which_no_copy_runs_is_reported_as_lost(town: Town) -> None:
    server, well = town.server("h1"), town.server("h2")
    stopped = town.server("h1", vm_state="stopped")
    machines.power_off(town.world, "h1")
    assert verdict.expected_to_run(town.world) == (server.id, well.id)
    assert stopped.id not in verdict.expected_to_run(town.world)
    assert verdict.check_all_running(town.world) == (f"server {server.id} should run and runs nowhere",)


def test_a_stopped_server_that_runs_in_the_end_is_a_violation_and_one_that_was_shut_off_again_is_not(
    town: Town,
) -> None:
    server = town.server(vm_state="stopped")
    town.lose()
    actions.reset_state(town.world, server.id, "error")
    town.evacuate(server)
    town.passes(10.0)
    assert "which its owner had stopped" in verdict.violations(town.world)[0]
    actions.stop(town.world, server.id)
    town.passes(0.0)
    assert verdict.violations(town.world) == ()


def test_what_its_owner_stops_is_not_expected_to_run(town: Town) -> None:
    theirs, ours = town.server(), town.server()
    actions.stop(town.world, theirs.id, by_owner=True)
    actions.stop(town.world, ours.id)
    town.passes(0.0)
    assert verdict.expected_to_run(town.world) == (ours.id,)


def test_a_stop_on_a_dead_host_never_happens(town: Town) -> None:
    server = town.server()
    machines.power_off(town.world, "h1")
    actions.stop(town.world, server.id)
    town.passes(100.0)
    assert (server.vm_state, server.task_state) == ("active", "powering-off")


def test_a_cell_that_is_down_hides_its_servers_silently() -> None:
    split = Town(hosts=(HostSpec("h1", cell="cell1"), HostSpec("h2", cell="cell2")))
    split.server("h1")
    split.server("h2")
    split.world.down_cells.add("cell1")
    assert [server.host for server in split.cloud.servers_changed_since(0.0)] == ["h2"]
