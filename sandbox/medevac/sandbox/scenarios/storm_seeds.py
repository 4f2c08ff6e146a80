"""Storm seeds: plays of dead_seeds.py in which many hosts of two racks die: at once, one soon after another, or slowly.

Workers recover several hosts each, so that a recovery which may begin is not always begun at once, and several may be
begun in one moment: what the site wants is slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.scenarios import dead_seeds
from medevac.sandbox.scenarios.language import Act, Script
from medevac.sandbox.scenarios.stage import Ground
from medevac.workers.site import Limits, Site
from medevac.workers.site_brakes import BrakeSettings

HOSTS = 10
RACK = 5
"""Hosts of the first rack; the others are in the second."""
FEWEST, MOST = 3, 6
"""Hosts that die."""
MOST_SERVERS = 8
GAPS = (0.0, 5.0, 40.0, 110.0)
"""Seconds between two deaths, or a little more."""


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return _Author(random).write(policies)


class _Author(dead_seeds.Author):
    """Writes one play."""

    workers = (1, 1, 2, 3)

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.hosts = [f"compute-{number}" for number in range(1, HOSTS + 1)]
        self.victims = random.sample(self.hosts, random.randint(FEWEST, MOST))
        first = [self.server(number) for number in range(1, random.randint(FEWEST, MOST_SERVERS) + 1)]
        self.servers = [replace(server, host=self.any(self.victims)) for server in first]

    def write(self, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
        """Return both, with workers that do several things at once."""
        ground, script = super().write(policies)
        return replace(ground, abreast=True), script

    def failures(self) -> list[Act]:
        """Return how the victims fail: in one moment, or one after the other."""
        gap = self.any(GAPS)
        if not gap:
            return [Act(at=Duration(self.random.uniform(1, 30)), fenced=tuple(self.victims))]
        acts, late = [], 0.0
        for victim in self.victims:
            acts += [replace(act, at=Duration(late + float(act.at or 0))) for act in self.failure(victim)]
            late += gap * self.random.uniform(1.0, 1.5)
        return acts

    def site(self) -> Site:
        """Return one with a storm breaker that is soon awake."""
        brakes = BrakeSettings(
            window=Duration(self.any((120, 600, 1800))),
            least=self.any((2, 3)),
            stop_share=self.any((50, 100, 100)),
            per_minute=self.any((1, 2, 6)),
            slowed=Duration(self.any((30, 100))),
            cooldown=Duration(self.any((60, 300))),
            hosts_at_once=self.any((2, 3, 5)),
            racks={"r1": tuple(self.hosts[:RACK]), "r2": tuple(self.hosts[RACK:])} if self.chance(0.5) else {},
        )
        return replace(super().site(), limits=Limits(parallel_hosts=self.any((1, 2, 3))), brakes=brakes)
