"""Capped seeds: plays of dead_seeds.py on a site that wants little at once, where three hosts die at once or nearly so.

Two or three workers recover them side by side, so that what all of them do together comes up against the caps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.scenarios import dead_seeds
from medevac.sandbox.scenarios.language import Act, Alert, Script
from medevac.sandbox.scenarios.stage import Ground
from medevac.workers.site import Limits, Site
from medevac.workers.site_brakes import BrakeSettings

HOSTS = 8
VICTIMS = 3
MOST_SERVERS = 8
TOGETHER = 0.5
"""In that part of the plays all of them die in the same moment, as when a rack loses its power."""


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return _Author(random).write(policies)


class _Author(dead_seeds.Author):
    """Writes one play."""

    workers = (2, 2, 3)

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.hosts = [f"compute-{number}" for number in range(1, HOSTS + 1)]
        self.victims = self.hosts[:VICTIMS]
        first = [self.server(number) for number in range(1, random.randint(4, MOST_SERVERS) + 1)]
        self.servers = [replace(server, host=self.any(self.victims)) for server in first]

    def failures(self) -> list[Act]:
        """Return how the victims fail: each by itself, or all in one moment."""
        if not self.chance(TOGETHER):
            return super().failures()
        at, victims = Duration(self.random.uniform(1, 30)), tuple(self.victims)
        if self.chance(TOGETHER):
            return [Act(at=at, fenced=victims)]
        return [Act(at=at, host_cut=victims, alert=tuple(Alert(kind="host.down", host=host) for host in victims))]

    def site(self) -> Site:
        """Return one with caps, and without a storm breaker: a storm would be slower than they are."""
        return replace(
            super().site(),
            limits=Limits(evacuations=self.any((1, 2, 3, 4)), evacuations_per_host=self.any((0, 0, 1, 2))),
            brakes=BrakeSettings(
                least=HOSTS + 1,
                hosts_at_once=self.any((1, 2, 2, 3)),
                fencings=self.any((1, 2, 2)),
                fencing_window=Duration(self.any((120, 600))),
            ),
        )
