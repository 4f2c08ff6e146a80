"""Fence paths are proven before they are needed: rounds on a real ZooKeeper, with devices that answer or do not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import OPEN_ACL_UNSAFE, make_acl

from medevac.cli.site import metrics
from medevac.cli.site_fencing import fencing
from medevac.core import layout
from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.ports import JournalOnly
from medevac.flows.rung import Answer, Case, Rung
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.fencing import rounds
from medevac.workers.fencing.fencer import LadderFencer
from medevac.workers.fencing.means import Step
from medevac.workers.fencing.quiet import HumanMeans
from medevac.workers.fencing.rounds import Rounds, Schedule
from medevac.workers.status import look
from tests.fixtures.waiting import until

HOUR = 3600.0
READ_ONLY = [make_acl("world", "anyone", read=True, admin=True)]
HOSTS = tuple(f"h{n}" for n in range(5))


@dataclass
class Device:
    """Means that work except for the hosts in `dead`, say off of those in `off`, and count who was tried."""

    dead: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    passes: Callable[[], object] = lambda: None
    """What happens while the device reads the power of one that is off."""
    suffices: bool = True
    tried: list[str] = field(default_factory=list)

    def covers(self, host: str) -> bool:
        return host in HOSTS

    def look(self, case: Case) -> Answer:
        if case.host not in self.off:
            return Answer()
        self.passes()
        return Answer(FenceEvidence(case.host, case.now, "bmc", "already-off", "Status: OFF"))

    def order(self, case: Case) -> None:
        raise AssertionError(case)

    def prove(self, host: str) -> str:
        self.tried.append(host)
        if host in self.dead:
            message = "the BMC does not answer"
            raise FencingError(message)
        return "its status is on"


@dataclass
class Site:
    """A site whose rounds try two hosts an hour."""

    client: KazooClient
    fakes: FakeSite
    address: str
    bmc: Device = field(default_factory=Device)
    kdump: Device = field(default_factory=lambda: Device(suffices=False))

    def rounds(self, page: str = "oncall") -> Rounds:
        rungs = [
            Step(Rung("kdump"), self.kdump),
            Step(Rung("bmc"), self.bmc),
            Step(Rung("human"), HumanMeans(("*",))),
        ]
        schedule = Schedule(HOUR, hosts=2, page=page, second_look=0.01, look_every=0.01)
        return Rounds(self.client, self.fakes.cloud, self.fakes.clock, LadderFencer(rungs), schedule)

    def go(self) -> list[str]:
        """Go one round, as a worker that has only just become leader, and return who was tried."""
        self.bmc.tried.clear()
        self.rounds().go(self.fakes.notifier)
        self.fakes.clock.wait(HOUR)
        return sorted(set(self.bmc.tried))


@pytest.fixture
def site(zk: KazooClient, zk_hosts: str) -> Site:
    return Site(zk, FakeSite(SiteSpec(tuple(HostSpec(name) for name in HOSTS))), zk_hosts)


def test_every_host_has_its_turn_whoever_leads(site: Site) -> None:
    assert [site.go() for _ in range(4)] == [["h0", "h1"], ["h2", "h3"], ["h0", "h4"], ["h1", "h2"]]


def test_a_round_is_due_an_hour_after_the_last_whoever_went_it(site: Site) -> None:
    assert site.rounds().due()
    site.rounds().go(site.fakes.notifier)
    assert not site.rounds().due()
    site.fakes.clock.wait(HOUR)
    assert site.rounds().due()


def test_a_device_that_says_off_of_a_host_that_nova_goes_on_hearing_of_could_fence_nothing(site: Site) -> None:
    site.bmc.off = {"h0", "h1"}
    site.bmc.passes = lambda: site.fakes.clock.wait(10.0)
    with site.fakes.world.settled() as world:
        machines.power_off(world, "h1")  # of that one it is true
    found = {path.host: path for path in site.rounds().go(site.fakes.notifier)}
    assert not found["h0"].valid
    assert "bmc: it says off, and nova-compute there goes on reporting to Nova" in found["h0"].problem
    assert found["h1"].valid


def test_a_host_that_nothing_could_fence_is_told_once_and_shown_until_something_can(site: Site) -> None:
    site.bmc.dead = {"h0"}
    for _ in range(6):
        site.go()
    assert [sent.target for sent in site.fakes.notifier.sent] == ["oncall"]
    assert "nothing could fence h0 (kdump: its status is on; bmc: the BMC does not answer)" in (
        site.fakes.notifier.sent[0].text
    )
    shown = look(site.client)
    assert any("nothing could fence h0" in problem for problem in shown.problems)
    printed = metrics(shown)
    assert 'medevac_fence_path_valid{host="h0"} 0.0' in printed
    assert 'medevac_fence_path_valid{host="h1"} 1.0' in printed
    assert 'medevac_fence_rung_works{host="h0",rung="bmc"} 0.0' in printed
    site.bmc.dead = set()
    for _ in range(3):
        site.go()
    assert not any("could fence" in problem for problem in look(site.client).problems)


def test_who_could_not_be_told_is_told_later_also_by_a_successor_and_once_of_all(site: Site) -> None:
    notifier = site.fakes.notifier
    notifier.fails = True
    site.bmc.dead = {"h0", "h1"}
    for _ in range(4):
        site.go()
    site.rounds().tell(notifier)
    assert notifier.sent == []
    notifier.fails = False
    site.rounds().tell(notifier)
    (sent,) = notifier.sent
    assert sent.title == "medevac: nothing could fence h0 and 1 more"
    assert ["nothing could fence h0" in sent.text, "nothing could fence h1" in sent.text] == [True, True]
    site.rounds().tell(notifier)
    site.go()
    site.bmc.dead = set()
    for _ in range(4):
        site.go()
    assert len(notifier.sent) == 1
    site.bmc.dead = {"h0"}
    for _ in range(4):
        site.go()
    assert [each.title for each in notifier.sent[1:]] == ["medevac: nothing could fence h0"], "it was well in between"


def test_people_are_not_told_again_where_only_the_record_of_it_could_not_be_written(site: Site) -> None:
    site.bmc.dead = {"h0"}
    goer, notifier = site.rounds(), JournalOnly()
    for _ in range(4):
        goer.go(notifier)
    where, told = layout.fence_path("h0"), site.fakes.notifier
    site.client.set_acls(where, READ_ONLY)
    for _ in range(2):
        with pytest.raises(NoAuthError):
            goer.tell(told)
    site.client.set_acls(where, OPEN_ACL_UNSAFE)
    goer.tell(told)
    goer.tell(told)
    assert len(told.sent) == 1
    assert [path.told_at > 0 for path in rounds.paths(site.client) if path.host == "h0"] == [True]
    site.rounds().tell(told)
    assert len(told.sent) == 1, "a successor knows"


def test_the_thread_of_the_rounds_tries_a_message_again_before_the_next_round(site: Site) -> None:
    notifier = site.fakes.notifier
    notifier.fails = True
    site.bmc.dead = {"h0"}
    for _ in range(4):
        site.go()
    goer = site.rounds()
    goer.go(notifier)
    assert not goer.due()
    thread = threading.Thread(target=goer.run, args=(lambda: True, notifier))
    thread.start()
    try:
        notifier.fails = False
        assert until(lambda: len(notifier.sent) == 1, 30)
    finally:
        goer.stop()
        thread.join(30)


def test_a_host_that_answers_at_the_second_look_is_no_news(site: Site) -> None:
    class Hiccup(Device):
        def prove(self, host: str) -> str:
            self.dead = {host} - set(self.tried)
            return super().prove(host)

    site.bmc = Hiccup()
    site.go()
    assert site.fakes.notifier.sent == []
    assert all(path.valid for path in rounds.paths(site.client))


def test_hosts_that_the_cloud_has_no_more_are_forgotten(site: Site) -> None:
    site.client.create(layout.fence_path("gone"), b"{}")
    site.client.set(layout.fence_path("gone"), rounds.encode(rounds.FencePath("gone", 1.0, ())))
    site.go()
    assert sorted(site.client.get_children(layout.FENCING)) == ["h0", "h1"]


def test_a_site_whose_zookeeper_knows_of_no_rounds_has_no_paths(site: Site) -> None:
    site.client.delete(layout.FENCING, recursive=True)
    assert rounds.paths(site.client) == ()


def test_what_the_rounds_found_is_listed_and_a_host_is_tried_on_demand(site: Site, tmp_path: Path) -> None:
    site.bmc.dead = {"h0"}
    site.go()
    hosts = site.address
    listed = CliRunner().invoke(fencing, ["--zookeeper", hosts])
    assert "h0    bmc    no" in listed.output
    assert "h1    bmc    yes" in listed.output
    agent = tmp_path / "fence_here"
    agent.write_text("#!/bin/sh\ncat > /dev/null\necho 'Status: ON'\n")
    agent.chmod(0o755)
    file = tmp_path / "medevac.yaml"
    file.write_text(f"zookeeper: {hosts}\npolicies: p\nfencing:\n  - {{hosts: h1, agent: {agent}}}\n")
    tried = CliRunner().invoke(fencing, ["h1", "h2", "--try", "--json", "--site", str(file), "--zookeeper", hosts])
    found = {each["host"]: each for each in json.loads(tried.output)}
    assert [found[host]["valid"] for host in ("h1", "h2")] == [True, False]
    assert found["h1"]["rungs"][0]["words"] == "its status is on"


def test_only_the_leader_goes_rounds_and_an_unheard_of_answer_does_not_end_them(site: Site) -> None:
    class Odd(Device):
        def prove(self, host: str) -> str:
            self.tried.append(host)
            if len(self.tried) == 1:
                raise ValueError(host)
            return "its status is on"

    site.bmc = Odd()
    leads = threading.Event()
    asked = threading.Event()

    def is_leading() -> bool:
        asked.set()
        return leads.is_set()

    goer = site.rounds()
    thread = threading.Thread(target=goer.run, args=(is_leading, site.fakes.notifier))
    thread.start()
    try:
        assert asked.wait(30)
        assert rounds.paths(site.client) == ()
        leads.set()
        assert until(lambda: len(rounds.paths(site.client)) == 2, 30)
    finally:
        goer.stop()
        thread.join(30)
    assert not thread.is_alive()
