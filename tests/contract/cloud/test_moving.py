"""Contract of the Cloud port: servers on hosts that live: rebooted, moved with and without a stop, rebuilt."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from medevac.core.errors import ConflictError, NotFoundError, RefusedError
from medevac.flows.ports import Cloud
from tests.contract.cloud.stage import Stage, at_rest, evacuated, lose, moved, newest_of, server, until

Call = Callable[[Cloud, str], None]
CALLS: dict[str, Call] = {
    "reboot": lambda cloud, server_id: cloud.reboot(server_id),
    "live_migrate": lambda cloud, server_id: cloud.live_migrate(server_id),
    "cold_migrate": lambda cloud, server_id: cloud.cold_migrate(server_id),
    "confirm_resize": lambda cloud, server_id: cloud.confirm_resize(server_id),
    "rebuild": lambda cloud, server_id: cloud.rebuild(server_id),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_server_that_nova_does_not_know_is_not_found(stage: Stage, name: str) -> None:
    with pytest.raises(NotFoundError):
        CALLS[name](stage.cloud, str(uuid.uuid4()))


@pytest.mark.parametrize(
    ("name", "vm_state"),
    [
        ("live_migrate", "stopped"),
        ("live_migrate", "error"),
        ("cold_migrate", "paused"),
        ("cold_migrate", "error"),
        ("confirm_resize", "active"),
        ("rebuild", "paused"),
    ],
)
def test_a_state_that_does_not_allow_it_is_a_conflict(stage: Stage, name: str, vm_state: str) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state=vm_state)
    with pytest.raises(ConflictError):
        CALLS[name](stage.cloud, server_id)
    assert at_rest(stage, server_id).vm_state == vm_state


@pytest.mark.parametrize("vm_state", ["active", "stopped", "paused", "error"])
def test_a_hard_reboot_leaves_the_server_active_where_it_was(stage: Stage, vm_state: str) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state=vm_state)
    stage.cloud.reboot(server_id)
    found = at_rest(stage, server_id)
    assert (found.vm_state, found.host) == ("active", stage.hosts[0])


def test_a_locked_server_is_rebooted(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], locked=True)
    stage.cloud.reboot(server_id)
    assert at_rest(stage, server_id).vm_state == "active"


@pytest.mark.parametrize("vm_state", ["active", "paused"])
def test_a_live_migration_brings_the_server_elsewhere_as_it_was(stage: Stage, vm_state: str) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state=vm_state)
    stage.cloud.live_migrate(server_id)
    record = moved(stage, server_id, "live-migration")
    assert (record.status, record.succeeded, record.source) == ("completed", True, stage.hosts[0])
    assert record.destination not in ("", stage.hosts[0])
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (record.destination, vm_state)


def test_a_live_migration_that_finds_no_host_leaves_the_server_running(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    with stage.leave_only(stage.hosts[0]):
        stage.cloud.live_migrate(server_id)
        record = moved(stage, server_id, "live-migration")
    assert (record.status, record.succeeded) == ("error", False)
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (stage.hosts[0], "active")


def test_a_live_migration_to_a_host_that_is_named_goes_there(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    stage.cloud.live_migrate(server_id, stage.hosts[2])
    record = moved(stage, server_id, "live-migration")
    assert (record.status, record.destination) == ("completed", stage.hosts[2])
    assert at_rest(stage, server_id).host == stage.hosts[2]


def test_a_live_migration_to_a_host_that_takes_none_leaves_the_server_running(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    with stage.leave_only(stage.hosts[0]):
        stage.cloud.live_migrate(server_id, stage.hosts[2])
        record = moved(stage, server_id, "live-migration")
    assert (record.status, record.succeeded) == ("error", False)
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (stage.hosts[0], "active")


def test_a_live_migration_to_a_host_that_nova_does_not_know_is_refused(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    with pytest.raises(RefusedError):
        stage.cloud.live_migrate(server_id, "no-such-host")
    assert at_rest(stage, server_id).host == stage.hosts[0]


@pytest.mark.parametrize("vm_state", ["active", "stopped"])
def test_a_cold_migration_waits_to_be_confirmed_and_ends_as_it_began(stage: Stage, vm_state: str) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state=vm_state)
    stage.cloud.cold_migrate(server_id)
    record = moved(stage, server_id, "migration")
    assert (record.status, record.succeeded, record.source) == ("finished", True, stage.hosts[0])
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (record.destination, "resized")
    stage.cloud.confirm_resize(server_id)
    until(stage, lambda: _status(stage, server_id, "migration") == "confirmed", "the migration is confirmed")
    until(stage, lambda: server(stage, server_id).vm_state == vm_state, "the server is as it was")


def test_a_cold_migration_that_finds_no_host_leaves_the_server_where_it_is(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    with stage.leave_only(stage.hosts[0]):
        stage.cloud.cold_migrate(server_id)
        record = moved(stage, server_id, "migration")
    assert (record.status, record.succeeded) == ("error", False)
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (stage.hosts[0], "active")


def test_a_server_of_a_host_that_is_down_is_not_cold_migrated(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    with pytest.raises(ConflictError):
        stage.cloud.cold_migrate(server_id)


@pytest.mark.parametrize("vm_state", ["active", "stopped"])
def test_a_rebuild_stays_on_its_host_and_leaves_the_power_as_it_was(stage: Stage, vm_state: str) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state=vm_state)
    stage.cloud.rebuild(server_id)
    found = at_rest(stage, server_id)
    assert (found.host, found.vm_state) == (stage.hosts[0], vm_state)
    assert stage.cloud.migrations_of(server_id) == ()


def test_a_rebuilt_server_in_error_is_active(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0], vm_state="error")
    stage.cloud.rebuild(server_id)
    assert at_rest(stage, server_id).vm_state == "active"


def test_the_records_of_a_server_are_of_every_kind_and_of_no_other(stage: Stage) -> None:
    server_id, other = stage.boot(stage.hosts[0], 2)
    stage.cloud.live_migrate(server_id)
    host = moved(stage, server_id, "live-migration").destination
    at_rest(stage, server_id)
    lose(stage, host)
    evacuated(stage, host, server_id)
    found = stage.cloud.migrations_of(server_id)
    assert [(record.kind, record.source) for record in found] == [
        ("live-migration", stage.hosts[0]),
        ("evacuation", host),
    ]
    assert stage.cloud.migrations_of(server_id, found[-1].updated_at + 1) == ()
    assert stage.cloud.migrations_of(other) == ()
    assert stage.cloud.migrations_of(str(uuid.uuid4())) == ()


def test_a_live_migration_is_no_evacuation(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    stage.cloud.live_migrate(server_id)
    moved(stage, server_id, "live-migration")
    assert stage.cloud.evacuations_from(stage.hosts[0]) == ()


def _status(stage: Stage, server_id: str, kind: str) -> str:
    record = newest_of(stage, server_id, kind)
    return record.status if record else ""
