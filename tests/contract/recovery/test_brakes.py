"""What holds medevac back, on a real Nova: orders, announced stops, limits, and signs that it is we who are blind."""

from __future__ import annotations

import pytest

from medevac.flows.estate import SCHEDULER
from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import service, until
from tests.contract.recovery.product import Product

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(600)]

SERVERS = 2
CROWD = 10
MOST = 2
ANNOUNCED = "maintenance: new memory"


def test_a_host_of_a_disarmed_zone_is_left_alone_until_it_is_armed(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    product.work()
    product.command("site", "disarm", "--scope", rig.zone, "--until", "1h", "--reason", "switches", "--unchecked")
    rig.kill_nova_compute(host)
    product.post("host.down", host)
    product.held("host.down", by="disarm")
    _assert_left_alone(rig, product, host)
    product.command("site", "arm", "--scope", rig.zone)
    assert product.ended("host.down").state.value == "recovered"
    product.assert_back(before)


def test_a_stop_that_the_service_itself_announces_is_held_until_somebody_releases_it(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    rig.disable(host, ANNOUNCED)
    product.work()
    rig.kill_nova_compute(host)
    product.post("host.down", host)
    held = product.held("host.down", by="maintenance")
    _assert_left_alone(rig, product, host)
    product.command("incident", "release", held.id, "--why", "it burns")
    assert product.ended("host.down").state.value == "recovered"
    product.assert_back(before)
    found = service(rig, host)
    assert (found.enabled, found.forced_down, found.disabled_reason) == (False, True, ANNOUNCED)


def test_more_dead_hosts_of_an_aggregate_than_the_site_allows_stop_all_of_them(rig: RigStage, product: Product) -> None:
    dead = rig.hosts[:2]
    for host in dead:
        rig.boot(host)
    product.configure(site=f"brakes: {{max_failures: {{{rig.aggregate}: 1}}}}\n")
    product.work()
    product.command("site", "disarm", "--until", "1h", "--reason", "until all are told")
    for host in dead:
        rig.kill_nova_compute(host)
        product.post("host.down", host)
    for host in dead:
        product.held("host.down", by="disarm", host=host)
    product.command("site", "arm")
    held = [product.held("host.down", by="breaker", host=host) for host in dead]
    assert all("no more than 1 may be" in incident.reason for incident in held)
    for host in dead:
        _assert_left_alone(rig, product, host)


def test_while_nova_hears_no_other_host_none_is_touched(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    product.work()
    for each in rig.hosts:
        rig.kill_nova_compute(each)
    until(rig, lambda: all(each.state == "down" for each in rig.cloud.compute_services()), "Nova hears no host")
    product.post("host.down", host)
    held = product.held("host.down", by="breaker")
    assert "Nova hears none of the 3 other compute services" in held.reason
    _assert_left_alone(rig, product, host)


def test_while_no_scheduler_of_nova_is_up_no_host_is_touched(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    product.work()
    with rig.lose_control(SCHEDULER):
        rig.kill_nova_compute(host)
        product.post("host.down", host)
        held = product.held("host.down", by="breaker")
        assert f"no {SCHEDULER} is up" in held.reason
        _assert_left_alone(rig, product, host)
    assert product.ended("host.down").state.value == "recovered"
    product.assert_back(before)


def test_no_more_evacuations_are_under_way_in_nova_than_the_site_allows(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, CROWD)
    before = rig.cloud.servers_on(host)
    product.configure(site=f"limits: {{evacuations: {MOST}}}\n")
    product.work()
    rig.kill_nova_compute(host)
    seen = {0}
    with rig.slow_spawning(2):
        product.post("host.down", host)

        def over() -> bool:
            seen.add(sum(record.live for record in product.records(host)))
            found = product.incident("host.down")
            return found is not None and found.state.final

        product.until(over, deadline=240)
    assert product.ended("host.down").state.value == "recovered"
    assert max(seen) == MOST
    product.assert_back(before)


def _assert_left_alone(rig: RigStage, product: Product, host: str) -> None:
    assert not service(rig, host).forced_down
    assert product.fenced() == []
    assert product.evacuations(host) == {}
