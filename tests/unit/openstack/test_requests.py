"""How many requests each method costs, over a list of several pages and one of one."""

from __future__ import annotations

import pytest

from medevac.core.errors import RefusedError
from medevac.sandbox.cloud.model.settings import Settings
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


class TestSmallPages:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(evacuate_seconds=QUICK.evacuate_seconds, report_interval=QUICK.report_interval, max_limit=2)

    def test_every_page_of_servers_is_read(self, place: Place) -> None:
        place.cloud.host_aggregates(DEAD)
        place.requests()
        assert len({server.id for server in place.cloud.servers_on(DEAD)}) == 3
        assert place.requests() == {DETAIL: 2, SERVICES: 1}

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
        return Settings(evacuate_seconds=0, report_interval=QUICK.report_interval, max_microversion="2.53")

    def test_the_oldest_nova_that_is_spoken_with_is_enough(self, place: Place) -> None:
        place.kill()
        place.cloud.evacuate(place.server_id)
        (record,) = place.cloud.evacuations_from(DEAD)
        assert place.cloud.evacuations_from(DEAD, record.created_at) == (record,)
        assert place.cloud.evacuations_from(DEAD, record.updated_at + 2) == ()
        assert place.cloud.servers_on("compute-2") or place.cloud.servers_on("compute-3")


class TestTooOldNova:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(max_microversion="2.52")

    def test_an_older_one_is_refused_with_what_is_needed(self, place: Place) -> None:
        with pytest.raises(RefusedError, match=r"needs one from 2\.53"):
            place.cloud.host_service(DEAD)
