"""Contract of the Cloud port: evacuations that work, those that are refused, and those that fail."""

from __future__ import annotations

import uuid

import pytest

from medevac.core.errors import ConflictError, NotFoundError, RefusedError
from tests.contract.cloud.stage import Stage, at_rest, evacuated, lose, newest, server, until


def test_a_server_is_not_evacuated_while_its_host_is_up(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    with pytest.raises(RefusedError, match="still in use"):
        stage.cloud.evacuate(server_id)
    assert newest(stage, stage.hosts[0], server_id) is None
    assert server(stage, server_id).task_state == ""


def test_an_accepted_evacuation_has_a_record_at_once(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    stage.cloud.evacuate(server_id)
    record = newest(stage, stage.hosts[0], server_id)
    assert record is not None
    assert record.source == stage.hosts[0]
    assert record.live or record.succeeded


def test_evacuations_under_way_are_seen_whoever_asked_for_them_until_they_have_ended(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    stage.cloud.evacuate(server_id)
    seen = [record.server_id for record in stage.cloud.evacuations_under_way()]
    record = newest(stage, stage.hosts[0], server_id)
    assert seen == [server_id] or (record is not None and record.succeeded)

    def over() -> bool:
        return all(each.server_id != server_id for each in stage.cloud.evacuations_under_way())

    until(stage, over, "the evacuation ends")


def test_a_running_server_arrives_running_on_another_host(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    record = evacuated(stage, stage.hosts[0], server_id)
    found = at_rest(stage, server_id)
    assert record.status == "done"
    assert record.destination not in ("", stage.hosts[0])
    assert (found.host, found.vm_state, found.power_state) == (record.destination, "active", 1)
    assert stage.cloud.servers_on(stage.hosts[0]) == ()


def test_a_stopped_server_arrives_stopped(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="stopped")
    lose(stage, stage.hosts[0])
    record = evacuated(stage, stage.hosts[0], server_id)
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (record.destination, "stopped")


def test_a_locked_server_moves_and_stays_locked(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], locked=True)
    lose(stage, stage.hosts[0])
    assert evacuated(stage, stage.hosts[0], server_id).succeeded
    assert server(stage, server_id).locked


def test_a_server_in_error_arrives_running(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="error")
    lose(stage, stage.hosts[0])
    assert evacuated(stage, stage.hosts[0], server_id).succeeded
    assert at_rest(stage, server_id).vm_state == "active"


def test_a_paused_server_is_refused_for_its_state_until_it_is_reset_to_error(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="paused")
    lose(stage, stage.hosts[0])
    with pytest.raises(ConflictError, match="paused"):
        stage.cloud.evacuate(server_id)
    stage.cloud.reset_state(server_id, "error")
    assert server(stage, server_id).vm_state == "error"
    assert evacuated(stage, stage.hosts[0], server_id).succeeded
    assert at_rest(stage, server_id).vm_state == "active"


def test_a_server_that_nova_does_not_know_cannot_be_touched(stage: Stage) -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(NotFoundError):
        stage.cloud.evacuate(unknown)
    with pytest.raises(NotFoundError):
        stage.cloud.reset_state(unknown, "error")
    with pytest.raises(NotFoundError):
        stage.cloud.stop(unknown)


def test_a_deleted_server_is_not_evacuated(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    stage.delete(server_id)
    lose(stage, stage.hosts[0])
    with pytest.raises(NotFoundError):
        stage.cloud.evacuate(server_id)


def test_without_a_valid_host_the_server_stays_in_error_until_there_is_one(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    with stage.leave_only(stage.hosts[0]):
        record = evacuated(stage, stage.hosts[0], server_id)
        found = at_rest(stage, server_id)
    assert (record.status, record.destination) == ("error", "")
    assert (found.host, found.vm_state) == (stage.hosts[0], "error")
    assert "No valid host" in found.fault
    assert evacuated(stage, stage.hosts[0], server_id).status == "done"
    assert at_rest(stage, server_id).vm_state == "active"


def test_where_the_guest_does_not_start_the_server_stays_in_error_until_it_does(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    with stage.break_spawning():
        record = evacuated(stage, stage.hosts[0], server_id)
        found = at_rest(stage, server_id)
    assert record.status == "failed"
    assert record.destination
    assert (found.host, found.vm_state) == (stage.hosts[0], "error")
    assert found.fault
    assert evacuated(stage, stage.hosts[0], server_id).status == "done"


def test_records_come_oldest_first_with_ids_that_grow(stage: Stage) -> None:
    ids = stage.boot(stage.hosts[0], 3)
    lose(stage, stage.hosts[0])
    for server_id in ids:
        evacuated(stage, stage.hosts[0], server_id)
    records = [record for record in stage.cloud.evacuations_from(stage.hosts[0]) if record.server_id in ids]
    assert [record.server_id for record in records] == list(ids)
    assert sorted(records, key=lambda record: record.id) == records


def test_only_the_records_that_changed_since_are_listed(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    record = evacuated(stage, stage.hosts[0], server_id)
    assert stage.cloud.evacuations_from(stage.hosts[0], record.updated_at)[-1] == record
    assert stage.cloud.evacuations_from(stage.hosts[0], record.updated_at + 1) == ()


def test_an_evacuation_that_never_began_is_among_those_changed_since_it_was_accepted(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    since = lose(stage, stage.hosts[0]).updated_at
    with stage.never_begin():
        stage.cloud.evacuate(server_id)
        records = stage.cloud.evacuations_from(stage.hosts[0], since)
        found = server(stage, server_id)
    assert [(record.server_id, record.status) for record in records] == [(server_id, "accepted")]
    assert (found.task_state, found.host) == ("rebuilding", stage.hosts[0])


def test_a_running_server_can_be_stopped_and_a_stopped_one_cannot(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    stage.cloud.stop(server_id)
    until(stage, lambda: server(stage, server_id).vm_state == "stopped", "the server is stopped")
    with pytest.raises(ConflictError):
        stage.cloud.stop(server_id)


def test_a_server_that_is_held_arrives_shut_off_and_can_be_started_once(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    assert stage.cloud.can_hold()
    stage.cloud.evacuate(server_id, hold=True)
    until(stage, lambda: server(stage, server_id).host != stage.hosts[0], "the server has arrived")
    held = at_rest(stage, server_id)
    assert (held.vm_state, held.power_state) == ("stopped", 4)
    stage.cloud.start(server_id)
    until(stage, lambda: server(stage, server_id).vm_state == "active", "the server runs")
    with pytest.raises(ConflictError):
        stage.cloud.start(server_id)


def test_a_server_in_error_runs_when_it_arrives_although_it_was_to_be_held(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="error")
    lose(stage, stage.hosts[0])
    stage.cloud.evacuate(server_id, hold=True)
    until(stage, lambda: server(stage, server_id).host != stage.hosts[0], "the server has arrived")
    assert at_rest(stage, server_id).vm_state == "active"


def test_what_its_owner_had_shut_off_arrives_shut_off_when_it_is_held_too(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="stopped")
    lose(stage, stage.hosts[0])
    stage.cloud.evacuate(server_id, hold=True)
    until(stage, lambda: server(stage, server_id).host != stage.hosts[0], "the server has arrived")
    assert at_rest(stage, server_id).vm_state == "stopped"


def test_a_server_that_does_not_exist_is_not_started(stage: Stage) -> None:
    with pytest.raises(NotFoundError):
        stage.cloud.start(str(uuid.uuid4()))
