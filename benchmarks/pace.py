"""How many evacuations at once: fixed numbers and the adaptive default side by side, on clouds of several kinds.

Everything is the product's but the cloud and the clock, which are simulated: a run of minutes takes a second.
The default recovers one host after the other on the same cloud, with what it has kept of the one before.
Prints JSON.  docs/benchmarks.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from taskflow import engines

from medevac.core.wire import decode, encode
from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.learnt import Learnt
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Disable, Evacuate, Fence, Flow, Match, OnFailure, Policy, Verify
from medevac.flows.ports import Ports, Traffic
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.fakes import START, FakeCloud, FakeSite
from medevac.sandbox.logbook import MemoryLogbook

DEAD = "dead"
SPARES = 6
FIXED = (1, 2, 4, 8, 16)
RECOVERIES = 6
"""One host after the other, with what was kept of those before it."""
PATIENT = Duration(7200)
"""A fixed number that is far too many is to be seen in the figures, and not by a time-out."""
SHARED = 0.5
"""The part of the clouds drawn at random in which evacuations share what they wait for."""
DRILL = 50
"""What is added to a seed for the chances of a drill."""
LOOK = 0.5
"""Seconds between two looks at whether half of the servers are back."""


@dataclass(frozen=True)
class Cloud:
    """What evacuations do to each other, and what after half of the servers (None: the same)."""

    name: str
    settings: CloudSettings
    later: CloudSettings | None = None
    calls: float = 0.0
    """Seconds until Nova has accepted one."""

    def seeded(self, seed: int) -> Cloud:
        """Return the cloud with other chances."""
        later = self.later and replace(self.later, seed=seed)
        return replace(self, settings=replace(self.settings, seed=seed), later=later)


@dataclass(frozen=True)
class Chances:
    """How often it is measured: each of *seeds* sites recovers so many hosts in turn."""

    seeds: int
    recoveries: int
    drill: int = 0
    """A host with so many test servers was recovered before."""

    def of(self, cloud: Cloud) -> list[list[Cloud]]:
        """Return *cloud* with the chances of each recovery, by site."""
        return [
            [cloud.seeded(seed + 100 * number) for number in range(self.recoveries)]
            for seed in range(1, self.seeds + 1)
        ]


ROOMY = CloudSettings()
NARROW = CloudSettings(conflict_above=1, conflict_power=1.35)
MIDDLING = CloudSettings(conflict_above=4, conflict_power=1.3)
TOUCHY = CloudSettings(conflict_above=8, conflict_power=1.0, conflict_fails=0.3)
RIG = CloudSettings(conflict_above=4, conflict_shared=True, evacuate_seconds=1.0, evacuate_spread=0.6)
CLOUDS = (
    Cloud("roomy: as many as one likes", ROOMY),
    Cloud("middling queue: four at once, more conflict", MIDDLING),
    Cloud("middling share: the same, and they share it", replace(MIDDLING, conflict_shared=True)),
    Cloud("narrow queue: one at once", NARROW),
    Cloud("narrow share: the same, and they share it", replace(NARROW, conflict_shared=True)),
    Cloud("touchy: eight, more find no host", TOUCHY),
    Cloud("flat, slow calls: as the rig's Nova", RIG, calls=0.15),
    Cloud("roomy, then narrow", ROOMY, NARROW),
    Cloud("narrow, then roomy", NARROW, ROOMY),
)


class SlowCloud(FakeCloud):
    """A cloud whose calls take their time."""

    def __init__(self, site: FakeSite, calls: float, wait: Callable[[float], None]) -> None:
        """Take *calls* seconds to accept an evacuation."""
        super().__init__(site.world)
        self._wait = wait
        self._calls = calls

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT001, FBT002 - as the port says
        """Ask for a server's evacuation."""
        self._wait(self._calls)
        super().evacuate(server_id, hold)


