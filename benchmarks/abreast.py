"""Hosts that die together, recovered by one worker or by several: fixed numbers and the default side by side.

Everything is the product's but the cloud, the clock and ZooKeeper, which are simulated (see pace.py).  The default
recovers so many hosts again and again on the same cloud, with what was kept.  Prints JSON.  docs/benchmarks.md says
what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from pace import CLOUDS, FIXED, Chances, Cloud, Kept, SlowCloud, drawn, recover, site_of

from medevac.flows.ports import Traffic
from medevac.sandbox.clock import FakeClock
from medevac.sandbox.fakes import START
from medevac.sandbox.logbook import MemoryLogbook
from medevac.sandbox.neighbours import FakeNeighbours, Street


@dataclass(frozen=True)
class Storm:
    """How many hosts die together, with how many servers each, and by how many workers they are recovered."""

    hosts: int
    servers: int
    workers: int


class Turns:
    """Implements Clock for several threads: one runs at a time, whoever has waited for the earliest moment."""

    def __init__(self, clock: FakeClock, threads: int) -> None:
        """Move *clock* when all of so many *threads* wait."""
        self._clock = clock
        self._changed = threading.Condition()
        self._due = dict.fromkeys(range(threads), clock.now())
        self._numbers: dict[int, int] = {}
        self._running = -1

    def start(self) -> None:
        """Let the first of them run."""
        with self._changed:
            self._next()

    def run(self, number: int, work: Callable[[], float]) -> float:
        """Do *work* as the thread of this *number*."""
        self._numbers[threading.get_ident()] = number
        with self._changed:
            self._changed.wait_for(lambda: self._running == number)
        try:
            return work()
        finally:
            with self._changed:
                del self._due[number]
                self._next()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        """Return when *seconds* have passed."""
        number = self._numbers[threading.get_ident()]
        with self._changed:
            self._due[number] = self._clock.now() + max(seconds, 0.0)
            self._next()
            self._changed.wait_for(lambda: self._running == number)

    def _next(self) -> None:
        if self._due:
            self._running = min(self._due, key=lambda number: (self._due[number], number))
            self._clock.wait(self._due[self._running] - self._clock.now())
            self._changed.notify_all()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=50, help="of each host")
    parser.add_argument("--hosts", type=int, nargs="+", default=[2, 4], help="that die together")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="that recover them")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each that are averaged")
    parser.add_argument("--recoveries", type=int, default=3, help="times in turn that so many hosts die")
    parser.add_argument(
        "--random", type=int, default=0, help="clouds that are drawn at random, in place of the usual ones"
    )
    told = parser.parse_args()
    clouds = drawn(told.random) or [cloud for cloud in CLOUDS if cloud.later is None]
    chances = Chances(told.seeds, told.recoveries)
    found = {
        f"{hosts} hosts": {
            cloud.name: compared(cloud, [Storm(hosts, told.servers, n) for n in told.workers if n <= hosts], chances)
            for cloud in clouds
        }
        for hosts in told.hosts
    }
    print(json.dumps(found, indent=2))


def compared(cloud: Cloud, storms: Sequence[Storm], chances: Chances) -> dict[str, Any]:
    """Return the seconds until the last server was back with each fixed number, and the default beside the best.

    Fixed numbers are those of one host: policies know of no others.
    """
    sites = chances.of(cloud)
    fixed = {
        str(number): statistics.mean(seconds(each, storms[0], number) for site in sites for each in site)
        for number in FIXED
    }
    best = min(fixed.values())
    return {name: round(each, 1) for name, each in fixed.items()} | {
        f"{storm.workers} workers, each in turn to the best fixed": [
            round(statistics.mean(run) / best, 2) for run in zip(*(in_turn(site, storm) for site in sites), strict=True)
        ]
        for storm in storms
    }


def in_turn(clouds: Sequence[Cloud], storm: Storm) -> list[float]:
    """Return how long the default takes for one storm after the other, with what was kept of those before it."""
    kept = Kept()
    return [seconds(cloud, storm, 0, kept) for cloud in clouds]


def seconds(cloud: Cloud, storm: Storm, parallel: int, kept: Kept | None = None) -> float:
    """Return how long it takes until all servers are back; *parallel* 0: as the default does it."""
    names = [f"dead-{number}" for number in range(storm.hosts)]
    site = site_of(cloud, names, storm.servers)
    turns, street = Turns(site.clock, storm.hosts), Street()
    site.cloud = SlowCloud(site, cloud.calls, turns.wait)
    traffics = [Traffic(kept, FakeNeighbours(street, str(number))) for number in range(storm.workers)]

    def work(number: int) -> float:
        ports = replace(site.ports, clock=turns, log=MemoryLogbook(), traffic=traffics[number % storm.workers])
        recover(names[number], ports, parallel)
        return turns.now() - START

    with ThreadPoolExecutor(storm.hosts) as executor:
        ends = [executor.submit(turns.run, n, lambda n=n: work(n)) for n in range(storm.hosts)]
        turns.start()
        return max(end.result() for end in ends)


if __name__ == "__main__":
    main()
