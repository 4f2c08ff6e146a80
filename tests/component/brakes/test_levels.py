"""How failure domains stand, as the leader keeps it for people, on a real ZooKeeper."""

from __future__ import annotations

import json

import pytest
from kazoo.client import KazooClient

from medevac.cli.root import run
from medevac.core import layout
from medevac.core.event import EventKind
from medevac.core.wire import encode
from medevac.flows.learnt import Learnt
from medevac.sandbox.cloud.model import machines
from medevac.workers.brakes import levels
from medevac.workers.brakes.levels import CALM, Levels, Watch
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import Yard

pytestmark = pytest.mark.usefixtures("known_to_commands")


def watch(yard: Yard) -> Watch:
    return Watch(yard.client, yard.bench.site.cloud, yard.bench.site.clock, yard.settings, str)


def stand(found: Levels) -> dict[str, tuple[str, int, int]]:
    return {str(each): (each.word, each.lost, each.hosts) for each in found.domains}


def test_each_domain_has_its_level_and_a_storm_is_told_to_people_and_to_their_monitoring(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard(racks={"r1": ("az1-*",)})
    yard.lose(*(f"az1-c{n}" for n in range(1, 5)))
    found = watch(yard).look()
    assert stand(found) == {
        "rack r1": ("slowed", 4, 10),
        "the cloud": ("normal", 4, 20),
        "zone az1": ("slowed", 4, 10),
        "zone az2": ("normal", 0, 10),
    }
    assert run(["site", "status"]) == 1
    shown = capsys.readouterr().out
    assert "PROBLEM: zone az1 is slowed: 4 of the 10 hosts of zone az1 have failed within 30m" in shown
    assert "storm breaker: 2 of 4 failure domains normal, seen 2023-" in shown
    run(["site", "status", "--prometheus"])
    metrics = capsys.readouterr().out
    assert 'medevac_breaker_level{domain="az1",kind="zone"} 1.0' in metrics
    assert 'medevac_breaker_level{domain="cloud",kind="cloud"} 0.0' in metrics
    assert 'medevac_breaker_hosts_lost{domain="az1",kind="zone"} 4.0' in metrics
    assert "medevac_blind 0.0" in metrics
    run(["site", "status", "--json"])
    assert json.loads(capsys.readouterr().out)["brakes"]["levels"]["at"] == yard.now


def test_how_many_evacuations_at_once_were_found_best_is_told_where_it_is_known(
    zk: KazooClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["site", "status"])
    assert "evacuations at once" not in capsys.readouterr().out
    zk.set(layout.LEARNT, encode(Learnt(1_700_000_000.0, (), 4)))
    run(["site", "status"])
    assert "evacuations at once: 4 found best, 2023-11-14" in capsys.readouterr().out
    run(["site", "status", "--prometheus"])
    assert "medevac_evacuations_at_once 4.0" in capsys.readouterr().out
    run(["site", "status", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["at_once"], told["learnt_at"]) == (4, 1_700_000_000.0)


def test_of_many_that_a_storm_holds_the_first_is_told_and_the_rest_counted(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard(az1=16)
    yard.lose(*(f"az1-c{n}" for n in range(1, 14)))
    run(["site", "status"])
    shown = capsys.readouterr().out
    assert shown.count("is held by breaker:") == 1
    assert "PROBLEM: 11 more incidents are held by breaker: medevac incident list" in shown
    assert shown.count("the end of the storm, or: medevac incident release ID --why ...") == 1
    assert " and 11 more  breaker  " in shown


def test_a_calm_site_is_looked_at_seldom_and_a_stormy_one_until_it_is_calm(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    watching = watch(yard)
    assert watching.due(), "nobody has looked yet"
    assert watching.look().calm
    assert not watching.due()
    yard.lose(*(f"az1-c{n}" for n in range(1, 4)))
    yard.bench.pass_time(5)
    assert watching.due()
    assert not watching.look().calm
    for host in ("az1-c1", "az1-c2", "az1-c3"):
        yard.end(host)
        with yard.bench.site.world.settled() as world:
            machines.power_on(world, host)
    yard.bench.pass_time(1800 + 400)
    assert watching.due(), "it was not calm when last looked at"
    assert watching.look().calm
    yard.bench.pass_time(CALM - 1)
    assert not watching.due()
    yard.bench.pass_time(2)
    assert watching.due()


def test_an_event_that_waits_is_looked_at(make_yard: MakeYard) -> None:
    yard = make_yard()
    watching = watch(yard)
    watching.look()
    yard.bench.pass_time(5)
    yard.bench.post(yard.bench.host_event(EventKind.HOST_DOWN, "az1-c1"))
    assert watching.due()


def test_that_it_is_we_who_are_blind_is_told(make_yard: MakeYard, capsys: pytest.CaptureFixture[str]) -> None:
    yard = make_yard(az1=2, az2=2)
    with yard.bench.site.world.settled() as world:
        for host in world.hosts:
            machines.cut_network(world, host)
    yard.bench.pass_time(120)
    assert watch(yard).look().blind == "Nova hears none of the 4 compute services in service"
    assert run(["site", "status"]) == 1
    assert "PROBLEM: medevac cannot see: Nova hears none of the 4" in capsys.readouterr().out


def test_a_site_of_an_older_release_has_no_levels_and_what_cannot_be_read_is_none(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.client.delete(layout.LEVELS)
    assert levels.read(yard.client) is None
    assert watch(yard).look() == levels.read(yard.client)
    yard.client.set(layout.LEVELS, b"garbage")
    assert levels.read(yard.client) is None
