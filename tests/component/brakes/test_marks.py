"""Disarm, arm and maintenance on a real ZooKeeper: they outlive every worker, and nothing announced is a failure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core import layout
from medevac.core.cluster import parse_status
from medevac.core.event import EventKind
from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines
from medevac.workers.brakes import marks, orders
from medevac.workers.brakes.going import set_going
from medevac.workers.brakes.marks import Disarm, Maintenance, Mode
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.engine.board import Board
from medevac.workers.engine.job import BoardJob
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.housekeeping import Retention, tidy
from medevac.workers.recovery import Recovery
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import Yard

STATUS = Path(__file__).parents[2] / "data" / "pacemaker-status"


def disarmed(yard: Yard, scope: str = "cloud", mode: Mode = Mode.FREEZE, lasts: float = 0.0) -> Disarm:
    mark = Disarm(scope, mode, "alice", "the switches are replaced", yard.now, yard.now + lasts if lasts else 0.0)
    marks.put(yard.client, mark)
    return mark


def armed(yard: Yard, scope: str = "cloud") -> None:
    assert marks.remove(yard.client, layout.disarm(scope))
    set_going(yard.client, lambda each: each.held_by == "disarm", "armed", yard.now)


@pytest.mark.parametrize("scope", ["cloud", "az1", "zone:az1", "host:az1-c1", "az1-c1"])
def test_what_fails_where_it_is_frozen_is_held_and_goes_when_armed(make_yard: MakeYard, scope: str) -> None:
    yard = make_yard()
    disarmed(yard, scope)
    yard.lose("az1-c1")
    assert yard.incident("az1-c1").held_by == "disarm"
    assert "is disarmed by alice (the switches are replaced; mode freeze)" in yard.incident("az1-c1").reason
    armed(yard, scope)
    yard.later(0)
    assert yard.going() == ["az1-c1"]


def test_what_fails_elsewhere_is_recovered(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard, "az1")
    yard.lose("az2-c1")
    assert yard.going() == ["az2-c1"]


def test_a_disarmed_site_stays_so_under_a_new_leader_and_for_as_long_as_it_takes(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard)
    yard.new_leader()
    yard.lose("az1-c1")
    yard.later(100_000)
    assert yard.held() == ["az1-c1"]


def test_it_ends_by_itself_at_its_time(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard, lasts=3600)
    yard.lose("az1-c1")
    yard.later(3500)
    assert yard.held() == ["az1-c1"]
    yard.later(200)
    assert yard.going() == ["az1-c1"]


def test_where_failures_are_ignored_they_are_ignored_with_the_reason(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard, mode=Mode.IGNORE)
    yard.lose("az1-c1")
    found = yard.incident("az1-c1")
    assert found.state is IncidentState.IGNORED
    assert found.reason == "cloud is disarmed by alice (the switches are replaced; mode ignore)"


def test_arming_reads_the_world_again_and_leaves_a_host_that_is_back(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard)
    yard.lose("az1-c1")
    with yard.bench.site.world.settled() as world:
        machines.power_on(world, "az1-c1")
    yard.bench.pass_time(120)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_MEMBER, "az1-c1"))
    armed(yard)
    yard.later(0)
    assert yard.going() == []
    assert yard.incident("az1-c1").state is IncidentState.IGNORED


def test_arming_lets_the_servers_of_a_host_that_was_fenced_and_is_back_be_started_there(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard)
    yard.lose("az1-c1", kind=EventKind.HOST_FENCED)
    with yard.bench.site.world.settled() as world:
        machines.power_on(world, "az1-c1")
    yard.bench.pass_time(10)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_MEMBER, "az1-c1"))
    armed(yard)
    yard.later(0)
    assert yard.incident("az1-c1").state is IncidentState.HELD, "nova-compute has not reported yet"
    yard.later(60)
    assert yard.incident("az1-c1").state is IncidentState.IGNORED
    yard.bench.triage.settle_waiting()
    yard.bench.work()
    with yard.bench.site.world.settled() as world:
        assert len(world.ledger.on_host("az1-c1")) == 3
    assert yard.bench.site.cloud.evacuations_from("az1-c1") == ()


def test_a_record_that_cannot_be_read_holds_back_all_the_same(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.client.create(layout.disarm("cloud"), b"garbage")
    yard.lose("az1-c1")
    assert yard.held() == ["az1-c1"]
    assert "its record cannot be read" in yard.incident("az1-c1").reason


def offered(yard: Yard) -> tuple[Obedience, list[BoardJob]]:
    """Return the hooks of a conductor, and the jobs on the board as it sees them."""
    site = yard.bench.site
    recovery = Recovery(yard.client, site.cloud, site.fencer, site.clock, "conductor")
    board = Board(yard.client, FencedBackend(yard.client))
    board.connect()
    return Obedience(yard.client, site.cloud, site.clock, yard.settings, recovery), list(
        board.iterjobs(ensure_fresh=True)
    )


def test_a_job_that_nobody_has_begun_waits_until_its_place_is_armed_and_one_that_was_begun_goes_on(
    make_yard: MakeYard,
) -> None:
    yard = make_yard()
    yard.lose("az1-c1")
    hooks, (job,) = offered(yard)
    assert hooks.may_claim(job)
    disarmed(yard, "az2")
    assert hooks.may_claim(job)
    disarmed(yard, "az1")
    assert not hooks.may_claim(job)
    yard.client.set(job.path, job.raw)
    assert hooks.may_claim(job), "claimed once, so begun"


def test_conductors_are_woken_when_a_place_is_armed(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.lose("az1-c1")
    disarmed(yard)
    with yard.conducting():
        armed(yard)
        assert yard.over("az1-c1").state is IncidentState.RECOVERED


def announced(yard: Yard, host: str, lasts: float = 0.0) -> None:
    marks.put(yard.client, Maintenance(host, "alice", "new memory", yard.now, yard.now + lasts if lasts else 0.0))


def emptied(yard: Yard, host: str) -> None:
    with yard.bench.site.world.settled() as world:
        for server in [each for each in world.servers.values() if each.host == host]:
            server.vm_state = "stopped"


def test_an_announced_stop_of_an_empty_host_is_ignored_and_is_no_part_of_a_storm(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    for host in ("az1-c1", "az1-c2", "az1-c3"):
        announced(yard, host)
        emptied(yard, host)
    yard.lose("az1-c1", "az1-c2", kind=EventKind.HOST_FENCED)
    assert yard.incident("az1-c1").state is IncidentState.IGNORED
    assert yard.incident("az1-c1").reason.endswith("no server runs on it: nothing is lost")
    yard.lose("az1-c4")
    assert yard.going() == ["az1-c4"]


def test_an_announced_stop_of_a_host_with_servers_is_held_until_somebody_says_so(make_yard: MakeYard) -> None:
    yard = make_yard()
    announced(yard, "az1-c1")
    yard.lose("az1-c1")
    found = yard.incident("az1-c1")
    assert (found.state, found.held_by) == (IncidentState.HELD, "maintenance")
    assert "but 3 of its servers are still there (az1-c1-s1, az1-c1-s2, az1-c1-s3)" in found.reason
    yard.later(3600)
    assert yard.held() == ["az1-c1"]
    orders.release(yard.client, found.id, yard.said())
    yard.later(1)
    assert yard.going() == ["az1-c1"]


def test_a_host_that_is_still_away_when_its_maintenance_ends_is_recovered(make_yard: MakeYard) -> None:
    yard = make_yard()
    announced(yard, "az1-c1", lasts=3600)
    yard.lose("az1-c1")
    yard.later(3500)
    assert yard.held() == ["az1-c1"]
    yard.later(200)
    assert yard.going() == ["az1-c1"]


def test_a_host_that_comes_back_from_its_maintenance_is_left_alone(make_yard: MakeYard) -> None:
    yard = make_yard()
    announced(yard, "az1-c1", lasts=3600)
    yard.lose("az1-c1")
    yard.bench.pass_time(600)
    with yard.bench.site.world.settled() as world:
        machines.power_on(world, "az1-c1")
    yard.later(3100)
    assert yard.incident("az1-c1").state is IncidentState.IGNORED
    assert yard.incident("az1-c1").reason.startswith("az1-c1 is back")


@pytest.mark.parametrize(
    ("reason", "held"),
    [
        ("Planned maintenance, see CHG-1234", True),
        ("kernel upgrade", True),
        ("medevac host.down:az1-c1:0: host.down", False),
        ("noisy neighbour", False),
        ("", False),
    ],
)
def test_novas_disabled_reason_announces_a_stop_when_it_says_so(make_yard: MakeYard, reason: str, held: bool) -> None:
    yard = make_yard()
    service = yard.bench.site.cloud.host_service("az1-c1")
    assert service is not None
    yard.bench.site.cloud.set_enabled(service, enabled=False, reason=reason)
    yard.lose("az1-c1")
    assert yard.held() == (["az1-c1"] if held else [])


@pytest.mark.parametrize("attribute", ["standby", "maintenance"])
def test_pacemakers_own_word_announces_a_stop(make_yard: MakeYard, attribute: str) -> None:
    yard = make_yard()
    captured = (STATUS / "history.xml").read_text().replace("compute1", "az1-c1").replace("compute2", "az1-c2")
    before, name, after = captured.partition('name="az1-c1"')
    yard.cluster = parse_status(before + name + after.replace(f'{attribute}="false"', f'{attribute}="true"', 1))
    yard.lose("az1-c1", "az1-c2")
    assert yard.going() == ["az1-c2"]
    assert f"az1-c1 is in {attribute} in Pacemaker, but 3 of its servers" in yard.incident("az1-c1").reason


def test_an_order_to_hold_outlives_the_end_of_a_maintenance(make_yard: MakeYard) -> None:
    yard = make_yard()
    announced(yard, "az1-c1", lasts=60)
    yard.lose("az1-c1")
    orders.hold(yard.client, "host.down:az1-c1:1", replace(yard.said(), why="I look at it myself"))
    yard.later(3600)
    assert yard.held() == ["az1-c1"]
    assert "on hold by alice: I look at it myself" in yard.incident("az1-c1").reason


def test_the_events_of_an_ignored_host_are_settled(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard, mode=Mode.IGNORE)
    handled = yard.bench.settled(yard.bench.host_event(EventKind.HOST_DOWN, "az1-c1"))
    assert (handled.outcome, handled.incident) == (Outcome.INCIDENT, "host.down:az1-c1:1")


def test_marks_that_ended_by_themselves_are_tidied_away_after_a_day(make_yard: MakeYard) -> None:
    yard = make_yard()
    disarmed(yard, "az1", lasts=3600)
    disarmed(yard, "az2")
    announced(yard, "az1-c1", lasts=3600)
    assert tidy(yard.client, Retention(), yard.now + 2 * 3600) == 0
    assert tidy(yard.client, Retention(), yard.now + 2 * 86_400) == 2
    assert [each.scope for each in marks.disarms(yard.client, yard.now)] == ["az2"]
    assert marks.maintenances(yard.client, yard.now) == ()
