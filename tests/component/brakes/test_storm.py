"""Storms on a real ZooKeeper: hosts fail by the dozen, and few of them are touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.flows.policy.duration import Duration
from medevac.sandbox.cloud.model import machines
from medevac.workers.brakes import marks, orders
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import Yard, zone


def test_one_host_of_twenty_is_recovered_at_once(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose("az1-c1")
    assert yard.going() == ["az1-c1"]


def test_a_storm_is_known_from_the_events_that_wait_before_its_first_host_is_touched(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose(*zone(6))
    assert len(yard.going()) == 1
    held = [yard.incident(host) for host in yard.held()]
    assert {each.held_by for each in held} == {"breaker"}
    assert "6 of the 10 hosts of zone az1 have failed within 30m" in held[0].reason


def test_a_storm_goes_on_at_its_slow_rate(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose(*zone(4))
    for expected in (1, 2, 3, 4):
        assert len(yard.going()) == expected
        yard.begin()
        yard.later(60)
        assert len(yard.going()) == expected
        yard.later(41)


def test_the_slow_rate_counts_from_when_a_worker_began_however_long_they_were_busy(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose(*zone(3))
    (first,) = yard.going()
    for _ in range(4):
        yard.later(101)
        assert yard.going() == [first], "it may be begun at any moment"
    yard.begin()
    yard.later(60)
    assert yard.going() == [first]
    yard.later(41)
    assert len(yard.going()) == 2


def test_a_recovery_that_no_worker_may_begin_keeps_nobody_back(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose(*zone(4))
    (first,) = yard.going()
    yard.later(50)
    orders.hold(yard.client, f"host.down:{first}:1", yard.said())
    yard.later(51)
    assert len(yard.going()) == 2
    (second,) = set(yard.going()) - {first}
    marks.put(yard.client, marks.Disarm(f"host:{second}", marks.Mode.FREEZE, "alice", "a look", yard.now))
    yard.later(101)
    assert len(yard.going()) == 3


def test_a_host_that_people_have_taken_over_slows_the_others_when_it_is_begun(make_yard: MakeYard) -> None:
    yard = make_yard(window=Duration(60), cooldown=Duration(0))
    yard.lose(*zone(4))
    (first,) = yard.going()
    with yard.bench.site.world.settled() as world:
        host = world.hosts[first]
        host.disabled, host.disabled_reason, host.forced_down = True, "board broken", True
    yard.later(300)
    assert yard.going() == [first]
    yard.begin()
    yard.later(60)
    assert yard.going() == [first]
    yard.later(41)
    assert len(yard.going()) == 2


def test_no_more_are_begun_in_a_minute_than_wanted_however_long_workers_were_busy(make_yard: MakeYard) -> None:
    yard = make_yard(per_minute=2, hosts_at_once=50, least=100)
    yard.lose(*zone(4))
    first = yard.going()
    assert len(first) == 2
    yard.later(301)
    assert yard.going() == first
    assert "have begun within one minute, or are about to" in yard.incident(yard.held()[0]).reason
    yard.begin()
    yard.later(55)
    assert yard.going() == first
    yard.later(6)
    assert len(yard.going()) == 4


def test_hosts_whose_events_have_waited_for_longer_than_the_window_are_lost_all_the_same(make_yard: MakeYard) -> None:
    yard = make_yard()
    with yard.bench.site.world.settled() as world:
        for host in zone(4):
            machines.power_off(world, host)
    yard.bench.post(*(yard.bench.host_event(EventKind.HOST_DOWN, host) for host in zone(4)))
    yard.bench.pass_time(2000)
    yard.bench.triage.settle_waiting()
    assert len(yard.going()) == 1
    assert "4 of the 10 hosts of zone az1 have failed within 30m, or earlier" in yard.incident(yard.held()[0]).reason


def test_a_host_of_another_zone_is_not_slowed_by_the_storm(make_yard: MakeYard) -> None:
    yard = make_yard(az2=20)
    yard.lose(*zone(4))
    yard.lose("az2-c1")
    assert "az2-c1" in yard.going()


def test_earlier_victims_count_so_that_a_slow_cascade_is_a_storm_too(make_yard: MakeYard) -> None:
    yard = make_yard()
    for host in ("az1-c1", "az1-c2"):
        yard.lose(host)
        yard.end(host)
        yard.bench.pass_time(720)
    yard.lose("az1-c3", "az1-c4")
    assert yard.going() == []
    assert "4 of the 10 hosts of zone az1 have failed within 30m" in yard.incident(yard.held()[0]).reason
    yard.later(101)
    assert len(yard.going()) == 1
    yard.begin()
    yard.later(101)
    assert len(yard.going()) == 2


def lost_and_recovered(yard: Yard, *hosts: str, every: float) -> None:
    """Let *hosts* die one after another, each long recovered when the next dies; they are not mended."""
    for host in hosts:
        yard.lose(host)
        yard.later(120)
        assert yard.going() == [host]
        yard.taken_out(host)
        yard.end(host)
        yard.bench.pass_time(every)


def test_a_cascade_of_one_host_an_hour_waits_first_and_is_stopped_at_half_of_its_zone(make_yard: MakeYard) -> None:
    yard = make_yard(page=("oncall",))
    lost_and_recovered(yard, "az1-c1", "az1-c2", every=3600)
    yard.lose("az1-c3")
    third = yard.incident("az1-c3")
    assert (third.held_by, third.again_at) == ("breaker", third.opened_at + 100)
    assert "3 of the 10 hosts of zone az1 have failed within 30m, or earlier and are not back" in third.reason
    yard.later(1)
    assert len(yard.pages()) == 1, "somebody is told while it waits"
    yard.later(101)
    assert yard.going() == ["az1-c3"]
    yard.taken_out("az1-c3")
    yard.end("az1-c3")
    lost_and_recovered(yard, "az1-c4", every=3600)
    yard.lose("az1-c5")
    yard.new_leader()
    yard.later(7200)
    assert yard.going() == []
    assert "5 of the 10 hosts of zone az1 were lost one after another since" in yard.incident("az1-c5").reason
    orders.release(yard.client, "host.down:az1-c5:1", yard.said("the bad servers were stopped"))
    yard.later(1)
    assert yard.going() == ["az1-c5"]


def acknowledged_in_nova(yard: Yard, host: str) -> None:
    with yard.bench.site.world.settled() as world:
        world.hosts[host].disabled_reason = "its board is broken, CHG-7"


def announced(yard: Yard, host: str) -> None:
    marks.put(yard.client, marks.Maintenance(host, "bob", "its board is broken", yard.now))


@pytest.mark.parametrize("taken_over", [acknowledged_in_nova, announced])
def test_hosts_that_people_have_taken_over_slow_nobody_down(
    make_yard: MakeYard, taken_over: Callable[[Yard, str], None]
) -> None:
    yard = make_yard()
    broken = ("az1-c1", "az1-c2")
    lost_and_recovered(yard, *broken, every=14 * 86_400)
    for host in broken:
        taken_over(yard, host)
    yard.lose("az1-c3")
    assert yard.going() == ["az1-c3"]


def test_alerts_that_come_a_second_apart_are_one_storm(make_yard: MakeYard) -> None:
    yard = make_yard()
    for host in zone(4):
        yard.lose(host)
        yard.bench.pass_time(1)
    assert yard.going() == ["az1-c1", "az1-c2"]
    assert {yard.incident(host).held_by for host in yard.held()} == {"breaker"}


def test_a_storm_takes_back_the_jobs_that_nobody_has_begun_and_lets_them_go_one_after_another(
    make_yard: MakeYard,
) -> None:
    yard = make_yard()
    for host in ("az1-c1", "az1-c2"):
        yard.lose(host)
    assert yard.bench.jobs == 2
    yard.begin("az1-c1")
    yard.lose("az1-c3")
    yard.later(0)
    assert yard.going() == ["az1-c1"], "what was begun is finished"
    assert yard.bench.jobs == 1
    taken = yard.incident("az1-c2")
    assert (taken.state, taken.held_by) == (IncidentState.HELD, "breaker")
    assert "taken back, nobody had begun it; held by breaker: 3 of the 10 hosts" in yard.bench.journal(taken.id)
    for number in (2, 3):
        yard.later(101)
        assert len(yard.going()) == number
        yard.later(3)
        assert len(yard.going()) == number, "what was let go again is left on the board"
        yard.begin()
    with yard.conducting():
        assert {yard.over(host).state for host in ("az1-c1", "az1-c2", "az1-c3")} == {IncidentState.RECOVERED}


def test_of_jobs_that_nobody_has_begun_a_storm_leaves_the_first_on_the_board(make_yard: MakeYard) -> None:
    yard = make_yard()
    for host in ("az1-c1", "az1-c2", "az1-c3"):
        yard.lose(host)
    yard.later(0)
    assert yard.going() == ["az1-c1"]
    assert yard.held() == ["az1-c2", "az1-c3"]


def test_a_job_that_an_operator_released_is_not_taken_back(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*zone(4))
    orders.release(yard.client, "host.down:az1-c2:1", yard.said("the rack burnt down"))
    for _ in range(3):
        yard.later(5)
        assert yard.going() == ["az1-c2"]


def test_a_whole_zone_is_stopped_and_a_successor_of_the_leader_stays_with_that(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*zone(4))
    assert yard.going() == []
    yard.new_leader()
    yard.later(700)
    assert yard.going() == []
    assert "all 4 hosts of zone az1 are down" in yard.incident("az1-c1").reason


def test_a_zone_that_comes_back_in_part_goes_on_slowly(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*zone(4))
    with yard.bench.site.world.settled() as world:
        machines.power_on(world, "az1-c4")
    yard.bench.pass_time(120)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_MEMBER, "az1-c4"))
    yard.later(0)
    assert len(yard.going()) == 1
    assert "az1-c4" not in yard.going()


def test_an_operator_lets_one_go_in_spite_of_the_storm(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*zone(4))
    orders.release(yard.client, "host.down:az1-c2:1", yard.said("the rack burnt down"))
    yard.later(1)
    assert yard.going() == ["az1-c2"]


def test_a_humans_word_stands_in_the_journal_though_the_storm_holds_the_host_as_before(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*(f"az1-c{n}" for n in range(1, 5)))
    held = yard.incident("az1-c1")
    word = {"human": "yes", "by": "ann", "action": "acknowledged", "result": "pulled both cords"}
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_FENCED, "az1-c1", facts=word))
    assert (yard.incident("az1-c1").reason, yard.incident("az1-c1").held_by) == (held.reason, "breaker")
    assert "(acknowledged by ann: pulled both cords). held by breaker" in yard.bench.journal(held.id)


def test_hosts_on_which_something_fails_are_not_taken_for_dead(make_yard: MakeYard) -> None:
    yard = make_yard(az1=3)
    yard.bench.post(*(yard.bench.host_event(EventKind.HOST_DEGRADED, host) for host in zone(3)))
    yard.bench.triage.settle_waiting()
    yard.bench.pass_time(5)
    yard.lose("az1-c1")
    assert yard.incident("az1-c1").state is IncidentState.RECOVERING
