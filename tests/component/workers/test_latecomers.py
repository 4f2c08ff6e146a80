"""People are told what Nova does when a recovery is over, once for each server; where all is well nobody asks."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import actions, machines
from medevac.workers.latecomers import KEPT, LOOK_EVERY
from tests.component.workers.bench import DATABASE, HOST, SERVERS, WEB, Bench

INCIDENT = f"host.down:{HOST}:1"
STILL, THERE = "compute-2", "compute-3"
OFF = {"action": "off", "by": "fence-device", "client": "pacemaker-controld.1", "result": "OK"}


@pytest.fixture
def left(bench: Bench) -> Bench:
    """Return a site on which a host was recovered while another stood still, which has yet to do what it was told."""
    bench.sit_at(replace(bench.desk, notifier=bench.site.notifier))
    with bench.site.world.settled() as world:
        machines.freeze_compute(world, STILL)
        machines.power_off(world, HOST)
        world.hosts[THERE].disabled = True

    def enable() -> None:
        world.hosts[THERE].disabled = False

    world.after(60.0, enable)
    bench.settled(bench.host_event(EventKind.HOST_FENCED, facts=OFF))
    bench.work()
    assert bench.incident(INCIDENT).state is IncidentState.RECOVERED
    look(bench)
    return bench


def look(bench: Bench, rounds: int = 1) -> list[str]:
    """Let triage look again after a while, *rounds* times; return what people were told by then."""
    for _ in range(rounds):
        bench.intake.reconsider()
        bench.pass_time(LOOK_EVERY)
        bench.intake.reconsider()
        for thread in threading.enumerate():
            if thread.name == "page":
                thread.join(30.0)
    return [message.text for message in bench.site.notifier.sent]


def thaw(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.thaw_compute(world, STILL)
    bench.pass_time(60.0)


def states(bench: Bench) -> set[str]:
    return {bench.site.world.servers[SERVERS[name]].vm_state for name in (WEB, DATABASE)}


def test_servers_that_nova_puts_into_error_late_are_told_once_in_one_message(left: Bench) -> None:
    assert look(left) == []
    thaw(left)
    assert states(left) == {"error"}
    (text,) = look(left)
    assert all(f"openstack server set --state active {SERVERS[name]}" in text for name in (WEB, DATABASE))
    assert look(left, 3) == [text]
    assert states(left) == {"error"}, "nothing is done about it but by people"
    assert left.journal(INCIDENT).count("is in ERROR on compute-3") == 2
    assert left.journal(INCIDENT).count("told page") == 2


def test_a_new_leader_tells_nobody_once_more(left: Bench) -> None:
    thaw(left)
    told = look(left)
    assert len(told) == 1
    left.sit_at(left.desk)
    assert look(left, 3) == told
    assert left.journal(INCIDENT).count("is in ERROR on compute-3") == 2


def test_a_page_that_does_not_go_out_is_tried_again_by_whoever_leads(left: Bench) -> None:
    left.site.notifier.fails = True
    thaw(left)
    assert look(left, 2) == []
    assert left.journal(INCIDENT).count("is in ERROR on compute-3") == 2
    left.sit_at(left.desk)
    left.site.notifier.fails = False
    assert len(look(left, 2)) == 1


def test_what_people_have_mended_before_is_not_told(left: Bench) -> None:
    thaw(left)
    with left.site.world.settled() as world:
        for name in (WEB, DATABASE):
            actions.reset_state(world, SERVERS[name], "active")
    assert look(left, 2) == []


def test_without_anybody_to_page_the_timeline_tells(left: Bench) -> None:
    left.sit_at(replace(left.desk, notifier=None))
    thaw(left)
    assert look(left, 2) == []
    assert left.journal(INCIDENT).count("is in ERROR on compute-3") == 2


def test_a_recovery_of_long_ago_is_not_looked_at(left: Bench) -> None:
    left.pass_time(KEPT)
    thaw(left)
    assert look(left, 2) == []


def test_nova_is_asked_once_where_all_went_well_and_then_no_more(bench: Bench) -> None:
    bench.settled(bench.host_event(EventKind.HOST_FENCED, facts=OFF))
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    bench.work()
    assert bench.incident(INCIDENT).state is IncidentState.RECOVERED
    before = world.requests.total()
    look(bench)
    asked = world.requests.total() - before
    look(bench, 5)
    assert 1 <= asked == world.requests.total() - before


def test_while_nova_is_away_triage_goes_on_and_it_is_told_afterwards(left: Bench) -> None:
    thaw(left)
    order = left.site.world.mishaps.order("reset", path="os-migrations")
    assert look(left, 2) == []
    left.site.world.mishaps.orders.remove(order)
    assert len(look(left)) == 1
