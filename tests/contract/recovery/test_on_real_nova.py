"""The whole product on a real Nova: a host dies, the busy conductor is killed, and every server comes back once.

Played only where MEDEVAC_TEST_CLOUD names a cloud; tests/contract/cloud/rig.py says how, and --log-cli-level=INFO shows
the timeline.  The fence agent of this test
cuts the power of the rig's hosts: until it does, their guests run on.
"""

from __future__ import annotations

import collections
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.flows.ports import Server
from medevac.sandbox.processes import Child, program, stop_all
from medevac.workers import board_view, incidents
from medevac.workers.openstack import nova
from tests.contract.cloud.rig import RigStage
from tests.fixtures.waiting import until

pytestmark = [pytest.mark.real_nova, pytest.mark.timeout(600)]

log = logging.getLogger(__name__)

SERVERS = 20
ALERTS = 10
SESSION = 6.0
POLICY = """
policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate: {parallel: 5}, verify]
"""
AGENT = """#!{python}
import os, subprocess, sys
told = dict(line.strip().split("=", 1) for line in sys.stdin if "=" in line)
off = os.path.join({folder!r}, "off-" + told["plug"])
with open(os.path.join({folder!r}, "power.log"), "a") as log:
    log.write(told["action"] + "\\n")
if told["action"] == "off":
    subprocess.run([{script!r}, "-p", told["plug"]], check=True)
    open(off, "w").close()
is_off = os.path.exists(off)
print("Status: OFF" if is_off else "Status: ON")
sys.exit(0 if told["action"] == "off" else 2 if is_off else 0)
"""


@pytest.fixture
def rig() -> Iterator[RigStage]:
    name = os.environ.get("MEDEVAC_TEST_CLOUD")
    if name is None:
        pytest.skip("MEDEVAC_TEST_CLOUD names no cloud to play on (tests/contract/cloud/rig.py says how)")
    stage = RigStage(name)
    stage.reset()
    yield stage
    stage.reset()


@pytest.fixture
def start(tmp_path: Path, zk_hosts: str) -> Iterator[Callable[[str], Child]]:
    """Return what starts a worker of a role on the rig's cloud."""
    _write_site(tmp_path, zk_hosts)
    children: list[Child] = []

    def worker(role: str) -> Child:
        command = [program("medevac"), "worker", "--site", str(tmp_path / "medevac.yaml"), "--role", role]
        log = tmp_path / f"{role}-{len(children)}.log"
        child = Child(role, [*command, "--session-timeout", str(SESSION)], log, os.environ)
        children.append(child)
        return child

    yield worker
    stop_all(children)


def test_a_power_cut_host_with_twenty_servers_is_recovered_though_the_busy_conductor_is_killed(
    rig: RigStage, zk: KazooClient, zk_hosts: str, start: Callable[[str], Child], tmp_path: Path
) -> None:
    host = rig.hosts[0]
    rig.boot(host, SERVERS - 3)
    rig.boot(host, 2, vm_state="stopped")
    rig.boot(host, 1, locked=True)
    cloud = nova.connect(os.environ["MEDEVAC_TEST_CLOUD"])
    before = {server.id: server for server in cloud.servers_on(host)}
    known = max((record.id for record in cloud.evacuations_from(host)), default=0)
    workers = {role: start(role) for role in ("triage",)} | {f"conductor {n}": start("conductor") for n in (1, 2)}
    assert until(lambda: len(zk.get_children(layout.WORKERS)) == len(workers), deadline=30)

    _kill_nova_compute(host)
    began = time.monotonic()
    _send_alerts(host, zk_hosts, tmp_path)

    def under_way() -> int:
        return sum(record.id > known for record in cloud.evacuations_from(host))

    assert until(lambda: under_way() >= SERVERS // 2, deadline=120)
    owner = next(iter(board_view.jobs(zk))).owner
    os.kill(int(owner.split("-")[-2]), signal.SIGKILL)
    assert until(lambda: all(i.state.final for i in incidents.read_all(zk)), deadline=300)

    (incident,) = incidents.read_all(zk)
    log.info("%s; %.1f s after the alerts, %s killed", incident.reason, time.monotonic() - began, owner)
    for entry in incidents.journal(zk, incident.id):
        log.info("%8.2f %-20s %s", entry.at - incident.stored_at, entry.step, entry.text)
    assert incident.state.value == "recovered", incident.reason
    records = [record for record in cloud.evacuations_from(host) if record.id > known]
    assert collections.Counter(record.server_id for record in records) == dict.fromkeys(before, 1)
    assert [line for line in _power_log(tmp_path) if line == "off"] == ["off"]
    for server in before.values():
        _came_back(server, cloud.server(server.id))
    assert len({entry.actor for entry in incidents.journal(zk, incident.id)}) == len(workers)
    assert zk.get_children(layout.BOARD) == []


def _came_back(before: Server, now: Server | None) -> None:
    assert now is not None
    assert now.host != before.host
    assert (now.vm_state, now.locked, now.task_state) == (before.vm_state, before.locked, "")


def _write_site(folder: Path, hosts: str) -> None:
    policies = folder / "policies"
    policies.mkdir()
    (policies / "everyone.yaml").write_text(POLICY)
    agent = folder / "fence_rig"
    script = str(Path(os.environ.get("MEDEVAC_TEST_CLOUD_RIG", "")) / "kill-host.sh")
    agent.write_text(AGENT.format(python=sys.executable, folder=str(folder), script=script))
    agent.chmod(0o755)
    (folder / "medevac.yaml").write_text(
        f"zookeeper: {hosts}\n"
        f"cloud: {os.environ.get('MEDEVAC_TEST_CLOUD', '')}\n"
        "policies: policies\n"
        f"fencing:\n  - {{hosts: ['*'], agent: {agent}, plug: '{{host}}'}}\n"
        "shared_storage: ['*']\n"
    )


def _kill_nova_compute(host: str) -> None:
    """Let nova-compute die as with a lost network: the guests run on until somebody fences the host."""
    subprocess.run([Path(os.environ["MEDEVAC_TEST_CLOUD_RIG"]) / "kill-host.sh", host], check=True, timeout=60)


def _send_alerts(host: str, hosts: str, folder: Path) -> None:
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
            "CRM_alert_recipient": hosts,
            "MEDEVAC_SPOOL": str(folder / f"spool-{node}"),
            "MEDEVAC_TIMEOUT": "20",
        }
        agents.append(subprocess.Popen([program("medevac-alert")], env=told))
    assert [agent.wait(60) for agent in agents] == [0] * ALERTS


def _power_log(folder: Path) -> list[str]:
    return (folder / "power.log").read_text().splitlines()
