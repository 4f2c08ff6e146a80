"""What operators and sites order, on a real Nova: abort, reserved hosts, and hosts whose nova-compute alone is gone."""

from __future__ import annotations

import pytest

from medevac.core.incident import Incident
from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import service
from tests.contract.recovery.product import Product

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(600)]

SLOWLY = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate: {parallel: 2}, verify]
"""
WAITING = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, wait: 10m, evacuate, verify]
"""
LEAVING = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate, verify]
  nova-compute.down: leave
"""
KILLING = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate, verify]
  nova-compute.down: [disable, kill: {timeout: 5s}, evacuate, verify]
"""
RESERVED = "reserved"
QUICK = "way_back: {hold: 5s, again: 10s}\n"


def test_an_aborted_recovery_lists_truly_what_was_not_undone(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, 8)
    product.configure(SLOWLY)
    product.work()
    rig.kill_nova_compute(host)
    with rig.slow_spawning(4):
        product.post("host.down", host)
        product.until(lambda: product.asked() >= 4, deadline=120)
        aborted = _abort(product)
        left = {record for record in product.records(host) if record.live or record.succeeded}
        product.until(lambda: not any(record.live for record in product.records(host)), deadline=60)
    assert f"servers that have left {host} or are on their way: {len(left)} (" in aborted.reason
    assert f"nova-compute on {host} is forced down and disabled (medevac {aborted.id}" in aborted.reason
    assert f"{host} stays off" in aborted.reason
    assert len(rig.cloud.servers_on(host)) == 8 - len(left)
    assert (service(rig, host).forced_down, service(rig, host).enabled) == (True, False)
    assert all(len(hosts) == 1 for hosts in rig.copies().values())


def test_a_recovery_on_hold_asks_for_no_more_servers_until_it_is_released(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, 8)
    before = rig.cloud.servers_on(host)
    product.configure(SLOWLY)
    product.work()
    rig.kill_nova_compute(host)
    with rig.slow_spawning(2):
        product.post("host.down", host)
        product.until(lambda: product.asked() >= 4, deadline=120)
        _order(product, "hold")
        product.until(lambda: not product.busy(), deadline=60)
        product.until(lambda: not any(record.live for record in product.records(host)), deadline=60)
        left = sum(product.evacuations(host).values())
        assert 4 <= left < 8
        assert len(rig.cloud.servers_on(host)) == 8 - left
        _order(product, "release")
        assert product.ended("host.down").state.value == "recovered"
    assert product.evacuations(host) == {server.id: 1 for server in before}
    assert product.fenced() == [host]
    product.assert_back(before)


def test_an_abort_before_any_server_has_left_gives_the_host_back_to_nova(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, 2)
    product.configure(WAITING)
    product.work()
    rig.kill_nova_compute(host)
    product.post("host.down", host)
    product.until(lambda: service(rig, host).forced_down, deadline=90)
    aborted = _abort(product)
    assert f"undone: nova-compute on {host} is as it was before; not undone: {host} stays off" in aborted.reason
    found = service(rig, host)
    assert (found.enabled, found.forced_down, found.disabled_reason) == (True, False, "")
    assert product.evacuations(host) == {}
    assert len(rig.cloud.servers_on(host)) == 2


def test_a_reserved_host_takes_the_servers_for_which_there_is_no_other(rig: RigStage, product: Product) -> None:
    host, *others, spare = rig.hosts
    rig.boot(host, 3)
    before = rig.cloud.servers_on(host)
    rig.disable(spare, RESERVED)
    for other in others:
        rig.disable(other, "full")
    product.configure(site=f"reserved: {{hosts: [{spare}]}}\n")
    product.work()
    rig.kill_nova_compute(host)
    product.post("host.down", host)
    assert product.ended("host.down").state.value == "recovered"
    assert [found.id for found in rig.cloud.servers_on(spare)] == [each.id for each in before]
    assert (service(rig, spare).enabled, service(rig, spare).disabled_reason) == (True, "")
    assert {service(rig, other).disabled_reason for other in others} == {"full"}
    product.assert_back(before)


