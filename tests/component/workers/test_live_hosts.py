"""Hosts that live and lack something: what opens an incident, what Nova's heartbeats say to it, and what ends it."""

from __future__ import annotations

import re

import pytest

from medevac.core.event import EventKind
from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import control, machines, services
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.services import ServiceUpdate
from tests.component.workers.bench import HOST, HOSTS, POLICY, Bench

AT_ONCE: tuple[tuple[EventKind, dict[str, str], str], ...] = (
    (EventKind.LIBVIRT_DOWN, {}, "libvirt.down"),
    (EventKind.HOST_NETWORK_DOWN, {"role": "tenant", "interface": "bond1"}, "host.network.tenant.down"),
    (EventKind.HOST_NETWORK_DOWN, {"role": "storage"}, "host.network.storage.down"),
    (EventKind.HOST_NETWORK_DOWN, {}, "host.network.down"),
    (EventKind.HOST_DEGRADED, {"what": "edac"}, "host.degraded"),
)


def kill_compute(bench: Bench, *hosts: str) -> None:
    with bench.site.world.settled() as world:
        for host in hosts:
            machines.kill_compute(world, host)


@pytest.mark.parametrize(("kind", "facts", "failure"), AT_ONCE, ids=[failure for _, _, failure in AT_ONCE])
def test_what_the_host_itself_tells_opens_an_incident(
    bench: Bench, kind: EventKind, facts: dict[str, str], failure: str
) -> None:
    handled = bench.settled(bench.host_event(kind, facts=facts))
    assert (handled.outcome, handled.incident) == (Outcome.INCIDENT, f"{failure}:{HOST}:1")
    assert bench.incident(handled.incident).facts == facts
    again = bench.settled(bench.host_event(kind, facts=facts))
    assert (again.outcome, again.incident) == (Outcome.DUPLICATE, handled.incident)
    assert len(bench.incidents()) == 1


def test_the_loss_of_two_networks_is_two_incidents(bench: Bench) -> None:
    for role in ("tenant", "storage"):
        bench.settled(bench.host_event(EventKind.HOST_NETWORK_DOWN, facts={"role": role}))
    assert len(bench.incidents()) == 2


def test_a_nova_compute_that_nova_has_not_heard_for_long_is_down_at_once(bench: Bench) -> None:
    kill_compute(bench, HOST)
    bench.pass_time(120.0)
    handled = bench.settled(bench.host_event(EventKind.NOVA_COMPUTE_DOWN))
    assert (handled.outcome, handled.incident) == (Outcome.INCIDENT, f"nova-compute.down:{HOST}:1")


def test_a_nova_compute_that_just_died_is_down_when_no_heartbeat_contradicts_in_time(bench: Bench) -> None:
    kill_compute(bench, HOST)
    event = bench.host_event(EventKind.NOVA_COMPUTE_DOWN)
    assert bench.told(event) is None
    bench.pass_time(float(bench.desk.rules.heartbeat) + 1)
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.outcome is Outcome.INCIDENT


def test_a_nova_compute_that_nova_hears_is_not_down(bench: Bench) -> None:
    event = bench.host_event(EventKind.NOVA_COMPUTE_DOWN)
    bench.pass_time(40.0)
    handled = bench.settled(event)
    assert handled.outcome is Outcome.IGNORED
    assert "Nova heard it" in handled.reason


def test_a_disable_by_somebody_is_not_taken_for_a_heartbeat(bench: Bench) -> None:
    kill_compute(bench, HOST)
    event = bench.host_event(EventKind.NOVA_COMPUTE_DOWN)
    bench.pass_time(8.0)
    with bench.site.world.settled() as world:
        services.update(world, world.host(HOST), ServiceUpdate("disabled", "what is wrong with it?"))
    assert bench.told(event) is None
    bench.pass_time(25.0)
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.outcome is Outcome.INCIDENT


