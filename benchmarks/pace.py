"""How many evacuations at once: fixed numbers and the adaptive default side by side, on clouds of several kinds.

Everything is the product's but the cloud and the clock, which are simulated: a run of minutes takes a second.
Prints JSON.  docs/benchmarks.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from taskflow import engines

from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.plan import Settings
from medevac.flows.policy.language import Disable, Evacuate, Fence, Flow, Match, OnFailure, Policy, Verify
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import START, FakeSite

DEAD = "dead"
FIXED = (1, 4, 16)
CLOUDS: Mapping[str, CloudSettings] = {
    "roomy: as many as one likes": CloudSettings(),
    "middling: four at once, then conflicts": CloudSettings(conflict_above=4, conflict_power=1.3),
    "narrow: as we measured Nova, one at once": CloudSettings(conflict_above=1, conflict_power=1.35),
    "touchy: eight at once, then no valid host": CloudSettings(
        conflict_above=8, conflict_power=1.0, conflict_fails=0.3
    ),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    told = parser.parse_args()
    found = {name: compared(settings, told.servers, told.seeds) for name, settings in CLOUDS.items()}
    print(json.dumps(found, indent=2))


def compared(settings: CloudSettings, servers: int, seeds: int) -> dict[str, Any]:
    """Return the seconds until the last server was back, by setting, and the default beside the best."""
    found = {
        str(parallel or "adaptive"): round(
            statistics.mean(seconds(replace(settings, seed=seed), servers, parallel) for seed in range(1, seeds + 1)), 1
        )
        for parallel in (*FIXED, 0)
    }
    best = min(value for name, value in found.items() if name != "adaptive")
    return {**found, "adaptive to the best fixed": round(found["adaptive"] / best, 2)}


def seconds(settings: CloudSettings, servers: int, parallel: int) -> float:
    """Return how long a recovery of a host with so many *servers* takes; *parallel* 0: as the default does it."""
    spares = [HostSpec(f"spare-{number}", zone="az1") for number in range(6)]
    specs = [ServerSpec(f"s{number}", DEAD) for number in range(servers)]
    site = FakeSite(SiteSpec((HostSpec(DEAD, zone="az1"), *spares), tuple(specs)), settings)
    with site.world.settled() as world:
        machines.cut_network(world, DEAD)
    on_failure = OnFailure(retry=20)
    evacuate = Evacuate(on_failure=on_failure) if not parallel else Evacuate(parallel=parallel, on_failure=on_failure)
    policy = Policy(name="everyone", match=Match(), when={"host.down": Flow((Fence(), Disable(), evacuate, Verify()))})
    brief = Brief("host.down:dead:1", "host.down", DEAD, START, Settings(shared_storage=("*",), adaptive=not parallel))
    with ThreadPoolExecutor(1) as executor:
        flow = factory.recover(json.loads(json.dumps(factory.document(brief, [policy]))))
        engine = engines.load(flow, engine="parallel", executor=executor, defer_reverts=True)
        engine.storage.inject({"ports": site.ports}, transient=True)
        engine.run()
    if site.log.state != "recovered":
        raise SystemExit(f"it ended as {site.log.state}: {site.log.reason}")
    return site.clock.now() - START


if __name__ == "__main__":
    main()
