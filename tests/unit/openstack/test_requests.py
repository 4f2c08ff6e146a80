"""How many requests each method costs, over a list of several pages and one of one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.errors import RefusedError
from medevac.flows.caps import DOUBTED
from medevac.sandbox.cloud.model.settings import Settings
from tests.fixtures.waiting import until
from tests.unit.openstack.conftest import DEAD, EVACUATE, QUICK, Place

DETAIL = "GET /compute/v2.1/servers/detail"
SERVICES = "GET /compute/v2.1/os-services"
MIGRATIONS = "GET /compute/v2.1/os-migrations"


def test_the_first_call_costs_three_requests_more_than_later_ones(place: Place) -> None:
    place.cloud.host_service(DEAD)
    assert sum(place.requests().values()) == 4
    place.cloud.host_service(DEAD)
    assert place.requests() == {SERVICES: 1}


def test_a_host_with_servers_costs_one_request_and_an_empty_one_three(place: Place) -> None:
    place.cloud.host_aggregates(DEAD)
    place.requests()
    assert len(place.cloud.servers_on(DEAD)) == 3
    assert place.requests() == {DETAIL: 1}
    assert place.cloud.servers_on("compute-2") == ()
    assert place.requests() == {DETAIL: 2, SERVICES: 1}


def test_an_evacuation_costs_one_request_and_a_look_at_all_of_them_one_or_two(place: Place) -> None:
    place.kill()
    place.cloud.evacuate(place.server_id)
    assert place.requests() == {EVACUATE: 1}
    (record,) = place.cloud.evacuations_from(DEAD)
    assert place.requests() == {MIGRATIONS: 1}
    place.cloud.evacuations_from(DEAD, record.created_at)
    assert place.requests() == {MIGRATIONS: 2}


def test_a_record_that_does_not_change_for_long_costs_a_look_at_its_server_which_shows_that_nova_forgot_it(
    place: Place,
) -> None:
    place.kill()
    with place.running.world.settled() as world:
        world.mishaps.lose_evacuations = 1
    place.cloud.evacuate(place.server_id)
    place.requests()
    assert len(place.cloud.evacuations_under_way()) == 1
    assert place.requests() == {MIGRATIONS: 2}
    with place.running.world.settled() as world:
        (record,) = world.migrations.values()
        record.created_at -= DOUBTED
    assert len(place.cloud.evacuations_under_way()) == 1
    assert place.requests() == {MIGRATIONS: 2, "GET /compute/v2.1/servers/{id}": 1}
    place.cloud.reset_state(place.server_id, "error")
    assert place.cloud.evacuations_under_way() == ()


def test_to_remember_evacuations_costs_a_request_and_when_one_arrived_two_after_its_host_is_back(place: Place) -> None:
    place.kill()
    place.cloud.evacuate(place.server_id)

    def ended() -> bool:
        (record,) = place.cloud.evacuations_from(DEAD)
        return record.status == "done"

    assert until(ended)
    place.requests()
    (record,) = place.cloud.evacuations_since(0.0, 200)
    assert place.cloud.arrived_at(record) is not None
    assert place.requests() == {MIGRATIONS: 1}
    assert place.cloud.arrived_at(replace(record, status="completed")) is not None
    actions = "GET /compute/v2.1/servers/{id}/os-instance-actions"
    assert place.requests() == {actions: 1, f"{actions}/{{request}}": 1}


def test_disabling_costs_one_request_and_none_where_it_is_disabled_already(place: Place) -> None:
    found = place.cloud.host_service(DEAD)
    assert found is not None
    place.requests()
    place.cloud.set_enabled(found, False, "tests")
    assert place.requests() == {"PUT /compute/v2.1/os-services/{id}": 1}
    place.cloud.set_enabled(replace(found, enabled=False), False, "tests")
    assert place.requests() == {}


def test_what_is_told_of_all_hosts_costs_one_request_each_and_the_control_plane_two(place: Place) -> None:
    place.cloud.host_aggregates(DEAD)
    place.requests()
    assert len(place.cloud.compute_services()) == len(place.running.world.hosts)
    assert place.requests() == {SERVICES: 1}
    assert place.cloud.control_services()
    assert place.requests() == {SERVICES: 2}
    assert place.cloud.aggregates()
    assert place.requests() == {"GET /compute/v2.1/os-aggregates": 1}


def test_a_move_costs_one_request_and_a_rebuild_two(place: Place) -> None:
    place.cloud.reboot(place.server_id)
    place.requests()
    place.cloud.rebuild(place.server_id)
    assert place.requests() == {EVACUATE: 1, "GET /compute/v2.1/servers/{id}": 1}
    place.cloud.live_migrate(place.server_id)
    assert place.requests() == {EVACUATE: 1}


class TestSmallPages:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(evacuate_seconds=0.05, move_seconds=0.05, report_interval=QUICK.report_interval, max_limit=2)

    def test_every_page_of_servers_is_read(self, place: Place) -> None:
        place.cloud.host_aggregates(DEAD)
        place.requests()
        assert len({server.id for server in place.cloud.servers_on(DEAD)}) == 3
        assert place.requests() == {DETAIL: 2, SERVICES: 1}

    def test_every_page_of_a_servers_records_is_read(self, place: Place) -> None:
        for _ in range(3):
            place.cloud.live_migrate(place.server_id)
            place.until_at_rest()
        place.requests()
        assert [record.status for record in place.cloud.migrations_of(place.server_id)] == ["completed"] * 3
        assert place.requests() == {MIGRATIONS: 2}

    def test_every_page_of_records_is_read(self, place: Place) -> None:
        place.kill()
        for server_id in list(place.running.world.servers):
            place.cloud.evacuate(server_id)
        place.requests()
        records = place.cloud.evacuations_from(DEAD)
        assert [record.server_id for record in records] == list(place.running.world.servers)
        assert place.requests() == {MIGRATIONS: 2}


class TestOldNova:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(
            evacuate_seconds=0, move_seconds=0.05, report_interval=QUICK.report_interval, max_microversion="2.53"
        )

    def test_the_oldest_nova_that_is_spoken_with_is_enough(self, place: Place) -> None:
        place.kill()
        place.cloud.evacuate(place.server_id)
        (record,) = place.cloud.evacuations_from(DEAD)
        assert place.cloud.evacuations_from(DEAD, record.created_at) == (record,)
        assert place.cloud.evacuations_from(DEAD, record.updated_at + 2) == ()
        assert place.cloud.servers_on("compute-2") or place.cloud.servers_on("compute-3")

    def test_it_moves_and_tells_of_it_too(self, place: Place) -> None:
        place.cloud.live_migrate(place.server_id)
        place.until_at_rest()
        place.cloud.cold_migrate(place.server_id)
        place.until_at_rest()
        place.cloud.confirm_resize(place.server_id)
        place.until_at_rest()
        records = place.cloud.migrations_of(place.server_id)
        assert [(record.kind, record.status) for record in records] == [
            ("live-migration", "completed"),
            ("migration", "confirmed"),
        ]


class TestTooOldNova:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(max_microversion="2.52")

    def test_an_older_one_is_refused_with_what_is_needed(self, place: Place) -> None:
        with pytest.raises(RefusedError, match=r"needs one from 2\.53"):
            place.cloud.host_service(DEAD)
