"""Hindsight: what Nova remembers of evacuations that others did fills the record of how many at once the cloud takes.

The triage leader looks, while there is no such record and nothing is being recovered: no recovery waits for it.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable

from kazoo.client import KazooClient

from medevac.core.errors import MedevacError
from medevac.core.incident import IncidentState
from medevac.flows import hindsight
from medevac.flows.estate import Migration
from medevac.flows.hindsight import Past
from medevac.flows.learnt import Learnt
from medevac.flows.ports import Clock, Cloud
from medevac.workers.experience import Experience
from medevac.workers.incidents import OpenOnes

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0
"""Seconds between two looks whether Nova should be asked and this process leads."""
AGAIN = 3600.0
"""Seconds after which Nova is asked again, where it remembered too little."""
OLDEST = 90 * 86_400.0
"""Seconds: what is older than that says little of the cloud of today (`Learnt` believes an eighth of it)."""
NEWEST = 200
"""Evacuations that are looked at, at most."""
REQUESTS = 100
"""To Nova at a time, one after the other; what is left is asked the next time."""
EACH = 2
"""Requests for when one server arrived, after the return of its host."""
LATELY = 3600.0
"""Seconds for which one that has not ended counts as under way; later, it is one that Nova forgot."""


class Memories:
    """Evacuations as Nova remembers them.  What was found out about one is not asked for again."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        """Ask *cloud*; nothing is asked before the first read()."""
        self._cloud = cloud
        self._clock = clock
        self._arrived: dict[int, float | None] = {}

    def read(self, quiet: Callable[[], bool]) -> Learnt | None:
        """Return what they tell of how many at once are best; None: too little, or *quiet* is so no more.

        Raises CloudUnavailableError, RefusedError.
        """
        now = self._clock.now()
        records = self._cloud.evacuations_since(now - OLDEST, NEWEST)
        if any(record.live and record.created_at > now - LATELY for record in records):
            return None
        asked = self._ask(records, quiet)
        unknown = [record.created_at for record in records[asked:]]
        if len(records) == NEWEST:
            unknown.append(records[-1].created_at)
        past = [each for record in reversed(records[:asked]) if (each := self._past(record)) is not None]
        return hindsight.learnt(past, max(unknown, default=-math.inf))

    def _ask(self, records: Iterable[Migration], quiet: Callable[[], bool]) -> int:
        """Find out when the servers of *records* arrived; return how many of them, from the first on, are done with."""
        left, asked = REQUESTS, 0
        for record in records:
            if record.succeeded and record.id not in self._arrived:
                left -= EACH
                if left < 0 or not quiet():
                    break
                self._arrived[record.id] = self._cloud.arrived_at(record)
            asked += 1
        return asked

    def _past(self, record: Migration) -> Past | None:
        """Return what is known of one that is over; None: how it ended is not."""
        if not record.succeeded:
            return None if record.live else Past(record.created_at, record.updated_at, arrived=False)
        at = self._arrived[record.id]
        return None if at is None else Past(record.created_at, at, arrived=True)


class Hindsight:
    """Looks, in a thread of its own, while its process leads."""

    def __init__(self, client: KazooClient, cloud: Cloud, clock: Clock, look_every: float = LOOK_EVERY) -> None:
        """Keep in ZooKeeper, through *client*, what *cloud* remembers."""
        self._look_every = look_every
        self._experience = Experience(client)
        self._open = OpenOnes(client)
        self._clock = clock
        self._memories = Memories(cloud, clock)
        self._asked_at = -math.inf
        self._stopping = threading.Event()

    def run(self, leads: Callable[[], bool]) -> None:
        """Look until stop() is called, while *leads* says so."""
        while not self._stopping.wait(self._look_every):
            try:
                if leads() and self.due():
                    self.look()
            except MedevacError as error:
                log.warning("what Nova remembers of evacuations cannot be told: %s", error)
            except Exception:
                # Whatever Nova remembers must not end this thread: the next evacuation may be one that it can read.
                log.exception("what Nova remembers of evacuations could not be told; please report this")

    def stop(self) -> None:
        """End run() soon, from another thread."""
        self._stopping.set()

    def due(self) -> bool:
        """Tell whether Nova should be asked now.  Raises StoreUnreachableError."""
        return self._clock.now() - self._asked_at >= AGAIN and self._experience.is_empty() and self._quiet()

    def look(self) -> Learnt | None:
        """Keep what Nova remembers, unless somebody has kept something meanwhile; return what was kept.

        Raises CloudUnavailableError, RefusedError, StoreUnreachableError.
        """
        self._asked_at = self._clock.now()
        found = self._memories.read(self._quiet)
        if found is None or not self._experience.begin(found):
            return None
        log.info("by the evacuations that Nova remembers, %d at once are best: recoveries begin with that", found.best)
        return found

    def _quiet(self) -> bool:
        """Tell whether nothing is being recovered, and nobody has told this process to stop."""
        recovering = (stored.incident.state is IncidentState.RECOVERING for stored in self._open.read())
        return not self._stopping.is_set() and not any(recovering)
