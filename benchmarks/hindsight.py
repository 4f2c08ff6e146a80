"""The first recovery of a site whose hosts were evacuated by hand before, beside that of a site that knows nothing.

Everything is the product's but the cloud, the clock and whoever evacuated by hand (see pace.py): what Nova remembers,
in whole seconds and after the hosts have come back, is read as the leader of a site reads it.  Prints JSON.
docs/benchmarks.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from pace import CLOUDS, FIXED, Cloud, Kept, SlowCloud, drawn, seconds

from medevac.flows.learnt import Learnt
from medevac.sandbox import by_hand
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.hindsight import Memories

HOUR = 3600.0
ROUNDS = 4
"""How often the leader asks, at most: each time of some of the evacuations."""
EARLIER = 1000
"""What tells the chances of earlier evacuations from those of the recovery."""
PASTS: Mapping[str, Sequence[tuple[int, int]]] = {
    "1": [(20, 1)],
    "3": [(30, 3)],
    "5": [(40, 5)],
    "10": [(40, 10)],
    "all": [(40, 40)],
    "1, then 5": [(10, 1), (30, 5)],
    "1, then all": [(10, 1), (30, 30)],
    "1, then 3, then all": [(8, 1), (20, 3), (30, 30)],
    "5, then 10, then 20": [(30, 5), (30, 10), (30, 20)],
    "all, of 5, 10 and 30": [(5, 5), (10, 10), (30, 30)],
}
"""How many servers each host had that failed, and how many of them were under way at once, by name."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--seeds", type=int, default=3, help="runs of each that are averaged")
    parser.add_argument(
        "--random", type=int, default=0, help="clouds that are drawn at random, in place of the usual ones"
    )
    parser.add_argument("--cloud", default="", help="only those in whose name this is")
    told = parser.parse_args()
    clouds = drawn(told.random) if told.random else [cloud for cloud in CLOUDS if cloud.later is None]
    found = {
        cloud.name: {f"{servers} servers": compared(cloud, servers, told.seeds) for servers in told.servers}
        for cloud in clouds
        if told.cloud in cloud.name
    }
    sums = {name: summed(each[name] for each in found.values()) for name in next(iter(found.values()))}
    print(json.dumps({"clouds": found, "with to without": sums}, indent=2))


def compared(cloud: Cloud, servers: int, seeds: int) -> dict[str, Any]:
    """Return the seconds of the first recovery, by what was done before, and beside one without."""
    clouds = [cloud.seeded(seed) for seed in range(1, seeds + 1)]
    without = _mean(seconds(each, servers, 0, Kept()) for each in clouds)
    return {
        "best fixed": min(_mean(seconds(each, servers, number) for each in clouds) for number in FIXED),
        "without": without,
        "with": {name: _with(cloud, past, clouds, servers, without) for name, past in PASTS.items()},
    }


def summed(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how the first recovery's time compares where Nova's memory was believed."""
    all_of = [each for cloud in found for each in cloud["with"].values()]
    ratios = [each["to without"] for each in all_of if each["best"]]
    if not ratios:
        return {"pasts": len(all_of), "believed": 0}
    mean = round(statistics.geometric_mean(ratios), 2)
    return {"pasts": len(all_of), "believed": len(ratios), "mean": mean, "worst": max(ratios), "best": min(ratios)}


def _with(
    cloud: Cloud, past: Sequence[tuple[int, int]], clouds: Sequence[Cloud], servers: int, without: float
) -> dict[str, Any]:
    found = remembered(cloud, past)
    if found is None:
        return {"best": 0}
    took = _mean(seconds(each, servers, 0, _kept(found)) for each in clouds)
    return {"best": found.best, "seconds": took, "to without": round(took / without, 2)}


def _kept(learnt: Learnt) -> Kept:
    kept = Kept()
    kept.keep(learnt)
    return kept


def remembered(cloud: Cloud, past: Sequence[tuple[int, int]]) -> Learnt | None:
    """Return what the leader finds; None: nothing that it believes."""
    earlier = cloud.seeded(cloud.settings.seed + EARLIER)
    hosts = {f"gone-{number}": each for number, each in enumerate(past)}
    spares = [HostSpec(f"spare-{number}", zone="az1") for number in range(6)]
    servers = [ServerSpec(f"{host}-{n}", host) for host, (count, _) in hosts.items() for n in range(count)]
    site = FakeSite(
        SiteSpec((*(HostSpec(host, zone="az1") for host in hosts), *spares), tuple(servers)), earlier.settings
    )
    nova = SlowCloud(site, cloud.calls, site.clock.wait)
    for host, (_, at_once) in hosts.items():
        by_hand.evacuate(site.world, nova, site.clock, host, at_once)
        site.clock.wait(HOUR)
        by_hand.bring_back(site.world, host)
        site.clock.wait(HOUR)
    memories = Memories(nova, site.clock)
    return next((each for each in (memories.read(lambda: True) for _ in range(ROUNDS)) if each is not None), None)


def _mean(numbers: Iterable[float]) -> float:
    return round(statistics.mean(numbers), 1)


if __name__ == "__main__":
    main()
