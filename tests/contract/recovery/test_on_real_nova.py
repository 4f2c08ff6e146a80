"""The whole product on a real Nova: hosts die, the busy conductor is killed, and every server comes back once.

Played only where MEDEVAC_TEST_CLOUD names a cloud; tests/contract/cloud/rig.py says how, and --log-cli-level=INFO shows
the timeline and what it took.
"""

from __future__ import annotations

import logging
import subprocess
import time

import pytest

from medevac.core import layout
from medevac.sandbox.processes import program
from medevac.workers import incidents
from tests.contract.cloud.rig import RigStage
from tests.contract.recovery.product import Product

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(900)]

log = logging.getLogger(__name__)

SERVERS = 20
MANY = 60
ALERTS = 10


def test_a_power_cut_host_with_twenty_servers_is_recovered_though_the_busy_conductor_is_killed(
    rig: RigStage, product: Product
) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS - 3)
    rig.boot(host, 2, vm_state="stopped")
    rig.boot(host, 1, locked=True)
    before = rig.cloud.servers_on(host)
    product.work("triage", "conductor", "conductor")
    rig.kill_nova_compute(host)
    began, requests = time.monotonic(), rig.requests()
    _send_alerts(product, host)
    product.until(lambda: product.arrived() >= SERVERS // 4, deadline=120)
    log.info("killed %s after %.1f s", product.kill_busy_conductor(), time.monotonic() - began)
    incident = product.ended("host.down", deadline=300)
    _tell(began, rig.requests() - requests, SERVERS)
    assert incident.state.value == "recovered", incident.reason
    assert product.evacuations(host) == {server.id: 1 for server in before}
    assert product.fenced() == [host]
    assert len({entry.actor for entry in incidents.journal(product.client, incident.id)}) == 3
    assert product.client.get_children(layout.BOARD) == []
    product.assert_back(before)


def test_two_hosts_that_die_at_once_are_recovered_side_by_side(rig: RigStage, product: Product) -> None:
    dead = rig.hosts[:2]
    for host in dead:
        rig.boot(host, SERVERS // 2)
    before = [server for host in dead for server in rig.cloud.servers_on(host)]
    product.work("triage", "conductor", "conductor")
    for host in dead:
        rig.kill_nova_compute(host)
    began, requests = time.monotonic(), rig.requests()
    for host in dead:
        product.post("host.down", host)
    ended = [product.ended("host.down", host, deadline=300) for host in dead]
    _tell(began, rig.requests() - requests, SERVERS)
    assert [incident.state.value for incident in ended] == ["recovered", "recovered"]
    assert sorted(product.fenced()) == sorted(dead)
    product.assert_back(before)
    assert {server.host for each in before if (server := rig.cloud.server(each.id))}.isdisjoint(dead)


def test_sixty_servers_of_one_host_come_back_once(rig: RigStage, product: Product) -> None:
    host = rig.hosts[0]
    rig.boot(host, MANY)
    before = rig.cloud.servers_on(host)
    product.work()
    rig.kill_nova_compute(host)
    began, requests = time.monotonic(), rig.requests()
    product.post("host.down", host)
    incident = product.ended("host.down", deadline=600)
    _tell(began, rig.requests() - requests, MANY)
    assert incident.state.value == "recovered", incident.reason
    assert product.evacuations(host) == {server.id: 1 for server in before}
    product.assert_back(before)


def _tell(began: float, requests: int, servers: int) -> None:
    taken = time.monotonic() - began
    log.info("%d servers: %.1f s, %d requests, %.1f per server", servers, taken, requests, requests / servers)


def _send_alerts(product: Product, host: str) -> None:
    """Send the copies that three cluster nodes send when Pacemaker could not fence the host."""
    now = str(int(time.time()))
    agents = []
    for number in range(ALERTS):
        node = f"node{number % 3 + 1}"
        told = {
            "CRM_alert_kind": "fencing",
            "CRM_alert_node": host,
            "CRM_alert_rc": "-61",
            "CRM_alert_task": "st_notify_fence",
            "CRM_alert_desc": f"Operation reboot of {host} by {node} for pacemaker-controld.64@node3: Error (ref=56c0)",
            "CRM_alert_timestamp_epoch": now,
            "CRM_alert_recipient": product.zookeeper,
            "MEDEVAC_SPOOL": str(product.folder / f"spool-{node}"),
            "MEDEVAC_TIMEOUT": "20",
        }
        agents.append(subprocess.Popen([program("medevac-alert")], env=told))
    assert [agent.wait(60) for agent in agents] == [0] * ALERTS
