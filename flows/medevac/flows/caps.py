"""Caps: how many evacuations may be under way in the whole cloud, whoever asked for them.  Pure.

They are counted in the cloud itself, so that nothing has to be given back by a worker that dies.  Those that are about
to be asked for are booked (see bookings): two workers that count at the same moment do not both take what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from medevac.core.errors import CellDownError
from medevac.flows.estate import ACCEPTED
from medevac.flows.ports import Migration, Server

DOUBTED = 300.0
"""Seconds after its last change a record that is still live may be one that Nova has left behind: its server tells."""
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
    fresh = [record for record in live if record.live and now - record.updated_at < FORGOTTEN]
    # One place for each server: of two records Nova works on one, and that has a destination first.
    counted = {record.server_id: record for record in sorted(fresh, key=lambda record: bool(record.destination))}
    destinations = Counter(record.destination for record in counted.values())
    coming = len(frozenset(booked) - counted.keys())
    undecided = destinations.pop("", 0) + coming
    left = []
    if caps.cloud:
        left.append(caps.cloud - len(counted) - coming)
    if caps.host:
        left.append(caps.host - undecided - max(destinations.values(), default=0))
    return max(min(left, default=0), 0)


def still_under_way(
    live: Iterable[Migration], look: Callable[[str], Server | None], now: float
) -> tuple[Migration, ...]:
    """Return those of *live* that Nova may still work on; *look* shows the server of one that is not new.

    A record stays for good that Nova forgot, and the second of two for one server: it shows that by the server, which
    has left, or which nobody is rebuilding any more.
    """
    return tuple(each for each in live if now - each.updated_at < DOUBTED or _may_be_worked_on(each, look))


def _may_be_worked_on(record: Migration, look: Callable[[str], Server | None]) -> bool:
    try:
        server = look(record.server_id)
    except CellDownError:
        return True  # nobody can tell
    if server is None or server.host != record.source:
        return False
    return record.status != ACCEPTED or bool(server.task_state)