class Kept:
    """What is stored between two recoveries, each of which is another worker's."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._stored = b""

    def recall(self) -> Learnt | None:
        """Return what was kept last."""
        return decode(Learnt, self._stored) if self._stored else None

    def keep(self, learnt: Learnt) -> None:
        """Keep *learnt*."""
        self._stored = encode(learnt)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--seeds", type=int, default=3, help="runs of each that are averaged")
    parser.add_argument("--recoveries", type=int, default=RECOVERIES, help="hosts in turn, each with other chances")
    parser.add_argument(
        "--drill", type=int, default=0, help="test servers on a host that was recovered before all others"
    )
    parser.add_argument("--steady", action="store_true", help="without the clouds that change")
    parser.add_argument(
        "--random", type=int, default=0, help="clouds that are drawn at random, in place of those above"
    )
    told = parser.parse_args()
    clouds = [each for each in drawn(told.random) or CLOUDS if not (told.steady and each.later)]
    chances = Chances(told.seeds, told.recoveries, told.drill)
    print(json.dumps({f"{servers} servers": measured(clouds, servers, chances) for servers in told.servers}, indent=2))


def drawn(number: int) -> list[Cloud]:
    """Return clouds of random parameters, always the same ones."""
    chance = random.Random(1)  # noqa: S311 - a simulation
    return [Cloud(_words(settings), settings) for settings in (_settings(chance) for _ in range(number))]


def _settings(chance: random.Random) -> CloudSettings:
    return CloudSettings(
        evacuate_seconds=round(2 ** chance.uniform(0, 4), 1),
        evacuate_spread=round(chance.uniform(0.1, 0.6), 2),
        conflict_above=round(2 ** chance.uniform(0, 5)),
        conflict_power=round(chance.uniform(0.5, 1.5), 2),
        conflict_shared=chance.random() < SHARED,
        conflict_fails=chance.choice((0.0, 0.0, 0.1, 0.3)),
    )


def _words(settings: CloudSettings) -> str:
    return (
        f"{settings.evacuate_seconds} s ± {settings.evacuate_spread}; above {settings.conflict_above} "
        f"power {settings.conflict_power}{', shared' * settings.conflict_shared}, fails {settings.conflict_fails}"
    )


def measured(clouds: Sequence[Cloud], servers: int, chances: Chances) -> dict[str, Any]:
    """Return what was found for each cloud, and what the default costs on average and at worst."""
    found = {cloud.name: compared(cloud, servers, chances) for cloud in clouds}
    ratios = {
        which: [float(each[f"{which} to the best fixed"]) for each in found.values()]
        for which in ("first", "following")
    }
    summed = {which: {"mean": round(statistics.mean(each), 2), "worst": max(each)} for which, each in ratios.items()}
    return {"clouds": found, "default to the best fixed": summed}


def compared(cloud: Cloud, servers: int, chances: Chances) -> dict[str, Any]:
    """Return the seconds until the last server was back, by setting, and the default beside the best.

    All settings have the same chances: those of every recovery of every site.
    """
    sites = chances.of(cloud)
    fixed = {str(number): _mean(seconds(each, servers, number) for site in sites for each in site) for number in FIXED}
    runs = list(zip(*(in_turn(site, servers, chances.drill) for site in sites), strict=True))
    means, best = [statistics.mean(run) for run in runs], min(fixed.values())
    following = statistics.mean(means[1:])
    return {
        **fixed,
        "first": round(means[0], 1),
        "following": round(following, 1),
        "first to the best fixed": round(means[0] / best, 2),
        "following to the best fixed": round(following / best, 2),
        "each in turn to the best fixed": [round(each / best, 2) for each in means],
    }


def _mean(numbers: Iterable[float]) -> float:
    return round(statistics.mean(numbers), 1)


def in_turn(clouds: Sequence[Cloud], servers: int, drill: int = 0) -> list[float]:
    """Return how long the default takes for one host after the other, each by a worker that remembers the last.

    *drill*: how many servers another one had that was recovered before.
    """
    kept = Kept()
    if drill:
        seconds(clouds[0].seeded(clouds[0].settings.seed + DRILL), drill, 0, kept)
    return [seconds(cloud, servers, 0, kept) for cloud in clouds]


def seconds(cloud: Cloud, servers: int, parallel: int, kept: Kept | None = None) -> float:
    """Return how long a recovery of a host with so many *servers* takes; *parallel* 0: as the default does it."""
    site = site_of(cloud, [DEAD], servers)
    site.cloud, site.traffic = SlowCloud(site, cloud.calls, site.clock.wait), Traffic(kept)
    if cloud.later is not None:
        with site.world.settled() as world:
            _change_half_way(world, servers, cloud.later)
    recover(DEAD, site.ports, parallel)
    return site.clock.now() - START


def site_of(cloud: Cloud, hosts: Sequence[str], servers: int) -> FakeSite:
    """Return a site of which *hosts* are dead, each with so many servers."""
    names = [f"spare-{number}" for number in range(SPARES)]
    specs = [ServerSpec(f"{host}-{number}", host) for host in hosts for number in range(servers)]
    site = FakeSite(
        SiteSpec(tuple(HostSpec(name, zone="az1") for name in (*hosts, *names)), tuple(specs)), cloud.settings
    )
    with site.world.settled() as world:
        for host in hosts:
            machines.cut_network(world, host)
    return site


def recover(host: str, ports: Ports, parallel: int) -> None:
    """Recover a *host* that is dead, as a conductor does it."""
    settings = Settings(shared_storage=("*",), adaptive=not parallel)
    document = factory.document(Brief(f"host.down:{host}:1", "host.down", host, START, settings), [_everyone(parallel)])
    flow = factory.recover(json.loads(json.dumps(document)))
    engine = engines.load(flow, engine="serial", defer_reverts=True)
    engine.storage.inject({"ports": ports}, transient=True)
    engine.run()
    log = ports.log
    if not isinstance(log, MemoryLogbook) or log.state != "recovered":
        raise SystemExit(f"the recovery of {host} ended otherwise: {log}")


def _everyone(parallel: int) -> Policy:
    """Return a policy for all servers, *parallel* of them at once; 0: as many as the policies' default allows."""
    evacuate = Evacuate(timeout=PATIENT, on_failure=OnFailure(retry=20))
    if parallel:
        evacuate = replace(evacuate, parallel=parallel)
    return Policy(name="everyone", match=Match(), when={"host.down": Flow((Fence(), Disable(), evacuate, Verify()))})


def _change_half_way(world: World, servers: int, later: CloudSettings) -> None:
    """Let the cloud have other *later* settings when half of the servers have moved."""
    back = sum(server.host != DEAD for server in world.servers.values())
    if back >= servers / 2:
        world.settings = later
    else:
        world.after(LOOK, lambda: _change_half_way(world, servers, later))


if __name__ == "__main__":
    main()
