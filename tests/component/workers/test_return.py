"""Hosts that the cluster reaches again: noted, and brought back where medevac took them out."""

from __future__ import annotations

from medevac.core.event import EventKind
from medevac.core.handled import Outcome
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines, services
from medevac.sandbox.cloud.model.services import ServiceUpdate
from tests.component.workers.bench import HOST, Bench


def die(bench: Bench) -> str:
    """Let the host die and be recovered; return its incident."""
    with bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    return bench.settled(bench.host_event(EventKind.HOST_FENCED, facts={"action": "off"})).incident


def come_back(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        machines.power_on(world, HOST)
    bench.pass_time(60.0)


def test_a_host_that_medevac_took_out_gets_an_incident_for_its_return(bench: Bench) -> None:
    death = die(bench)
    bench.work()
    assert bench.incident(death).state is IncidentState.RECOVERED
    come_back(bench)
    handled = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert (handled.outcome, handled.incident) == (Outcome.INCIDENT, f"host.up:{HOST}:1")
    copy = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert (copy.outcome, copy.incident) == (Outcome.DUPLICATE, handled.incident)


def test_a_return_waits_for_the_end_of_the_recovery(bench: Bench) -> None:
    die(bench)
    service = bench.site.cloud.host_service(HOST)
    assert service is not None
    with bench.site.world.settled() as world:
        update = ServiceUpdate("disabled", f"medevac host.down:{HOST}:1: dead", forced_down=True)
        services.update(world, world.host(HOST), update)
    bench.pass_time(30)
    event = bench.host_event(EventKind.HOST_MEMBER)
    assert bench.told(event) is None
    bench.work()
    come_back(bench)
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.incident == f"host.up:{HOST}:1"


def test_one_that_is_told_before_the_host_is_taken_out_waits_too(bench: Bench) -> None:
    death = die(bench)
    bench.pass_time(30)
    event = bench.host_event(EventKind.HOST_MEMBER)
    assert bench.told(event) is None, "a conductor may take the host out yet"
    bench.work()
    assert bench.incident(death).state is IncidentState.RECOVERED
    come_back(bench)
    bench.triage.settle_waiting()
    handled = bench.handled(event)
    assert handled is not None
    assert handled.incident == f"host.up:{HOST}:1"


def test_one_that_was_told_before_the_host_was_fenced_opens_nothing(bench: Bench) -> None:
    opened = bench.settled(bench.host_event(EventKind.HOST_DOWN))
    reached = bench.host_event(EventKind.HOST_MEMBER)
    assert bench.told(reached) is None
    bench.pass_time(30)
    bench.work()
    assert bench.incident(opened.incident).state is IncidentState.RECOVERED
    bench.triage.settle_waiting()
    handled = bench.handled(reached)
    assert handled is not None
    assert (handled.outcome, handled.incident) == (Outcome.IGNORED, "")
    assert "or before it was fenced for that" in handled.reason


def test_a_host_that_somebody_else_took_out_is_only_noted(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        services.update(world, world.host(HOST), ServiceUpdate("disabled", "new fans", forced_down=True))
    handled = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert handled.outcome is Outcome.IGNORED
    assert handled.reason == (
        f"the cluster reaches {HOST}; it is left as it is: somebody else has disabled it (new fans), and it is forced "
        f"down: `nova service-force-down --unset {HOST}`"
    )


def test_a_host_that_dies_in_the_reserve_keeps_its_reason_and_it_is_said_what_it_waits_for(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        services.update(world, world.host(HOST), ServiceUpdate("disabled", "reserved"))
    death = die(bench)
    bench.work()
    kept = f"nova-compute on {HOST} forced down; it stays disabled for somebody else's reason (reserved)"
    assert kept in bench.journal(death)
    come_back(bench)
    handled = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert "somebody else has disabled it (reserved), and it is forced down: `nova service-force" in handled.reason


def test_that_a_host_was_reached_is_known_even_while_nova_does_not_answer(bench: Bench) -> None:
    fenced = bench.host_event(EventKind.HOST_FENCED)
    bench.pass_time(20.0)
    bench.site.world.mishaps.order("reset")
    assert bench.told(bench.host_event(EventKind.HOST_MEMBER)) is None
    bench.site.world.mishaps.withdraw()
    bench.pass_time(30.0)
    handled = bench.settled(fenced)
    assert handled.outcome is Outcome.IGNORED
    assert handled.reason == (
        f"the cluster has reached {HOST} again since; what ran there runs again, or was not to run"
    )


def test_a_host_that_dies_again_while_its_return_is_open_dies_first(bench: Bench) -> None:
    die(bench)
    bench.work()
    come_back(bench)
    back = bench.settled(bench.host_event(EventKind.HOST_MEMBER)).incident
    with bench.site.world.settled() as world:
        services.update(world, world.host(HOST), ServiceUpdate("enabled", forced_down=False))
        machines.power_off(world, HOST)
    bench.pass_time(1.0)
    second = bench.settled(bench.host_event(EventKind.HOST_FENCED, facts={"action": "off"})).incident
    assert second == f"host.down:{HOST}:2"
    assert bench.incident(back).state is IncidentState.SUPERSEDED


def test_that_the_cluster_reaches_a_host_does_not_bring_back_one_whose_network_is_gone(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        reason = f"medevac host.network.tenant.down:{HOST}:1: nobody reaches its servers"
        services.update(world, world.host(HOST), ServiceUpdate("disabled", reason))
    handled = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert (handled.outcome, handled.reason) == (Outcome.IGNORED, f"the cluster reaches {HOST}; noted")
    assert bench.jobs == 0


def test_a_host_that_died_while_something_of_it_was_being_mended_comes_back_all_the_same(bench: Bench) -> None:
    with bench.site.world.settled() as world:
        reason = f"medevac libvirt.down:{HOST}:1: it does not answer"
        services.update(world, world.host(HOST), ServiceUpdate("disabled", reason, forced_down=True))
    handled = bench.settled(bench.host_event(EventKind.HOST_MEMBER))
    assert handled.incident == f"host.up:{HOST}:1"
