"""Cast: the hosts and servers of the demo, drawn from a seed, and which of them the story is about."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from medevac.sandbox.cloud.model.site import FlavorSpec, HostSpec, ServerSpec, SiteSpec

ZONE = "az1"
TIERS = ("pet", "payments", "everyone")
"""The demo's policies, most urgent first."""
SHARE_OF_THE_VICTIM = 0.4
"""The part of all servers that stand on the host that dies; the others share the rest."""
FEWEST_SERVERS = 5
"""So that every policy, a stopped and a locked server occur on the host that dies."""
_RAM = 2048
_PREFIX = {"pet": "pet", "payments": "pay", "everyone": "web"}
_PROJECTS = {"pet": ("research",), "payments": ("payments", "billing-eu"), "everyone": ("shop", "blog")}


@dataclass(frozen=True, slots=True)
class Role:
    """What the story must know of one server beforehand."""

    name: str
    tier: str
    """The policy with whose servers it comes back; empty where none brings it back."""
    stopped: bool = False
    locked: bool = False
    kind: str = ""
    """What it is drawn as, where that is not its tier."""
    left: str = ""
    """Why it stays although its host died; empty: it comes back."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part."""

    spec: SiteSpec
    victim: str
    """The host that dies: the fullest one."""
    roles: Mapping[str, Role]
    """Every server, by its name."""
    tiers: tuple[str, ...] = TIERS
    """The policies that bring servers back, in the order in which they do."""
    needing_somebody: tuple[str, ...] = ()
    """The servers that stay although nobody wants them to: the incident is parked because of them."""

    def comes_back(self, name: str) -> bool:
        """Tell whether the server called *name* comes back when its host dies."""
        return not self.roles[name].left


def draw(hosts: int, servers: int, seed: int) -> Cast:
    """Return the cast that *seed* gives; at least 2 hosts and FEWEST_SERVERS servers."""
    dice = random.Random(seed)
    names = [f"compute-{n}" for n in range(1, hosts + 1)]
    victim = dice.choice(names)
    others = [name for name in names if name != victim]
    on_victim = max(FEWEST_SERVERS, round(servers * SHARE_OF_THE_VICTIM), -(-servers // hosts) + 1)
    on_victim = min(on_victim, servers)
    places = [victim] * on_victim + [others[n % len(others)] for n in range(servers - on_victim)]
    tiers = _tiers(on_victim) + _tiers(servers - on_victim)
    numbers: Counter[str] = Counter()
    roles: dict[str, Role] = {}
    specs: list[ServerSpec] = []
    for place, tier in sorted(zip(places, tiers, strict=True), key=lambda _: dice.random()):
        numbers[tier] += 1
        first = place == victim and not any(roles[s.name].tier == tier for s in specs if s.host == victim)
        role = Role(
            name=f"{_PREFIX[tier]}-{numbers[tier]:02}",
            tier=tier,
            stopped=first and tier == "everyone",
            locked=first and tier == "payments",
        )
        roles[role.name] = role
        specs.append(_server(role, place, dice))
    capacity = max(8, 2 * -(-servers // (hosts - 1)))
    built = tuple(HostSpec(name, ZONE, vcpus=capacity, ram_mb=capacity * _RAM) for name in names)
    flavors = (FlavorSpec("m1.small", vcpus=1, ram_mb=_RAM),)
    return Cast(SiteSpec(hosts=built, servers=tuple(specs), flavors=flavors), victim, roles)


def _tiers(count: int) -> list[str]:
    """Return the policies of *count* servers: a fifth are pets, a third payments, the rest everyone's."""
    pets, payments = -(-count // 5), -(-count // 3)
    return (["pet"] * pets + ["payments"] * payments + ["everyone"] * count)[:count]


def _server(role: Role, host: str, dice: random.Random) -> ServerSpec:
    return ServerSpec(
        name=role.name,
        host=host,
        project=dice.choice(_PROJECTS[role.tier]),
        vm_state="stopped" if role.stopped else "active",
        metadata={"ha": "pet"} if role.tier == "pet" else {},
        locked_reason="its owner is auditing it" if role.locked else None,
    )
