"""Pacemaker as rungs of a ladder, on a real cluster: its history believed, its fencing asked for and read back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.core.evidence import REBOOT, FenceEvidence
from medevac.core.wire import from_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import Settings
from medevac.flows.ports import Ports
from medevac.flows.rung import Answer, Case
from medevac.flows.steps.fence import Fence
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.fencing.agent import agent_step
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.fencing.pacemaker import Cluster as Reached
from medevac.workers.fencing.pacemaker import EvidenceMeans, PacemakerMeans
from medevac.workers.worker import SystemClock
from tests.fixtures.waiting import until
from tests.pacemaker.cluster import HOST, Cluster, slowly_until

pytestmark = [pytest.mark.real_pacemaker, pytest.mark.timeout(900)]

OFF, BACK = "compute1", "compute2"
"""The host whose fence device leaves it off, and the one that comes back."""
ALL = ("*",)


@pytest.fixture
def whole(cluster: Cluster) -> Cluster:
    cluster.heal()
    return cluster


def reached(cluster: Cluster) -> Reached:
    """Return the way from here to the commands on a node, as `through` says it at a site."""
    return Reached(tuple(cluster.inside("node2")))


def case(host: str) -> Case:
    now = time.time()
    return Case(host, f"host.down:{host}:1", failed_at=now, now=now)


def test_pacemaker_fences_on_request_and_its_history_is_the_evidence(whole: Cluster) -> None:
    means, asked = PacemakerMeans(ALL, reached(whole), timeout=30.0), case(OFF)
    assert f"Pacemaker can fence {OFF} with fence-{OFF}" in means.prove(OFF)
    assert means.look(asked).words == "Pacemaker reaches it: it is online"
    means.order(asked)
    assert not whole.is_on(OFF)
    assert slowly_until(lambda: means.look(asked).evidence is not None, 30)
    evidence = means.look(asked).evidence
    assert evidence is not None
    assert (evidence.source, evidence.action) == ("pacemaker", "off")
    assert evidence.at >= asked.failed_at - 1
    assert "medevac" in evidence.detail


def test_the_clusters_own_fencing_is_evidence_until_the_host_is_back(whole: Cluster) -> None:
    means, died = EvidenceMeans(ALL, reached(whole)), case(BACK)
    seen: list[Answer] = []

    def look() -> bool:
        seen.append(means.look(died))
        return seen[-1].evidence is not None

    whole.bmc.hanging.clear()
    whole.kill(BACK, "pacemaker-remot")
    assert slowly_until(look, 60) or seen[-1].words == "Pacemaker reaches it: it is online"
    assert slowly_until(lambda: whole.is_online(BACK), 90)
    answer = means.look(died)
    assert (answer.evidence, answer.words) == (None, "Pacemaker reaches it: it is online")
    later = case(OFF)
    assert means.look(later).evidence is None


def test_a_host_that_pacemaker_reboots_is_switched_off_before_it_is_back_and_stays_off(
    whole: Cluster, tmp_path: Path
) -> None:
    case = Rebooted(whole, tmp_path)
    whole.kill(BACK, "pacemaker-remot")
    assert slowly_until(lambda: case.told_of_reboot(reached(whole)), 90), "Pacemaker has not fenced it"
    evidence = case.fence()
    assert (evidence.source, evidence.action) == ("agent:fence_medevac_test", "off")
    assert not whole.is_on(BACK)
    orders = len(whole.bmc.asked)
    # Not what Pacemaker says: while it tries to reach the host again, it calls it online now and then.
    assert not until(lambda: whole.is_on(BACK), 12.0), "somebody has switched it on again"
    assert len(whole.bmc.asked) == orders


class Rebooted:
    """The incident of a host that dies, the alert's evidence that it was fenced, and a ladder that keeps it off."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._opened_at = time.time()
        self._site = FakeSite(SiteSpec((HostSpec(BACK),)))
        agent = folder / "fence_medevac_test"
        agent.write_text(f"#!/bin/sh\nMEDEVAC_TEST_BMC={cluster.folder}/bmc.sock exec {HOST}/sbin/fence_medevac_test\n")
        agent.chmod(0o755)
        device = FenceDevice(str(agent), ALL, terse=True)
        self._fencer = LadderFencer([agent_step(device, device.name, times=2, keeps_off=True)])

    def told_of_reboot(self, cluster: Reached) -> bool:
        """Store what the alert says, once Pacemaker's history has it."""
        fencings = cluster.status().fencings
        ours = [f for f in fencings if f.target == BACK and f.success and f.completed >= self._opened_at - 1]
        for fencing in ours[:1]:
            assert fencing.action == REBOOT
            self._site.log.add_evidence(FenceEvidence(BACK, fencing.completed, "pacemaker", fencing.action, "OK"))
        return bool(ours)

    def fence(self) -> FenceEvidence:
        brief = Brief(f"host.down:{BACK}:1", "host.down", BACK, self._opened_at, Settings(fence_timeout=30.0))
        site = self._site
        ports = Ports(site.cloud, self._fencer, SystemClock(), site.log, site.prober, site.notifier)
        return from_plain(FenceEvidence, Fence(brief).execute(ports=ports))


def test_a_device_that_refuses_is_an_error_and_no_evidence_and_neither_is_a_humans_confirmation(whole: Cluster) -> None:
    means, asked = PacemakerMeans(ALL, reached(whole), timeout=30.0), case(OFF)
    whole.bmc.refusing.add(OFF)
    with pytest.raises(FencingError, match="stonith_admin ended with 1 on --fence compute1"):
        means.order(asked)
    assert means.look(asked).evidence is None
    assert whole.is_on(OFF)
    whole.network.cut(OFF)
    assert slowly_until(lambda: "unclean" in means.look(asked).words, 60)
    whole.done("node1", "stonith_admin", "--confirm", OFF)
    assert slowly_until(lambda: "only a human" in means.look(asked).words, 30)
    assert means.look(asked).evidence is None
