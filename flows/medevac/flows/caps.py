"""Caps: how many evacuations may be under way in the whole cloud, whoever asked for them.  Pure.

They are counted in the cloud itself, so that nothing has to be given back by a worker that dies.  Two workers that
count at the same moment could both take what is left: so each takes only half of it before it counts again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from medevac.flows.ports import Migration

FORGOTTEN = 3600.0
"""Seconds after its last change a record that is still live is one that Nova has forgotten: it takes nobody's place."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What the site allows; 0: no bound."""

    cloud: int = 0
    """Evacuations under way in the whole cloud."""
    host: int = 0
    """Evacuations under way to any one host."""

    @property
    def bound(self) -> bool:
        """Tell whether there is any."""
        return bool(self.cloud or self.host)


def room(caps: Caps, live: Sequence[Migration], now: float) -> int:
    """Return for how many more may be asked at once, given the records that are *live* in the cloud.

    Where one goes is the scheduler's choice, so that those without a destination yet count for the busiest host.
    """
    counted = [record for record in live if record.live and now - record.updated_at < FORGOTTEN]
    destinations = Counter(record.destination for record in counted)
    undecided = destinations.pop("", 0)
    left = []
    if caps.cloud:
        left.append(caps.cloud - len(counted))
    if caps.host:
        left.append(caps.host - undecided - max(destinations.values(), default=0))
    free = max(min(left, default=0), 0)
    return (free + 1) // 2
