"""LadderFencer: the Fencer port on the ladders of a site."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.core.errors import FencingError
from medevac.flows.rung import Answer, Case, Rung
from medevac.workers.fencing.means import Step


class LadderFencer:
    """`medevac.flows.ports.Fencer`: every rung that covers a host is one of its ladder, in order.  Thread-safe."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """Use *steps*, in order of preference."""
        self._steps = tuple(steps)

    def ladder(self, host: str) -> tuple[Rung, ...]:
        """Return the rungs of *host*."""
        return tuple(step.rung for step in self.steps_of(host))

    def look(self, case: Case, rung: Rung) -> Answer:
        """Ask one rung."""
        return self._step(case.host, rung).means.look(case)

    def order(self, case: Case, rung: Rung) -> None:
        """Order the host off by one rung."""
        self._step(case.host, rung).means.order(case)

    def steps_of(self, host: str) -> list[Step]:
        """Return the rungs of *host*, with their means."""
        return [step for step in self._steps if step.covers(host)]

    def _step(self, host: str, rung: Rung) -> Step:
        for step in self.steps_of(host):
            if step.rung.name == rung.name:
                return step
        message = f"there is no {rung.name} in the ladder of {host}: the site file has changed"
        raise FencingError(message)
