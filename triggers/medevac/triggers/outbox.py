"""Outbox: what a resident trigger has seen, on disk first and then in ZooKeeper, whoever is away.

Used by processes that stay: one ZooKeeper session is kept, and a thread of the outbox's own empties the spool.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import deque
from pathlib import Path

from medevac.core.errors import MedevacError, SpoolError, StoreUnreachableError
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.triggers.post import Poster, replay

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for one call of ZooKeeper; also the length of the session that is asked for."""
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Seconds between two tries to empty the spool, while ZooKeeper is away and when all seems well."""
RECONNECTION = 2.0
"""Seconds between two tries to connect at the most: hundreds of hosts lose ZooKeeper at the same time."""
MOST_UNKEPT = 1000
"""Events that are kept in memory when no disk takes them; the oldest go first."""


class Outbox:
    """Takes events from one thread and posts them from another."""

    def __init__(self, spool: Spool, zookeeper: str) -> None:
        """Keep events in *spool* until *zookeeper* (host:port,host:port/path) has them."""
        self._spool = spool
        self._address = zookeeper
        self._unkept: deque[Event] = deque(maxlen=MOST_UNKEPT)
        self._wake = threading.Event()
        self._turn = threading.Condition()
        """Notified after each try to empty the spool."""
        self._stopping = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to post, with what an earlier process left."""
        self._thread.start()

    def put(self, event: Event) -> None:
        """Keep *event* on disk and have it posted soon; never raises."""
        try:
            self._spool.put(event)
        except SpoolError as error:
            log.error("%s; event %s is in memory alone: %s", error, event.id, event)  # noqa: TRY400 - foreseen
            self._unkept.append(event)
        self._wake.set()

    def keep(self, event: Event) -> None:
        """Do as `put`, but raise SpoolError when the disk does not take it: then nobody has it."""
        self._spool.put(event)
        self._wake.set()

    def posted(self, event_id: str, seconds: float) -> bool:
        """Wait until what was kept under that id is in ZooKeeper, for *seconds* at the most; tell whether it is."""
        path = Path(self._spool.path(event_id))
        with self._turn:
            return self._turn.wait_for(lambda: not path.exists(), seconds)

    def stop(self) -> None:
        """Post what can be posted at once, and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        pause = SHORTEST_PAUSE
        with contextlib.ExitStack() as stack:
            poster: Poster | None = None
            while True:
                self._wake.clear()
                try:
                    poster = poster or stack.enter_context(self._connect())
                    self._drain(poster)
                except MedevacError as error:
                    self._note(str(error))
                    pause = min(pause * 2, LONGEST_PAUSE)
                except Exception:
                    # The thread has to live on: it is the only way from the disk to ZooKeeper.
                    log.exception("events could not be posted; please report this")
                    pause = LONGEST_PAUSE
                else:
                    self._note("")
                    pause = SHORTEST_PAUSE
                with self._turn:
                    self._turn.notify_all()
                if self._stopping:
                    return
                self._wake.wait(pause if self._trouble else LONGEST_PAUSE)

    def _connect(self) -> Poster:
        if not self._address:
            raise StoreUnreachableError("no ZooKeeper address: set MEDEVAC_ZOOKEEPER or --zookeeper")
        return Poster(self._address, math.inf, patience=PATIENCE, longest_pause=RECONNECTION)

    def _drain(self, poster: Poster) -> None:
        poster.check()
        posted = replay(self._spool, poster)
        while self._unkept:
            poster.post(self._unkept[0])
            self._unkept.popleft()
            posted += 1
        if posted:
            log.info("posted %d events", posted)

    def _note(self, trouble: str) -> None:
        """Say once that there is trouble, and once that it is over."""
        if trouble != self._trouble:
            log.warning("events stay in %s: %s", self._spool.folder, trouble) if trouble else log.info(
                "ZooKeeper is back"
            )
        self._trouble = trouble
