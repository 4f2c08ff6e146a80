"""The simulated cloud evacuates as the real Nova was measured to."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from medevac.sandbox.cloud.model import actions, machines, verdict
from medevac.sandbox.cloud.model.errors import Refusal
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.server import SHUT_DOWN, Server
from tests.unit.sandbox.town import SETTINGS, Town


def refusal(town: Town, server: Server, **fields: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        town.evacuate(server, **fields)
    return caught.value


def test_a_record_lives_from_accepted_over_pre_migrating_to_done(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    seen = [record.status]
    for _ in range(10):
        town.passes(1.0)
        if record.status != seen[-1]:
            seen.append(record.status)
    assert seen == ["accepted", "pre-migrating", "done"]
    assert server.host == record.destination
    assert server.host in ("h2", "h3")
    assert town.runs_on(server) == (server.host,)
    assert verdict.violations(town.world) == ()


def test_a_server_is_seen_active_without_a_task_while_its_host_is_still_the_dead_one(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    assert (server.status, server.task_state) == ("REBUILD", "rebuilding")
    town.passes(8.0)
    assert (server.vm_state, server.task_state, server.host, record.status) == ("active", None, "h1", "pre-migrating")


def test_a_host_that_counts_as_up_refuses(town: Town) -> None:
    error = refusal(town, town.server())
    assert (error.status, error.message) == (HTTPStatus.BAD_REQUEST, "Compute service of h1 is still in use.")


def test_a_dead_host_counts_as_up_for_service_down_time(town: Town) -> None:
    server = town.server()
    with town.world.settled() as world:
        machines.power_off(world, "h1")
    town.passes(60.0)
    assert refusal(town, server).status == HTTPStatus.BAD_REQUEST
    town.passes(1.0)
    assert town.evacuate(server).status == "accepted"


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized", "building", "shelved"])
def test_states_other_than_active_stopped_and_error_are_a_conflict(town: Town, state: str) -> None:
    server = town.server(vm_state=state)
    town.lose()
    assert refusal(town, server).status == HTTPStatus.CONFLICT


def test_a_server_that_was_never_launched_is_a_conflict_even_in_error(town: Town) -> None:
    server = town.server(vm_state="building")
    town.lose()
    actions.reset_state(town.world, server.id, "error")
    assert refusal(town, server).status == HTTPStatus.CONFLICT


def test_the_own_host_and_a_shelved_server_are_bad_requests_and_unknown_names_are_not_found(town: Town) -> None:
    server, shelved = town.server(), town.server(vm_state="shelved_offloaded")
    town.lose()
    assert refusal(town, server, host="h1").status == HTTPStatus.BAD_REQUEST
    assert refusal(town, shelved).status == HTTPStatus.BAD_REQUEST
    assert refusal(town, server, host="h9").status == HTTPStatus.NOT_FOUND
    server.id = "unknown"
    assert refusal(town, server).status == HTTPStatus.NOT_FOUND


def test_a_second_evacuation_while_the_first_runs_is_accepted_and_breaks_the_server(town: Town) -> None:
    server = town.server()
    town.lose()
    town.evacuate(server)
    town.passes(2.0)
    town.evacuate(server)
    town.passes(1000.0)
    assert server.vm_state == "error"
    assert sorted(m.status for m in town.world.migrations.values()) == ["failed", "pre-migrating"]
    assert "second evacuation" in verdict.violations(town.world)[0]


def test_a_stopped_server_stays_stopped_and_a_locked_one_locked(town: Town) -> None:
    stopped, locked = town.server(vm_state="stopped"), town.server(locked_reason="mine")
    town.lose()
    for server in (stopped, locked):
        town.evacuate(server)
    town.passes(10.0)
    assert (stopped.vm_state, stopped.power_state, town.runs_on(stopped)) == ("stopped", SHUT_DOWN, ())
    assert (locked.vm_state, locked.locked, locked.locked_reason) == ("active", True, "mine")


def test_a_server_in_error_becomes_active(town: Town) -> None:
    server = town.server(vm_state="error")
    town.lose()
    town.evacuate(server)
    town.passes(10.0)
    assert server.vm_state == "active"


def test_from_microversion_2_95_on_an_active_server_ends_stopped(town: Town) -> None:
    server = town.server()
    town.lose()
    town.evacuate(server, stopped_at_destination=True)
    town.passes(10.0)
    assert (server.vm_state, town.runs_on(server)) == ("stopped", ())


def test_without_a_valid_host_the_server_is_in_error_where_it_was_and_can_be_evacuated_later(town: Town) -> None:
    server = town.server()
    town.lose()
    for host in ("h2", "h3"):
        town.world.hosts[host].disabled = True
    record = town.evacuate(server)
    town.passes(10.0)
    assert (record.status, record.destination) == ("error", None)
    assert (server.vm_state, server.task_state, server.host) == ("error", None, "h1")
    assert server.fault is not None
    assert "No valid host" in server.fault.message
    town.world.hosts["h2"].disabled = False
    again = town.evacuate(server)
    town.passes(10.0)
    assert (again.status, server.host, server.vm_state, server.fault) == ("done", "h2", "active", None)


def test_a_refused_claim_fails_the_record_and_leaves_the_server_as_it_was(town: Town) -> None:
    active, stopped = town.server(), town.server(vm_state="stopped")
    town.lose()
    town.world.mishaps.refuse_claims = {"h2": ANY, "h3": ANY}
    records = [town.evacuate(server) for server in (active, stopped)]
    town.passes(10.0)
    assert [record.status for record in records] == ["failed", "failed"]
    assert [(s.vm_state, s.task_state, s.host) for s in (active, stopped)] == [
        ("active", None, "h1"),
        ("stopped", None, "h1"),
    ]
    assert town.world.hosts["h2"].used_vcpus == town.world.hosts["h3"].used_vcpus == 0


def test_a_failed_spawn_leaves_the_server_in_error_where_it_was(town: Town) -> None:
    server = town.server()
    town.lose()
    town.world.mishaps.fail_spawns = {"h2": 1, "h3": 1}
    record = town.evacuate(server)
    town.passes(10.0)
    assert (record.status, server.vm_state, server.host, town.runs_on(server)) == ("failed", "error", "h1", ())


def test_an_evacuation_that_conductor_lost_stays_accepted_until_it_is_asked_for_again(town: Town) -> None:
    server = town.server()
    town.lose()
    town.world.mishaps.lose_evacuations = 1
    stale = town.evacuate(server)
    town.passes(1000.0)
    assert (stale.status, stale.updated_at, server.task_state) == ("accepted", None, "rebuilding")
    actions.reset_state(town.world, server.id, "active")
    fresh = town.evacuate(server)
    town.passes(10.0)
    assert sorted((stale.status, fresh.status)) == ["accepted", "done"]
    assert (server.host != "h1", verdict.violations(town.world)) == (True, ())


def test_a_reset_while_the_destination_works_leaves_a_guest_behind_and_a_retry_makes_two(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    town.passes(5.0)
    actions.reset_state(town.world, server.id, "active")
    town.passes(10.0)
    left_on = record.destination or ""
    assert (record.status, server.vm_state, server.host, town.runs_on(server)) == ("failed", "error", "h1", (left_on,))
    town.world.hosts[left_on].disabled = True
    town.evacuate(server)
    town.passes(10.0)
    assert "while it still runs on" in verdict.violations(town.world)[0]


def test_a_reset_before_the_guest_is_started_fails_the_evacuation(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    town.passes(0.7)
    actions.reset_state(town.world, server.id, "active")
    town.passes(10.0)
    assert (record.status, server.vm_state, town.runs_on(server)) == ("failed", "error", ())


def test_a_guest_that_was_left_behind_keeps_the_next_one_from_its_host(town: Town) -> None:
    server = town.server()
    town.lose()
    first = town.evacuate(server)
    town.passes(5.0)
    actions.reset_state(town.world, server.id, "active")
    town.passes(10.0)
    town.world.hosts[{"h2": "h3", "h3": "h2"}[first.destination or ""]].disabled = True
    second = town.evacuate(server)
    town.passes(10.0)
    assert (second.status, second.destination) == ("failed", first.destination)
    assert server.fault is not None
    assert "already exists" in server.fault.message


def test_nova_conductor_takes_up_the_oldest_record_that_is_accepted(town: Town) -> None:
    server = town.server()
    town.lose()
    town.world.mishaps.lose_evacuations = 1
    stale, fresh = town.evacuate(server), town.evacuate(server)
    town.passes(10.0)
    assert (stale.status, fresh.status) == ("done", "accepted")


def test_a_destination_that_dies_leaves_the_record_pre_migrating_for_ever(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    town.passes(5.0)
    machines.power_off(town.world, record.destination or "")
    town.passes(1000.0)
    assert (record.status, server.host, town.runs_on(server)) == ("pre-migrating", "h1", ())


def test_a_server_that_is_deleted_meanwhile_is_not_started(town: Town) -> None:
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    town.passes(2.0)
    actions.delete(town.world, server.id)
    town.passes(10.0)
    assert (record.status, town.runs_on(server)) == ("failed", ())


def test_with_no_time_to_take_an_evacuation_is_done_when_somebody_looks() -> None:
    town = Town(settings=SETTINGS.__class__(evacuate_seconds=0.0))
    server = town.server()
    town.lose()
    record = town.evacuate(server)
    town.passes(0.0)
    assert (record.status, server.host != "h1") == ("done", True)
