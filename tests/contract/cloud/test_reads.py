"""Contract of the Cloud port: what is read, and how it is said."""

from __future__ import annotations

import time
import uuid

import pytest

from medevac.core.errors import CellDownError
from tests.contract.cloud.stage import Stage, at_rest, evacuated, lose, server, service

HOUR = 3600.0


def test_a_host_that_nova_does_not_know_has_no_service(stage: Stage) -> None:
    assert stage.cloud.host_service("no-such-host") is None


def test_the_service_of_a_live_host_is_up_enabled_and_not_forced_down(stage: Stage) -> None:
    found = service(stage, stage.hosts[0])
    assert (found.host, found.zone, found.state) == (stage.hosts[0], stage.zone, "up")
    assert (found.enabled, found.forced_down, found.disabled_reason) == (True, False, "")
    assert found.id
    assert found.updated_at is not None
    assert abs(found.updated_at - time.time()) < HOUR


def test_a_host_is_in_its_aggregates(stage: Stage) -> None:
    assert stage.aggregate in stage.cloud.host_aggregates(stage.hosts[0])
    assert stage.cloud.host_aggregates("no-such-host") == ()


def test_an_empty_host_has_no_servers(stage: Stage) -> None:
    stage.boot(stage.hosts[0])
    assert stage.cloud.servers_on(stage.hosts[1]) == ()


def test_a_host_that_nova_does_not_know_has_no_servers(stage: Stage) -> None:
    assert stage.cloud.servers_on("no-such-host") == ()


def test_all_servers_of_a_host_are_listed_and_only_those(stage: Stage) -> None:
    here = stage.boot(stage.hosts[0], 3)
    stage.boot(stage.hosts[1])
    assert {found.id for found in stage.cloud.servers_on(stage.hosts[0])} == set(here)


def test_a_running_server_is_described_in_full(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    (found,) = stage.cloud.servers_on(stage.hosts[0])
    assert (found.id, found.host, found.zone) == (server_id, stage.hosts[0], stage.zone)
    assert (found.vm_state, found.task_state, found.power_state) == ("active", "", 1)
    assert (found.locked, found.launched, found.fault) == (False, True, "")
    assert found.name
    assert found.flavor
    assert found.image_id
    assert stage.cloud.project_names()[found.project_id] == stage.project
    assert abs(found.updated_at - time.time()) < HOUR


def test_an_image_tells_its_properties_and_one_that_is_gone_has_none(stage: Stage) -> None:
    stage.boot(stage.hosts[0])
    (found,) = stage.cloud.servers_on(stage.hosts[0])
    assert stage.cloud.image_properties(found.image_id)["name"]
    assert stage.cloud.image_properties("00000000-0000-4000-8000-000000000000") == {}


def test_a_server_looks_the_same_alone_and_in_the_list(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    assert stage.cloud.servers_on(stage.hosts[0]) == (server(stage, server_id),)


def test_a_stopped_server_is_listed_as_stopped(stage: Stage) -> None:
    stage.boot(stage.hosts[0], vm_state="stopped")
    (found,) = stage.cloud.servers_on(stage.hosts[0])
    assert (found.vm_state, found.power_state) == ("stopped", 4)


def test_who_has_shut_a_server_off_is_told_and_nobody_where_nobody_has(stage: Stage) -> None:
    (stopped,) = stage.boot(stage.hosts[0], vm_state="stopped")
    (active,) = stage.boot(stage.hosts[0])
    (stop,) = stage.cloud.stops(stopped)
    assert stop.by_user
    assert abs(stop.at - time.time()) < HOUR
    assert stage.cloud.stops(active) == ()
    assert stage.cloud.stops("00000000-0000-4000-8000-000000000000") == ()
    stage.cloud.start(stopped)
    assert stage.cloud.stops(stopped) == (), "it was started since"


def test_a_paused_server_is_listed_as_paused(stage: Stage) -> None:
    stage.boot(stage.hosts[0], vm_state="paused")
    assert [found.vm_state for found in stage.cloud.servers_on(stage.hosts[0])] == ["paused"]


def test_a_locked_server_is_listed_as_locked(stage: Stage) -> None:
    stage.boot(stage.hosts[0], locked=True)
    assert [found.locked for found in stage.cloud.servers_on(stage.hosts[0])] == [True]


def test_a_server_that_nova_does_not_know_is_none(stage: Stage) -> None:
    assert stage.cloud.server(str(uuid.uuid4())) is None


def test_a_deleted_server_is_gone(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    stage.delete(server_id)
    assert stage.cloud.server(server_id) is None
    assert stage.cloud.servers_on(stage.hosts[0]) == ()


def test_a_deleted_server_is_among_the_changed_ones(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    before = server(stage, server_id).updated_at
    stage.delete(server_id)
    changed = {found.id: found for found in stage.cloud.servers_changed_since(before)}
    assert changed[server_id].vm_state == "deleted"


def test_a_moved_server_is_among_the_changed_ones_with_its_new_host(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    before = server(stage, server_id).updated_at
    lose(stage, stage.hosts[0])
    record = evacuated(stage, stage.hosts[0], server_id)
    changed = {found.id: found for found in stage.cloud.servers_changed_since(before)}
    assert changed[server_id].host == record.destination


def test_what_did_not_change_since_is_not_listed(stage: Stage) -> None:
    (server_id,) = stage.boot(stage.hosts[0])
    assert stage.cloud.servers_changed_since(at_rest(stage, server_id).updated_at + 1) == ()


def test_a_host_without_evacuations_has_no_records(stage: Stage) -> None:
    assert stage.cloud.evacuations_from("no-such-host") == ()


def test_every_project_has_a_name(stage: Stage) -> None:
    assert stage.project in stage.cloud.project_names().values()


def test_a_host_whose_cell_is_down_is_not_taken_for_empty(stage: Stage) -> None:
    stage.boot(stage.hosts[0])
    with stage.lose_cell_of(stage.hosts[0]):
        assert service(stage, stage.hosts[0]).state == "unknown"
        with pytest.raises(CellDownError):
            stage.cloud.servers_on(stage.hosts[0])
    assert len(stage.cloud.servers_on(stage.hosts[0])) == 1


def test_every_server_group_is_listed_with_its_policy_and_members(stage: Stage) -> None:
    groups = {stage.group(policy, 2): policy for policy in ("anti-affinity", "soft-anti-affinity", "anti-affinity")}
    found = {frozenset(group.members): group for group in stage.cloud.server_groups()}
    for members, policy in groups.items():
        assert found[frozenset(members)].policy == policy
        assert found[frozenset(members)].strict is (policy == "anti-affinity")


def test_a_deleted_server_is_in_no_group(stage: Stage) -> None:
    gone, stays = stage.group("anti-affinity", 2)
    stage.delete(gone)
    assert (stays,) in [group.members for group in stage.cloud.server_groups()]
