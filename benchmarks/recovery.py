"""How fast a recovery begins, and what it costs beside the servers' own time, on a cloud that answers at once.

Prints JSON.  docs/benchmarks.md says what the figures mean, and which we had.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent))

import bare

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import encode
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.processes import Child
from medevac.sandbox.site import Plan, SandboxSite
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded

SIZES = (1, 10, 50, 100, 500)
DEADLINE = 300.0
SERVERS_BESIDE = 10
"""Servers of each host that stands beside."""
_FENCED = {"action": "off", "by": "node2", "result": "OK"}


@dataclass(frozen=True, slots=True)
class Figures:
    """One recovery of a host, from its event to its report."""

    servers: int
    seconds: float
    http_requests: int
    zookeeper_operations: int
    resident_mb: float
    """Of the conductor, when it was over."""
    cpu_seconds: float
    """That triage and the conductor were computing; other than *seconds*, it hardly depends on the machine's load."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    sizes = [size for size in SIZES if size <= arguments.largest]
    plan = _plan(sizes, arguments.events, arguments.hosts)
    with SandboxSite(plan) as site:
        found = {
            "machine": _machine(),
            "hosts": len(plan.cloud.hosts),
            "event_to_fence_ms": _latencies(site, arguments.events),
            "recovery": [_compared(site, size) for size in sizes],
            "triage_resident_mb": _resident(site.triages[0]),
        }
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30, help="how often event to fence is measured")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="most servers on the host")
    parser.add_argument(
        "--hosts", type=int, default=0, help="hosts beside, of ten servers each: how large the cloud is"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: few events, few servers")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.events, arguments.largest = 3, 10
    return arguments


def _plan(sizes: Sequence[int], events: int, beside: int) -> Plan:
    hosts = [_roomy("spare-1"), _roomy("spare-2")]
    hosts += [HostSpec(f"fence-{number}") for number in range(events)]
    hosts += [_roomy(f"beside-{number}") for number in range(beside)]
    servers = [
        ServerSpec(f"beside-{host}-{number}", f"beside-{host}")
        for host in range(beside)
        for number in range(SERVERS_BESIDE)
    ]
    for who in ("warm", "ours", "bare"):
        for size in sizes if who != "warm" else (5,):
            host = f"{who}-{size}"
            hosts.append(_roomy(host))
            servers += [ServerSpec(f"{host}-{number}", host) for number in range(size)]
    settings = Settings(evacuate_seconds=0.0, rpc_seconds=0.0)
    return Plan(SiteSpec(tuple(hosts), tuple(servers)), settings, conductors=1, triages=1)


def _roomy(name: str) -> HostSpec:
    return HostSpec(name, vcpus=10_000, ram_mb=10_000_000)


def _machine() -> Mapping[str, object]:
    return {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "python": sys.version.split()[0]}


def _latencies(site: SandboxSite, events: int) -> Mapping[str, object]:
    """Post *events* events, one after the other, and see when the fence agent is started for each."""
    calls = _watch_fence_agent(Path(site.environment()["MEDEVAC_SITE"]).parent)
    waits = []
    for number in range(events):
        posted = time.time()
        _recover(site, f"fence-{number}", EventKind.HOST_DOWN)
        called = [float(line) for line in calls.read_text().splitlines()]
        waits.append(1000 * (min(at for at in called if at >= posted) - posted))
    return {"events": events, **_percentiles(waits)}


def _watch_fence_agent(folder: Path) -> Path:
    """Put a script before the fence agent that notes when it was called."""
    (agent,) = folder.rglob("fence_sandbox")
    calls = folder / "fence-calls"
    real = agent.rename(agent.with_name("the_real_agent"))
    agent.write_text(f"#!/bin/sh\ndate +%s.%N >> {calls}\nexec {real}\n")
    agent.chmod(0o755)
    return calls


def _percentiles(waits: Sequence[float]) -> Mapping[str, float]:
    ordered = sorted(waits)
    late = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"p50": round(statistics.median(ordered), 1), "p95": round(late, 1), "worst": round(ordered[-1], 1)}


def _compared(site: SandboxSite, size: int) -> Mapping[str, object]:
    ours = _ours(site, size)
    lower = _bare(site, size)
    return {
        "servers": size,
        "seconds": round(ours.seconds, 3),
        "ms_per_server": round(1000 * ours.seconds / size, 1),
        "http_requests_per_server": round(ours.http_requests / size, 2),
        "zookeeper_operations_per_server": round(ours.zookeeper_operations / size, 2),
        "cpu_ms_per_server": round(1000 * ours.cpu_seconds / size, 1),
        "conductor_resident_mb": ours.resident_mb,
        "bare_seconds": round(lower["seconds"], 3),
        "bare_http_requests_per_server": round(lower["http_requests"] / size, 2),
        "ratio_to_bare": round(ours.seconds / lower["seconds"], 2),
    }


def _ours(site: SandboxSite, size: int) -> Figures:
    if size == 1:
        _recover(site, "warm-5", EventKind.HOST_FENCED)  # the first recovery of a process loads what it needs
    site.cloud.host("power-off", f"ours-{size}")
    site.cloud.reset_requests()
    operations, computed = site.zookeeper.packets(), _computed(site)
    report, looks = _recover(site, f"ours-{size}", EventKind.HOST_FENCED)
    assert report["state"] == "recovered", report["reason"]
    return Figures(
        servers=size,
        seconds=report["ended_at"] - report["opened_at"],
        http_requests=sum(site.cloud.requests().values()),
        zookeeper_operations=site.zookeeper.packets() - operations - looks,
        resident_mb=_resident(site.conductors[0]),
        cpu_seconds=_computed(site) - computed,
    )


def _bare(site: SandboxSite, size: int) -> dict[str, float]:
    addresses = json.loads(next(Path(site.environment()["MEDEVAC_SITE"]).parent.rglob("ready.json")).read_text())
    nova = bare.connect(addresses["auth_url"], site.plan.settings.password)
    site.cloud.host("power-off", f"bare-{size}")
    site.cloud.reset_requests()
    found = bare.evacuate(nova, f"bare-{size}")
    return {**found, "http_requests": sum(site.cloud.requests().values())}


def _recover(site: SandboxSite, host: str, kind: EventKind) -> tuple[Mapping[str, Any], int]:
    """Post an event of *kind* for *host* and wait until its job has ended.

    Returns the report, and how many requests we ourselves sent to ZooKeeper.
    """
    if kind is EventKind.HOST_FENCED:
        site.cloud.host("power-off", host)
    now = time.time()
    facts = _FENCED if kind is EventKind.HOST_FENCED else {}
    event = Event(new_event_id(now), kind, Subject(SubjectKind.HOST, host), "pacemaker", "node1", now, facts)
    bounded(site.client.create_async(layout.event(event.id), encode(event)))
    incident = f"host.down:{host}:1"
    looks = itertools.count(2)

    def ended() -> bool:
        next(looks)
        if site.client.exists(layout.report(incident)) is None:
            return False
        next(looks)
        return not site.client.get_children(layout.BOARD)

    site.wait_until(ended, f"{incident} has not ended", DEADLINE)
    return incidents.report(site.client, incident) or {}, next(looks)


def _computed(site: SandboxSite) -> float:
    """Return for how many seconds the workers have computed since they were started."""
    times = [psutil.Process(worker.pid).cpu_times() for worker in site.workers]
    return float(sum(each.user + each.system for each in times))


def _resident(worker: Child) -> float:
    """Return the resident memory of a worker, in MB."""
    return round(float(psutil.Process(worker.pid).memory_info().rss) / 1e6, 1)


if __name__ == "__main__":
    main()