def test_an_event_about_nova_compute_waits_while_all_are_silent_and_is_judged_when_they_speak_again(
    bench: Bench,
) -> None:
    kill_compute(bench, *HOSTS)
    bench.pass_time(120.0)
    event = bench.host_event(EventKind.NOVA_COMPUTE_DOWN)
    assert bench.told(event) is None
    with bench.site.world.settled() as world:
        for host in HOSTS[1:]:
            machines.start_compute(world, host)
    bench.pass_time(20.0)
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.outcome is Outcome.INCIDENT


def test_no_host_is_judged_while_no_conductor_of_nova_is_up(bench: Bench) -> None:
    kill_compute(bench, HOST)
    with bench.site.world.settled() as world:
        control.take_down(world, "nova-conductor")
    bench.pass_time(120.0)
    assert bench.told(bench.host_event(EventKind.NOVA_COMPUTE_DOWN)) is None
    assert bench.incidents() == []


def test_the_end_of_a_failure_makes_its_earlier_sign_pointless(bench: Bench) -> None:
    down = bench.host_event(EventKind.LIBVIRT_DOWN)
    bench.pass_time(5.0)
    up = bench.host_event(EventKind.LIBVIRT_UP)
    bench.post(down, up)
    bench.triage.settle_waiting()
    handled = bench.handled(down)
    assert handled is not None
    assert (handled.outcome, handled.reason) == (Outcome.IGNORED, f"libvirt.down of {HOST} is over since")


def test_the_end_of_a_failure_is_told_in_the_journal_of_its_recovery(bench: Bench) -> None:
    opened = bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN))
    bench.pass_time(5.0)
    handled = bench.settled(bench.host_event(EventKind.LIBVIRT_UP))
    assert (handled.outcome, handled.incident) == (Outcome.DUPLICATE, opened.incident)
    assert bench.incident(opened.incident).state is IncidentState.RECOVERING
    assert "libvirt.down of compute-1 is over" in bench.journal(opened.incident)


def test_a_host_that_stayed_disabled_comes_back_when_its_failure_is_over(bench: Bench) -> None:
    flow = "libvirt.down: [disable, {restart_service: {service: libvirt, timeout: 20s}}]"
    promise = bench.folder / "policies" / "90-everyone.yaml"
    promise.write_text(re.sub("libvirt.down: .*", flow, POLICY))
    with bench.site.world.settled() as world:
        machines.stop_libvirt(world, HOST)
        world.hosts[HOST].disabled, world.hosts[HOST].disabled_reason = False, None  # as if Nova had not noticed yet
        world.mishaps.fail_restarts[HOST] = ANY
    opened = bench.settled(bench.host_event(EventKind.LIBVIRT_DOWN))
    bench.work()
    assert bench.incident(opened.incident).state is IncidentState.HELD
    assert bench.site.world.hosts[HOST].disabled
    with bench.site.world.settled() as world:
        machines.start_libvirt(world, HOST)
    bench.pass_time(5.0)
    back = bench.settled(bench.host_event(EventKind.LIBVIRT_UP))
    assert back.incident == f"host.up:{HOST}:1"
    assert bench.incident(opened.incident).state is IncidentState.SUPERSEDED
    bench.work()
    assert not bench.site.world.hosts[HOST].disabled
    assert bench.incident(back.incident).state is IncidentState.RECOVERED


def test_a_service_of_the_control_plane_opens_nothing_and_is_noted(bench: Bench) -> None:
    handled = bench.settled(bench.host_event(EventKind.CONTROL_PLANE_DOWN, "nova-api", {"service": "nova-api"}))
    assert handled.outcome is Outcome.IGNORED
    assert "no host is judged" in handled.reason
    assert bench.client.exists("/subjects/service:nova-api")
    bench.settled(bench.host_event(EventKind.CONTROL_PLANE_UP, "nova-api", {"service": "nova-api"}))
    assert bench.incidents() == []
