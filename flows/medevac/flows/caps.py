"""Caps: how many evacuations may be under way in the whole cloud, whoever asked for them.  Pure.

They are counted in the cloud itself, so that nothing has to be given back by a worker that dies.  Those that are about
to be asked for are booked (see bookings): two workers that count at the same moment do not both take what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
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


def room(caps: Caps, live: Sequence[Migration], now: float, booked: Collection[str] = ()) -> int:
    """Return for how many more may be asked, given the records that are *live* in the cloud.

    *booked* are the servers that others are about to ask for.

    Where one goes is the scheduler's choice, so that those without a destination yet count for the busiest host.
    """
    counted = [record for record in live if record.live and now - record.updated_at < FORGOTTEN]
    destinations = Counter(record.destination for record in counted)
    coming = len(frozenset(booked) - {record.server_id for record in counted})
    undecided = destinations.pop("", 0) + coming
    left = []
    if caps.cloud:
        left.append(caps.cloud - len(counted) - coming)
    if caps.host:
        left.append(caps.host - undecided - max(destinations.values(), default=0))
    return max(min(left, default=0), 0)
