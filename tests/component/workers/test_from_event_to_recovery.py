"""From the cause to the recovered server: triage, job board, conductor and flow of the product, one failure each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import guests, machines
from medevac.sandbox.cloud.model.world import World
from tests.component.workers.bench import DATABASE, HOST, SERVERS, WEB, Bench

UP_FOR = 900.0
"""Seconds for which everything has worked before."""


@dataclass(frozen=True)
class Failure:
    """What is done to the site, and what a trigger tells of it."""

    kind: EventKind
    break_it: Callable[[World], None]
    facts: dict[str, str]


def storage_fails(world: World) -> None:
    guests.pause(world, SERVERS[WEB], "ioerror")


FAILURES = {
    "server.crashed": Failure(
        EventKind.SERVER_CRASHED, lambda world: guests.crash(world, SERVERS[WEB]), {"cause": "qemu"}
    ),
    "server.stopped": Failure(
        EventKind.SERVER_STOPPED, lambda world: guests.crash(world, SERVERS[WEB], "unknown"), {"cause": "signal"}
    ),
    "server.hung": Failure(
        EventKind.SERVER_HUNG, lambda world: guests.hang(world, SERVERS[WEB]), {"cause": "watchdog"}
    ),
    "server.io-error": Failure(EventKind.SERVER_IO_ERROR, storage_fails, {"cause": "disk", "paused": "yes"}),
    "workload.failed": Failure(
        EventKind.WORKLOAD_FAILED, lambda world: guests.hang(world, SERVERS[WEB]), {"probe": "tcp"}
    ),
}


def told(bench: Bench, name: str, began: float, seen_at: float, incident_id: str) -> None:
    """Print how long it took: on this machine, and on the clock of the simulated cloud."""
    ended = bench.incident(incident_id).ended_at or 0.0
    real, simulated = time.monotonic() - began, ended - seen_at
    sys.stdout.write(f"\n  {name}: event to recovered {real:.2f} s here, {simulated:.1f} s on the cloud's clock")


@pytest.mark.parametrize("name", FAILURES)
def test_a_server_that_failed_runs_again(bench: Bench, name: str) -> None:
    failure = FAILURES[name]
    bench.pass_time(UP_FOR)
    with bench.site.world.settled() as world:
        failure.break_it(world)
    seen_at, began = bench.now, time.monotonic()
    incident_id = bench.settled(bench.server_event(failure.kind, **failure.facts)).incident
    bench.work()
    told(bench, name, began, seen_at, incident_id)
    incident = bench.incident(incident_id)
    assert incident.state is IncidentState.RECOVERED, f"{incident.reason}\n{bench.journal(incident_id)}"
    server = bench.site.cloud.server(SERVERS[WEB])
    assert server is not None
    assert (server.host, server.vm_state, server.task_state) == (HOST, "active", "")
    with bench.site.world.settled() as world:
        guest = guests.running(world, SERVERS[WEB])
        assert (guest.host, guest.state, guest.silent) == (HOST, guests.RUNNING, False)
        assert list(world.ledger.hosts_of(SERVERS[DATABASE])) == [HOST]


SERVICES = {
    "nova-compute.down": (EventKind.NOVA_COMPUTE_DOWN, machines.kill_compute),
    "libvirt.down": (EventKind.LIBVIRT_DOWN, machines.stop_libvirt),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_a_host_that_lives_runs_again_and_its_servers_were_left_alone(bench: Bench, name: str) -> None:
    kind, break_it = SERVICES[name]
    bench.pass_time(UP_FOR)
    with bench.site.world.settled() as world:
        break_it(world, HOST)
    bench.pass_time(120.0)
    seen_at, began = bench.now, time.monotonic()
    incident_id = bench.settled(bench.host_event(kind)).incident
    bench.work()
    told(bench, name, began, seen_at, incident_id)
    incident = bench.incident(incident_id)
    assert incident.state is IncidentState.RECOVERED, f"{incident.reason}\n{bench.journal(incident_id)}"
    service = bench.site.cloud.host_service(HOST)
    assert service is not None
    assert (service.state, service.enabled, service.forced_down) == ("up", True, False)
    with bench.site.world.settled() as world:
        assert {world.ledger.hosts_of(SERVERS[server])[0] for server in (WEB, DATABASE)} == {HOST}
        assert "evacuate" not in str(world.requests)
