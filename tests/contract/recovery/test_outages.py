"""A recovery on a real Nova, a part of which dies meanwhile.  Played only where MEDEVAC_TEST_CLOUD names a cloud."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

import pytest

from medevac.flows.estate import CONDUCTOR, SCHEDULER
from medevac.flows.ports import Server
from medevac.workers.latecomers import LOOK_EVERY
from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import server, until
from tests.contract.recovery.product import Product

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(600)]

log = logging.getLogger(__name__)

SERVERS = 6
BEGUN = 2
AWAY = 20.0
TOLD = 2.2 * LOOK_EVERY


@pytest.mark.parametrize("name", ["nova-api", CONDUCTOR, "rabbit"])
def test_a_recovery_ends_well_though_a_part_of_nova_is_killed_in_its_middle_for_twenty_seconds(
    rig: RigStage, product: Product, name: str
) -> None:
    host = rig.hosts[0]
    with _begun(rig, product, spawning=2) as before:
        with rig.control_plane.away(name):
            _outlast(AWAY)
        incident = product.ended("host.down")
    log.info("asked for, of %d servers: %s", SERVERS, sorted(product.evacuations(host).values()))
    assert incident.state.value == "recovered", incident.reason
    assert product.fenced() == [host]
    product.assert_back(before)


def test_without_any_nova_scheduler_nothing_runs_twice_and_what_may_run_unseen_is_told(
    rig: RigStage, product: Product
) -> None:
    with _begun(rig, product, spawning=4) as before:
        with rig.control_plane.away(SCHEDULER):
            _outlast(AWAY)
        incident = product.ended("host.down")
    stayed = [was for was in before if server(rig, was.id).host == rig.hosts[0]]
    assert incident.state.value == ("parked" if stayed else "recovered"), incident.reason
    assert ("its guest may run there" in incident.reason) is bool(stayed)
    product.assert_back(was for was in before if was not in stayed)


@pytest.mark.timeout(900)
def test_a_server_whose_new_host_stands_still_is_put_elsewhere_and_stays_there_though_the_order_comes_late(
    rig: RigStage, product: Product
) -> None:
    host, still = rig.hosts[0], rig.hosts[1]
    (server_id,) = rig.boot(host)
    before = rig.cloud.servers_on(host)
    product.work()
    rig.kill_nova_compute(host)
    with rig.stand_still(still):
        with rig.leave_only(still):
            product.post("host.down", host)
            product.until(lambda: product.asked() >= 1, deadline=90)
            until(rig, lambda: rig.is_sent(server_id, still), f"{still} is told to start it")
        incident = product.ended("host.down")
        assert incident.state.value == "recovered", incident.reason
        product.assert_back(before)
        there = server(rig, server_id).host
    until(rig, lambda: server(rig, server_id).vm_state == "error", "the order that came late has been carried out")
    assert server(rig, server_id).host == there
    assert rig.copies()[server_id] == [there]
    product.until(lambda: f"is in ERROR on {there}" in product.command("incident", "show", incident.id), TOLD)
    rig.cloud.reset_state(server_id, "active")  # all that its operator has to do
    product.assert_back(before)


@contextlib.contextmanager
def _begun(rig: RigStage, product: Product, spawning: float) -> Iterator[tuple[Server, ...]]:
    """Let the first host die, and give its servers as they were once Nova was asked for some of them.

    Guests take *spawning* seconds to start until the body has ended.
    """
    host = rig.hosts[0]
    rig.boot(host, SERVERS)
    before = rig.cloud.servers_on(host)
    product.work()
    rig.kill_nova_compute(host)
    with rig.slow_spawning(spawning):
        product.post("host.down", host)
        product.until(lambda: product.asked() >= BEGUN, deadline=90)
        yield before


def _outlast(seconds: float) -> None:
    """Let an outage last: there is nothing to wait for."""
    threading.Event().wait(seconds)
