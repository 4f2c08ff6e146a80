"""A host of a real Nova that returns after medevac has recovered it; nobody can look for left-over guests here.

The rig's hypervisor is Nova's fake one: there is no libvirt to ask, so that medevac believes Nova's own cleaning, and
the tests look into the fake hypervisors themselves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from medevac.core.incident import Incident
from medevac.flows.ports import Server
from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import server, service
from tests.contract.recovery.product import Product

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(600)]

QUICK = "way_back: {settle: 2m, clean: 20s, hold: 5s, again: 10s}\nlimits: {capacity_again: 10s}\n"
GOING_BACK = "way_back: {settle: 2m, clean: 20s, hold: 5s, again: 10s, failback: {parallel: 2}}\n"
SERVERS = 3
THEIRS = "I look at its board"

Die = Callable[[], Incident]


@pytest.fixture
def die(rig: RigStage, product: Product) -> Die:
    """Return what lets the first host die, and waits until medevac is done with it."""

    def go() -> Incident:
        rig.kill_nova_compute(rig.hosts[0])
        product.post("host.down", rig.hosts[0])
        return product.ended("host.down")

    product.configure(site=QUICK)
    return go


def test_a_host_that_returns_has_cleaned_up_before_it_is_enabled(rig: RigStage, product: Product, die: Die) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    product.work()
    assert die().state.value == "recovered"
    product.power_on(host)
    product.post("host.member", host)
    assert product.ended("host.up").state.value == "recovered"
    _assert_in_service(rig, host)
    assert {record.status for record in rig.cloud.evacuations_from(host)} == {"completed"}
    product.assert_back(before)


def test_servers_go_back_live_to_a_host_that_has_returned_where_the_site_wants_them_back(
    rig: RigStage, product: Product, die: Die
) -> None:
    host = rig.hosts[0]
    ids = rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    product.configure(site=GOING_BACK)
    product.work()
    assert die().state.value == "recovered"
    product.assert_back(before)
    product.power_on(host)
    product.post("host.member", host)
    assert product.ended("host.up").state.value == "recovered"
    _assert_in_service(rig, host)
    assert {(server(rig, server_id).host, server(rig, server_id).vm_state) for server_id in ids} == {(host, "active")}
    kinds = {server_id: [record.kind for record in rig.cloud.migrations_of(server_id)] for server_id in ids}
    assert set(map(tuple, kinds.values())) == {("evacuation", "live-migration")}


def test_a_host_that_failed_too_often_stays_out_of_service_until_somebody_lets_it_return(
    rig: RigStage, product: Product, die: Die
) -> None:
    host = rig.hosts[0]
    rig.boot(host)
    product.configure(site=QUICK + "triage: {host_recoveries: 1}\n")
    product.work()
    die()
    product.power_on(host)
    product.post("host.member", host)
    held = product.held("host.up", by="limit")
    assert service(rig, host).forced_down
    product.command("incident", "release", held.id, "--why", "its board is new")
    assert product.ended("host.up").state.value == "recovered"
    _assert_in_service(rig, host)


def test_a_host_that_returns_before_its_last_server_has_left_waits_for_it_and_for_another_start(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    ids = rig.boot(host, SERVERS)
    product.configure(site=QUICK)
    product.work()
    rig.kill_nova_compute(host)
    with rig.slow_spawning(15):
        product.post("host.down", host)
        product.until(lambda: product.asked() == SERVERS, deadline=120)
        product.power_on(host)
        product.post("host.member", host)
        recovered = product.ended("host.down")
    assert recovered.state.value == "recovered", recovered.reason
    assert not service(rig, host).enabled
    rig.kill_nova_compute(host)
    product.power_on(host)
    assert product.ended("host.up").state.value == "recovered"
    _assert_in_service(rig, host)
    assert {server(rig, server_id).vm_state for server_id in ids} == {"active"}
    assert all(len(hosts) == 1 for hosts in rig.copies().values())


def test_a_returning_host_that_an_operator_has_taken_since_is_left_to_him(
    rig: RigStage, product: Product, die: Die
) -> None:
    host = rig.hosts[0]
    rig.boot(host)
    product.work()
    die()
    rig.disable(host, THEIRS)
    product.power_on(host)
    product.post("host.member", host)
    product.settled("host.member")
    found = service(rig, host)
    assert (found.enabled, found.disabled_reason, found.forced_down) == (False, THEIRS, True)
    assert product.incident("host.up") is None


def test_a_returning_host_that_an_operator_had_forced_down_before_it_failed_is_left_so(
    rig: RigStage, product: Product, die: Die
) -> None:
    host = rig.hosts[0]
    rig.boot(host)
    rig.force_down(host)
    product.work()
    assert die().state.value == "recovered"
    product.power_on(host)
    product.post("host.member", host)
    returned = product.ended("host.up")
    assert returned.state.value == "parked"
    assert "an operator had forced its nova-compute down before it failed" in returned.reason
    assert service(rig, host).forced_down


def test_servers_without_room_are_held_and_start_elsewhere_once_there_is_some(rig: RigStage, product: Product) -> None:
    with _without_room(rig, product) as (before, held):
        assert {server(rig, each.id).vm_state for each in before} == {"error"}
        assert "no valid host" in held.reason
    assert product.ended("host.down").state.value == "recovered"
    product.assert_back(before)


def test_servers_without_room_start_where_they_were_when_their_own_host_returns(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    with _without_room(rig, product) as (before, _):
        product.power_on(host)
        product.post("host.member", host)
        returned = product.ended("host.up")
    assert returned.state.value == "recovered", returned.reason
    _assert_in_service(rig, host)
    for was in before:
        now = server(rig, was.id)
        assert (now.host, now.vm_state, now.power_state) == (host, "active", 1)
    assert all(len(hosts) == 1 for hosts in rig.copies().values())


@contextlib.contextmanager
def _without_room(rig: RigStage, product: Product) -> Iterator[tuple[tuple[Server, ...], Incident]]:
    """Let the first host die while no other takes servers; give its servers as they were, and what is held."""
    host = rig.hosts[0]
    rig.boot(host, 2)
    before = rig.cloud.servers_on(host)
    product.configure(site=QUICK)
    product.work()
    rig.kill_nova_compute(host)
    with rig.leave_only(host):
        product.post("host.down", host)
        yield before, product.held("host.down", by="capacity")


def _assert_in_service(rig: RigStage, host: str) -> None:
    found = service(rig, host)
    assert (found.enabled, found.forced_down, found.state, found.disabled_reason) == (True, False, "up", "")
