"""`medevac pacemaker` on a real cluster: install, check, remove, and what no alert told."""

from __future__ import annotations

import json

import pytest

from medevac.core import layout
from medevac.core.event import EventKind
from tests.fixtures.waiting import until
from tests.pacemaker.cluster import NODES, Cluster, slowly_until
from tests.pacemaker.service import AGENT, DIE, UNSTARTABLE
from tests.pacemaker.stage import BIN, CONFIGURATION, Stage

pytestmark = [pytest.mark.real_pacemaker, pytest.mark.timeout(900)]

STATE = "/run/medevac/reconcile.json"


def reconcile(stage: Stage, node: str) -> str:
    """Run it as the timer does: as hacluster."""
    return stage.medevac(node, "reconcile", "--state", STATE, user="hacluster")


def check(stage: Stage, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    command = ("env", f"MEDEVAC_ZOOKEEPER={stage.recipient}", str(BIN / "medevac"), "pacemaker", "check", "--json")
    ended = stage.cluster.run("node2", *command, *arguments)
    return ended.returncode, json.loads(ended.stdout)


def test_install_proves_that_events_arrive_and_can_be_repeated(stage: Stage, cluster: Cluster) -> None:
    assert "a test event arrived, and triage settled it" in stage.connect().lower()
    found = cluster.done("node3", "cibadmin", "--query", "--scope", "alerts")
    assert found.count("<alert ") == 1
    assert "<select_fencing" in found


def test_check_names_the_device_that_reboots_and_nothing_else(stage: Stage) -> None:
    code, advice = check(stage, "--test")
    assert code == 1
    assert [each["about"] for each in advice if each["grave"]] == ["fence-compute2"]
    assert any("2.1.5" in each["problem"] for each in advice)


def test_check_sees_an_agent_that_hacluster_cannot_run(stage: Stage) -> None:
    stage.medevac("node1", "install", "--agent", "/root/medevac-alert", "--config", CONFIGURATION, "--no-test")
    code, advice = check(stage)
    assert code == 1
    assert any(each["about"] == "agent" and "/root/medevac-alert" in each["problem"] for each in advice)


def test_remove_takes_the_alert_away_and_check_says_so(stage: Stage) -> None:
    stage.medevac("node1", "remove")
    assert "no alert" in stage.medevac("node1", "remove")
    code, advice = check(stage)
    assert code == 1
    assert any(each["about"] == "alert" for each in advice)


def test_a_death_that_no_alert_told_is_found_by_reconciliation_once(stage: Stage, cluster: Cluster) -> None:
    for node in NODES:
        cluster.run(node, "rm", "-f", STATE)
        reconcile(stage, node)
    stage.medevac("node1", "remove")
    stage.begin("kill -9 of pacemaker-remoted on compute1 while no alert is configured; then reconcile on each node")
    cluster.kill("compute1", "pacemaker-remot")
    gone = "./nodes/node[@name='compute1'][@online='false'][@unclean='false']"
    assert slowly_until(lambda: not cluster.is_on("compute1") and cluster.status().find(gone) is not None, 60)
    said = [reconcile(stage, node) for node in (*NODES, *NODES)]
    assert until(stage.incidents)
    assert until(lambda: not stage.client.get_children(layout.EVENTS))
    assert [incident.subject.name for incident in stage.incidents()] == ["compute1"]
    assert sum("host.fenced of compute1" in each for each in said) == 1
    assert len(stage.arrivals(EventKind.HOST_FENCED)) == 1


def test_reconciliation_adds_nothing_to_what_an_alert_told(stage: Stage, cluster: Cluster) -> None:
    stage.begin("kill -9 of pacemaker-remoted on compute1; alerts come; then reconcile on each node")
    cluster.kill("compute1", "pacemaker-remot")
    assert stage.wait_for(EventKind.HOST_FENCED, "compute1", 90, copies=3)
    gone = "./nodes/node[@name='compute1'][@online='false'][@unclean='false']"
    assert slowly_until(lambda: cluster.status().find(gone) is not None, 60)
    said = [reconcile(stage, node) for node in NODES]
    assert not any("host.fenced" in each for each in said)
    assert len(stage.incidents()) == 1


def test_a_failed_service_that_no_alert_told_is_found_by_reconciliation_and_so_is_its_return(
    stage: Stage, cluster: Cluster
) -> None:
    for node in NODES:
        cluster.run(node, "rm", "-f", STATE)
        reconcile(stage, node)
    stage.medevac("node1", "remove")
    stage.begin("nova-compute on compute1 dies and cannot be started while no alert is configured; then reconcile")
    cluster.done("compute1", "sh", "-c", UNSTARTABLE)
    try:
        cluster.done("compute1", "sh", "-c", DIE)
        failed = "./failures/failure[@task='start'][@node='compute1'][@exitcode='1']"
        assert slowly_until(lambda: cluster.status().find(failed) is not None, 60)
        said = [reconcile(stage, node) for node in (*NODES, *NODES)]
    finally:
        cluster.done("compute1", "umount", AGENT)
    assert sum("nova-compute.down of compute1" in each for each in said) == 1
    cluster.done("node1", "crm_resource", "--cleanup")
    runs = "./resources/clone/resource[@failed='false']/node[@name='compute1']"
    assert slowly_until(lambda: cluster.status().find(runs) is not None, 60)
    assert any("nova-compute.up of compute1" in reconcile(stage, node) for node in NODES)
    assert stage.wait_for(EventKind.NOVA_COMPUTE_UP, "compute1", 60)
    assert stage.wait_for(EventKind.NOVA_COMPUTE_DOWN, "compute1", 60)
