"""Dead seeds: plays in which one host or two die, while devices, Nova, ZooKeeper, workers and people do what they do.

Left out are devices that lie (with one device to ask, nobody could tell) and hosts that operators force down themselves
(live_seeds.py has them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import FlavorSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.scenarios.drawing import CALM, LASTS, MOST_TROUBLES, Drawer, When, line
from medevac.sandbox.scenarios.language import Act, Alert, Device, Disarmed, Marked, Mood, Script
from medevac.sandbox.scenarios.stage import BOOTS, Ground
from medevac.workers.site import Site

EARLY = 90.0
"""Troubles come within so many seconds of the beginning, or at a call that a worker makes."""
_CLUSTER = {"action": "off", "by": "fence-device", "client": "pacemaker-controld.1", "result": "OK"}


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return Author(random).write(policies)


class Author(Drawer):
    """Writes one play."""

    workers: Sequence[int] = (1, 2, 2, 3)
    """How many may work."""
    early = EARLY

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.victims = random.sample(self.hosts, random.choice((1, 1, 1, 2)))

    def server(self, number: int) -> ServerSpec:
        """Return one that may be in any state, or locked."""
        return ServerSpec(
            name=f"web-{number}",
            host=self.any(self.hosts[:2]),
            image="",
            vm_state=self.any(("active", "active", "active", "stopped", "error", "paused")),
            metadata={"ha": "pet"} if self.chance(0.3) else {},
            project=self.any(("demo", "demo", "batch")),
            locked_reason=self.any((None, None, None, "mine")),
        )

    def site(self) -> Site:
        """Return what medevac is told of the site."""
        return Site(zookeeper="127.0.0.1:1/medevac", policies=Path(), shared_storage=("*",))

    def write(self, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
        """Return both, by one of *policies*."""
        random = self.random
        spec = SiteSpec(
            hosts=tuple(HostSpec(name, "az1") for name in self.hosts),
            servers=tuple(self.servers),
            flavors=(FlavorSpec("m1.small"),),
        )
        site = self.site()
        cloud = CloudSettings(
            seed=random.getrandbits(16),
            evacuate_seconds=random.choice((1.0, 3.0, 20.0, 90.0)),
            boot_seconds=BOOTS,
        )
        ground = Ground(spec, site, random.choice(policies), cloud, workers=random.choice(self.workers))
        acts = self.failures()
        acts += [self._trouble() for _ in range(random.randint(0, MOST_TROUBLES))]
        return ground, Script(lasts=Duration(LASTS), calm=Duration(CALM), acts=(*acts, *self.calm()))

    def failures(self) -> list[Act]:
        """Return how the victims fail."""
        return [act for victim in self.victims for act in self.failure(victim)]

    def failure(self, host: str) -> list[Act]:
        """Return how *host* fails, and how somebody notices."""
        at = Duration(self.random.uniform(1, 30))
        later = Duration(float(at) + self.random.uniform(1, 70))
        how = self.any(("fenced", "cut", "dies", "told"))
        if how == "fenced":
            return [Act(at=at, fenced=(host,))]
        down = Alert(kind="host.down", host=host, copies=self.any((1, 1, 3)))
        if how == "cut":
            return [Act(at=at, host_cut=(host,)), Act(at=later, alert=(down,))]
        if how == "dies":
            return [Act(at=at, host_dies=(host,)), Act(at=later, alert=(down,))]
        told = Alert(kind="host.fenced", host=host, facts=_CLUSTER, copies=2)
        return [Act(at=at, host_dies=(host,)), Act(at=later, alert=(told, down))]

    @property
    def troubles(self) -> Sequence[Callable[[When], Act]]:
        """Return what makes each kind of trouble."""
        return [
            self.device, self._nova, self.zookeeper, self.death, self.stillness, self._operator, self._owner,
            self.comes_back, self._room, self._orders,
        ]  # fmt: skip

    def _trouble(self) -> Act:
        return self.any(self.troubles)(self.when(self.early, self.call))

    def call(self) -> str:
        """Return the words of a call that a worker may make."""
        deed = self.any(("take_out", "order", "evacuate", "evacuate", "evacuate", "put_back"))
        return f"{deed} {self.any(self.servers).name if deed == 'evacuate' else self.any(self.victims)}"

    def _nova(self, when: When) -> Act:
        if not self.chance(0.3):
            return self.fault(when)
        refused = {host: self.random.randint(1, 2) for host in self.random.sample(self.hosts, 2)}
        return line(when, evacuations_forgotten=1) if self.chance(0.3) else line(when, claim_refused=refused)

    def _operator(self, when: When) -> Act:
        host = self.any(self.victims)
        return self.any(
            (
                line(when, disarm=(Disarmed(scope="cloud", mode=self.any(("freeze", "ignore"))),)),
                line(when, disable=(Marked(host=host, reason="ask bob"),)),
                line(when, maintenance=(host,)),
            )
        )

    def _orders(self, when: When) -> Act:
        incident = f"host.down:{self.any(self.victims)}:1"
        return line(when, **{self.any(("hold", "abort", "release")): (incident,)})

    def _owner(self, when: When) -> Act:
        verb = self.any(("delete", "stop", "start", "lock"))
        return line(when, **{verb: (self.any(self.servers).name,)})

    def _room(self, when: When) -> Act:
        return line(when, no_room=(self.any(self.servers).name,))

    def calm(self) -> list[Act]:
        """Return the end of all troubles."""
        incidents = tuple(f"host.down:{victim}:1" for victim in self.victims)
        obeying = tuple(Device(host=host, does=Mood.OBEY) for host in self.victims)
        return [
            Act(at=Duration(CALM), bmc=obeying, arm=("cloud",), room=self.names, started=1),
            Act(at=Duration(CALM + 60), release=incidents),
        ]
