"""Returns and recoveries that are held go on when their time has come, on real ZooKeeper and TaskFlow's conductor."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.flows.failback import Failback, Window
from medevac.flows.policy.duration import DAY, Duration, TimeOfDay
from medevac.flows.returning import WayBack
from medevac.sandbox.cloud.model import machines, verdict
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.workers.brakes import orders
from tests.component.workers.bench import HOST, POLICY, SERVERS, SETTINGS, WEB, Bench

DEATH = f"host.down:{HOST}:1"
RETURN = f"host.up:{HOST}:1"
ROOM = 262_144
QUICK = WayBack(settle=Duration(30), clean=Duration(30), hold=Duration(30), again=Duration(60))


@pytest.fixture
def bench(zk: KazooClient, tmp_path: Path) -> Bench:
    made = Bench(zk, tmp_path)
    made.sit_at(replace(made.desk, settings=replace(SETTINGS, way_back=QUICK, capacity_again=300.0)))
    return made


def others(bench: Bench, ram_mb: int) -> None:
    """Give the other hosts so much memory."""
    with bench.site.world.settled() as world:
        for name in ("compute-2", "compute-3"):
            world.hosts[name].ram_mb = ram_mb


def die(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    assert bench.settled(bench.host_event(EventKind.HOST_FENCED, facts={"action": "off"})).incident == DEATH
    bench.work()


def come_back(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.power_on(world, HOST)
    bench.pass_time(60.0)
    assert bench.settled(bench.host_event(EventKind.HOST_MEMBER)).incident == RETURN


def wants_them_back(bench: Bench) -> None:
    """Let servers go back to their host in a window that begins in one or two hours."""
    hour = int(bench.now % DAY // 3600)
    window = Window(TimeOfDay((hour + 2) % 24, 0), TimeOfDay((hour + 4) % 24, 0))
    way_back = replace(QUICK, failback=Failback(window=window))
    bench.sit_at(replace(bench.desk, settings=replace(SETTINGS, way_back=way_back)))


def look_again(bench: Bench, incident: str) -> None:
    bench.pass_time(bench.incident(incident).again_at - bench.now + 1)
    bench.intake.reconsider()
    bench.work()


def host(bench: Bench) -> Host:
    with bench.site.world.settled() as world:
        return world.hosts[HOST]


def assert_clean(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        assert verdict.violations(world) == ()
        assert verdict.check_all_running(world) == ()


def test_servers_without_room_are_tried_again_and_are_back_when_there_is_some(bench: Bench) -> None:
    others(bench, 600)
    die(bench)
    found = bench.incident(DEATH)
    assert (found.state, found.held_by) == (IncidentState.HELD, "capacity"), found.reason
    others(bench, ROOM)
    look_again(bench, DEATH)
    assert bench.incident(DEATH).state is IncidentState.RECOVERED, bench.journal(DEATH)
    assert_clean(bench)


def test_an_abort_of_what_had_been_tried_does_not_say_that_nothing_was_done(bench: Bench) -> None:
    others(bench, 600)
    die(bench)
    stood = bench.incident(DEATH).reason
    orders.abort(bench.client, DEATH, orders.Given("ann", "enough", bench.now))
    found = bench.incident(DEATH)
    assert found.state is IncidentState.PARKED
    assert found.reason == f"aborted by ann: enough; it had been tried once, and what that did stays as it is: {stood}"


def test_a_host_that_returns_before_there_is_room_takes_its_servers_up_again(bench: Bench) -> None:
    others(bench, 600)
    die(bench)
    come_back(bench)
    assert bench.incident(DEATH).state is IncidentState.SUPERSEDED
    bench.work()
    assert bench.incident(RETURN).state is IncidentState.RECOVERED, bench.journal(RETURN)
    assert (host(bench).forced_down, host(bench).disabled) == (False, False)
    with bench.site.world.settled() as world:
        assert world.servers[SERVERS[WEB]].vm_state == "active"
    assert_clean(bench)


def test_a_return_whose_nova_compute_is_late_is_held_and_goes_on_later(bench: Bench) -> None:
    die(bench)
    assert bench.incident(DEATH).state is IncidentState.RECOVERED
    bench.pass_time(30)  # no host is reached in the moment in which it was fenced
    assert bench.settled(bench.host_event(EventKind.HOST_MEMBER)).incident == RETURN
    bench.work()
    found = bench.incident(RETURN)
    assert (found.state, found.held_by) == (IncidentState.HELD, "way-back")
    assert "not back in service" in (host(bench).disabled_reason or "")
    with bench.site.world.settled() as world:
        machines.power_on(world, HOST)
    look_again(bench, RETURN)
    assert bench.incident(RETURN).state is IncidentState.RECOVERED, bench.journal(RETURN)
    assert (host(bench).forced_down, host(bench).disabled, host(bench).disabled_reason) == (False, False, None)
    assert_clean(bench)


def test_servers_wait_for_the_window_with_their_host_in_service_and_go_back_when_it_begins(bench: Bench) -> None:
    wants_them_back(bench)
    die(bench)
    come_back(bench)
    bench.work()
    found = bench.incident(RETURN)
    assert (found.state, found.held_by) == (IncidentState.HELD, "failback"), bench.journal(RETURN)
    assert (host(bench).forced_down, host(bench).disabled) == (False, False)
    look_again(bench, RETURN)
    assert bench.incident(RETURN).state is IncidentState.RECOVERED, bench.journal(RETURN)
    with bench.site.world.settled() as world:
        assert world.servers[SERVERS[WEB]].host == HOST
    assert_clean(bench)


def test_a_host_that_dies_while_its_servers_wait_for_the_window_takes_the_return_over(bench: Bench) -> None:
    wants_them_back(bench)
    die(bench)
    come_back(bench)
    bench.work()
    bench.pass_time(60.0)
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    again = bench.settled(bench.host_event(EventKind.HOST_FENCED, facts={"action": "off"})).incident
    assert again == f"host.down:{HOST}:2"
    bench.intake.reconsider()
    assert bench.incident(RETURN).state is IncidentState.SUPERSEDED


def test_a_host_that_is_taken_out_for_less_while_its_servers_wait_comes_back_without_waiting(bench: Bench) -> None:
    wants_them_back(bench)
    bench.sit_at(replace(bench.desk, rules=replace(bench.desk.rules, host_recoveries=9)))
    flow = "libvirt.down: [disable, {restart_service: {service: libvirt, timeout: 20s}}]"
    (bench.folder / "policies" / "90-everyone.yaml").write_text(re.sub("libvirt.down: .*", flow, POLICY))
    die(bench)
    come_back(bench)
    bench.work()
    assert bench.incident(RETURN).held_by == "failback"
    with bench.site.world.settled() as world:
        machines.stop_libvirt(world, HOST)
        world.hosts[HOST].disabled, world.hosts[HOST].disabled_reason = False, None  # as if Nova had not noticed yet
        world.mishaps.fail_restarts[HOST] = ANY
    bench.pass_time(5.0)
    opened = bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN)).incident
    bench.work()
    assert host(bench).disabled, bench.journal(opened)
    with bench.site.world.settled() as world:
        machines.start_libvirt(world, HOST)
    bench.pass_time(5.0)
    assert bench.settled(bench.host_event(EventKind.LIBVIRT_UP)).incident == f"host.up:{HOST}:2"
    assert bench.incident(RETURN).state is IncidentState.SUPERSEDED
    bench.work()
    assert not host(bench).disabled, bench.journal(f"host.up:{HOST}:2")