def test_a_reserved_host_is_reserved_again_if_nobody_came_to_it(rig: RigStage, product: Product) -> None:
    host, spare = rig.hosts[0], rig.hosts[3]
    rig.boot(host)
    before = rig.cloud.servers_on(host)
    rig.disable(spare, RESERVED)
    product.configure(site=f"reserved: {{hosts: [{spare}]}}\n")
    product.work()
    rig.kill_nova_compute(host)
    product.post("host.down", host)
    assert product.ended("host.down").state.value == "recovered"
    used = bool(rig.cloud.servers_on(spare))  # which of three empty hosts it is, the scheduler draws
    found = service(rig, spare)
    assert (found.enabled, found.disabled_reason) == ((True, "") if used else (False, RESERVED))
    product.assert_back(before)


def test_a_server_that_fails_to_start_on_a_reserved_host_takes_no_second_one(rig: RigStage, product: Product) -> None:
    host, other, *spares = rig.hosts
    rig.boot(host)
    before = rig.cloud.servers_on(host)
    rig.disable(other, "full")
    for spare in spares:
        rig.disable(spare, RESERVED)
    product.configure(site=f"reserved: {{hosts: [{', '.join(spares)}]}}\n")
    product.work()
    rig.kill_nova_compute(host)
    with rig.break_spawning():
        product.post("host.down", host)
        product.until(lambda: any(record.status == "failed" for record in product.records(host)))
    assert product.ended("host.down").state.value == "recovered"
    product.assert_back(before)
    left = {spare: service(rig, spare).disabled_reason for spare in spares}
    assert sorted(left.values()) == ["", RESERVED]
    assert [len(rig.cloud.servers_on(spare)) for spare, reason in left.items() if not reason] == [1]


def test_a_host_whose_nova_compute_alone_is_gone_keeps_its_servers_and_takes_no_new_ones_until_it_is_back(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    product.configure(site=QUICK)
    ids = _lose_nova_compute(rig, product)
    product.until(lambda: not service(rig, host).enabled, deadline=120)
    assert not service(rig, host).forced_down
    _assert_untouched(rig, product, ids)
    rig.bring_back(host)
    product.post("nova-compute.up", host)
    product.until(lambda: service(rig, host).enabled, deadline=120)
    product.ended("nova-compute.down")
    assert product.evacuations(host) == {}
    assert product.fenced() == []


def test_a_host_whose_nova_compute_alone_is_gone_is_left_where_all_policies_say_so(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    product.configure(LEAVING)
    ids = _lose_nova_compute(rig, product)
    product.settled("nova-compute.down")
    assert service(rig, host).enabled
    _assert_untouched(rig, product, ids)


def test_without_proof_that_a_guest_has_ended_nothing_is_evacuated_from_a_host_that_lives(
    rig: RigStage, product: Product
) -> None:
    product.configure(KILLING)
    ids = _lose_nova_compute(rig, product)
    product.until(lambda: _over(product), deadline=120)
    _assert_untouched(rig, product, ids)


def _lose_nova_compute(rig: RigStage, product: Product) -> tuple[str, ...]:
    """Kill the first host's nova-compute alone, tell medevac, and return the ids of the host's servers."""
    host = rig.hosts[0]
    ids = rig.boot(host, 2)
    product.work()
    rig.kill_nova_compute(host)
    product.post("nova-compute.down", host)
    return ids


def _assert_untouched(rig: RigStage, product: Product, ids: tuple[str, ...]) -> None:
    host = rig.hosts[0]
    assert product.evacuations(host) == {}
    copies = rig.copies()
    assert all(copies[server_id] == [host] for server_id in ids)


def _order(product: Product, verb: str) -> None:
    found = product.incident("host.down")
    assert found is not None
    product.command("incident", verb, found.id, "--why", "wrong host")


def _abort(product: Product) -> Incident:
    _order(product, "abort")
    ended = product.ended("host.down")
    assert ended.state.value == "parked"
    assert ended.reason.startswith("aborted by ")
    return ended


def _over(product: Product) -> bool:
    found = product.incident("nova-compute.down")
    return found is not None and (found.state.final or found.held_by != "")
