"""Back seeds: plays of dead_seeds.py in which hosts come back, and the site wants the servers back that had to leave.

Meanwhile owners stop, lock, delete and move them, operators take the hosts out again, and hosts die once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from medevac.flows.failback import Failback, Window
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.language import PolicySet
from medevac.flows.returning import WayBack
from medevac.sandbox.clock import START
from medevac.sandbox.cloud.model.site import ServerSpec
from medevac.sandbox.scenarios import dead_seeds
from medevac.sandbox.scenarios.drawing import CALM, When, line
from medevac.sandbox.scenarios.language import Act, Alert, Marked, Script
from medevac.sandbox.scenarios.stage import BOOTS, Ground
from medevac.workers.site import Site

EARLY = 600.0
"""Troubles come within so many seconds of the beginning, or at a call that a worker makes."""
LASTS = 2 * 3600.0
DAY = 1440
"""Minutes of a day."""
MOST_SERVERS = 6


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return _Author(random).write(policies)


class _Author(dead_seeds.Author):
    """Writes one play."""

    early = EARLY

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.victims = self.hosts[: self.any((1, 1, 2))]
        numbers = range(1, random.randint(3, MOST_SERVERS) + 1)
        self.servers = [replace(self.server(number), host=self.any(self.victims)) for number in numbers]

    def server(self, number: int) -> ServerSpec:
        """Return one that most likely runs, and may go wherever."""
        usual = super().server(number)
        return usual if self.chance(0.2) else replace(usual, vm_state="active", locked_reason=None)

    def write(self, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
        """Return both, with moves that take their time."""
        ground, script = super().write(policies)
        cloud = replace(ground.cloud, move_seconds=self.any((1.0, 15.0, 120.0)))
        return replace(ground, cloud=cloud), replace(script, lasts=Duration(LASTS))

    def failures(self) -> list[Act]:
        """Return how the victims fail and come back, some of them to die once more."""
        acts = []
        for victim in self.victims:
            acts += self.failure(victim)
            at = self.random.uniform(100, 400)
            while at:
                acts += self._comes_back(victim, at)
                at += BOOTS + self.random.uniform(10, 200)
                if self.chance(0.8):
                    break
                acts += [Act(at=Duration(at), fenced=(victim,))]
                at += self.random.uniform(60, 200)
        return acts

    def _comes_back(self, host: str, at: float) -> list[Act]:
        member = Alert(kind="host.member", host=host)
        later = Duration(at + self.random.uniform(0, BOOTS))
        return [Act(at=Duration(at), host_mended=(host,), host_starts=(host,)), Act(at=later, alert=(member,))]

    def site(self) -> Site:
        """Return one that wants servers back, some of them at a time that comes soon."""
        failback = Failback(
            most=self.any((1, 2, 3, 10)),
            parallel=self.any((1, 1, 2)),
            window=self._window() if self.chance(0.5) else None,
            timeout=Duration(self.any((60, 1800))),
        )
        return replace(super().site(), way_back=WayBack(hold=Duration(self.any((5, 60))), failback=failback))

    def _window(self) -> Window:
        first = int(START // 60) + self.random.randint(0, 25)
        return Window(_time(first), _time(first + self.random.randint(1, 12)))

    @property
    def troubles(self) -> Sequence[Callable[[When], Act]]:
        """Return those of the others, and what people do to hosts and servers that are on their way back."""
        own = [self._owner, self._owner, self._moves, self._moves, self._mark, self._returns, self._forgets]
        return [*super().troubles, *own]

    def calm(self) -> list[Act]:
        """Return the end of all troubles: returns are let go on too."""
        returns = tuple(f"host.up:{victim}:{number}" for victim in self.victims for number in (1, 2))
        return [*super().calm(), Act(at=Duration(CALM + 60), release=returns)]

    def call(self) -> str:
        """Return the words of a call that a worker may make."""
        deed = self.any(("put_back", "live_migrate", "live_migrate", "live_migrate", "evacuate"))
        return f"{deed} {self.any(self.victims) if deed == 'put_back' else self.any(self.servers).name}"

    def _owner(self, when: When) -> Act:
        return line(when, **{self.any(("delete", "stop", "stop", "lock", "lock")): (self.any(self.servers).name,)})

    def _moves(self, when: When) -> Act:
        return line(when, **{self.any(("live_migrate", "cold_migrate")): (self.any(self.servers).name,)})

    def _mark(self, when: When) -> Act:
        host = self.any(self.victims)
        return line(when, force_down=(host,)) if self.chance(0.3) else line(when, disable=(Marked(host=host),))

    def _returns(self, when: When) -> Act:
        incident = f"host.up:{self.any(self.victims)}:1"
        return line(when, **{self.any(("hold", "abort", "release")): (incident,)})

    def _forgets(self, when: When) -> Act:
        if self.chance(0.5):
            return line(when, actions_lost={"live-migration": 1})
        return line(when, claim_refused={self.any(self.victims): 1})


def _time(minute: int) -> TimeOfDay:
    """Return the time of day of a *minute*, counted from the epoch."""
    return TimeOfDay(minute % DAY // 60, minute % 60)
