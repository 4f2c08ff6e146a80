"""Said seeds: plays of dead_seeds.py in which devices fail and people say of hosts that they are off.

Some of them are right.  Others have pulled the plug of the host beside it: that one runs, and Nova hears of it.  Hosts
do not come back in these plays, for of one that boots while somebody says that it is off, nobody could tell better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.scenarios import dead_seeds
from medevac.sandbox.scenarios.drawing import When
from medevac.sandbox.scenarios.language import Act, Alert, Device, Mood, Script
from medevac.sandbox.scenarios.stage import Ground

WORD = {"human": "yes", "by": "alice", "action": "acknowledged"}
"""What `medevac incident ack` says."""
MOST_WORDS = 3
LATE = 300.0
"""Seconds after the alert within which people speak: in the first attempt, before the second, and after it."""


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return _Author(random).write(policies)


class _Author(dead_seeds.Author):
    """Writes one play."""

    @property
    def troubles(self) -> Sequence[Callable[[When], Act]]:
        """Return those of the others, without hosts that come back."""
        return [trouble for trouble in super().troubles if trouble != self.comes_back]

    def failures(self) -> list[Act]:
        """Return how the victims fail, or are said to, while nothing can fence them, and what people say of them."""
        return [act for victim in self.victims for act in self._said(victim)]

    def _said(self, host: str) -> list[Act]:
        at = self.random.uniform(1, 30)
        seen = at + self.random.uniform(1, 70)
        deaf = Device(host=host, does=self.any((Mood.REFUSE, Mood.HANG, Mood.UNREACHABLE)))
        words = [seen + self.random.uniform(0, LATE) for _ in range(self.random.randint(1, MOST_WORDS))]
        dies = [Act(at=Duration(at), host_dies=(host,))] if self.chance(0.5) else []
        return [
            Act(at=Duration(0), bmc=(deaf,)),
            *dies,
            Act(at=Duration(seen), alert=(Alert(kind="host.down", host=host),)),
            *(Act(at=Duration(when), alert=(Alert(kind="host.fenced", host=host, facts=WORD),)) for when in words),
        ]
