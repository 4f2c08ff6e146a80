"""Triage: one elected leader among the workers settles every event; a successor goes on from what is stored."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.handled import Outcome
from medevac.core.wire import decode
from medevac.workers.desk import NotYetError
from medevac.workers.housekeeping import Retention, tidy
from medevac.workers.intake import Intake
from medevac.workers.zookeeper import bounded

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
TIDY_EVERY = 3600.0
"""Seconds between two rounds of housekeeping."""
RAW_LIMIT = 2000
"""How many characters of an unreadable event are kept with its record."""
RECONSIDER_EVERY = 3.0
"""Seconds between two looks at what is held, at the least."""
SHORTEST_REST = 0.1
"""Seconds between two rounds at the least."""
GOOD_NEWS = (
    EventKind.HOST_MEMBER,
    *(EventKind.NOVA_COMPUTE_UP, EventKind.LIBVIRT_UP, EventKind.HOST_NETWORK_UP),
    *(EventKind.WORKLOAD_OK, EventKind.CONTROL_PLANE_UP),
)
"""Events that say that something works again."""
DEATHS = (EventKind.HOST_FENCED, EventKind.HOST_DOWN, EventKind.HOST_FENCING_FAILED)
NOBODY = Subject(SubjectKind.HOST, "?")


class Triage:
    """Runs for leader, and while it leads, hands every waiting event to intake."""

    def __init__(self, client: KazooClient, intake: Intake, actor: str) -> None:
        """Lead under the name *actor*; call run() in a thread of its own."""
        self._client = client
        self._intake = intake
        self._actor = actor
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._due: float | None = None
        self._look_at = 0.0
        self._held_until: float | None = None
        self._election = client.Election(layout.LEADER, actor)
        self.leading = threading.Event()
        """Set while this process leads, for those who do other things that one process does for all."""

    def run(self) -> None:
        """Wait to be elected, then settle events until stop() is called."""
        while not self._stopping.is_set():
            self._election.run(self._lead)

    def stop(self) -> None:
        """End run() soon, from another thread."""
        self._stopping.set()
        self._wake.set()
        self._election.cancel()

    def _lead(self) -> None:
        log.info("%s leads triage", self._actor)
        self.leading.set()
        try:
            self._go_on()
        finally:
            self.leading.clear()

    def _go_on(self) -> None:
        pause = FIRST_PAUSE
        tidy_at = time.monotonic() + TIDY_EVERY
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                left = self.settle_waiting()
                self._reconsider()
                if time.monotonic() > tidy_at:
                    tidy_at = time.monotonic() + TIDY_EVERY
                    log.info("housekeeping removed %d records", tidy(self._client, Retention(), time.time()))
            except MedevacError as error:
                log.warning("triage cannot go on for now: %s", error)
                left = 1
            except Exception:
                # It would end this thread, and one after another those of all workers: nobody would be left to lead.
                log.exception("triage failed as nobody has foreseen, and tries again; please report this")
                left = 1
            pause = min(pause * 2, LONGEST_PAUSE) if left else FIRST_PAUSE
            self._wake.wait(self._rest(pause if left else LONGEST_PAUSE))

    def _reconsider(self) -> None:
        """Judge held incidents anew, every few seconds and not with every event."""
        if time.monotonic() < self._look_at:
            return
        self._held_until = self._intake.reconsider()
        # Conductors hold incidents too, for half a minute at the least: where none is known, there is no hurry.
        self._look_at = time.monotonic() + (LONGEST_PAUSE if self._held_until is None else RECONSIDER_EVERY)

    def _rest(self, pause: float) -> float:
        """Return how many seconds to wait at the most: until an event or an incident is due."""
        rest = pause
        if self._due is not None:
            rest = min(rest, self._due - time.time())
        if self._held_until is not None:
            until = min(self._held_until - time.time(), RECONSIDER_EVERY)
            rest = min(rest, max(until, self._look_at - time.monotonic()))
        return max(SHORTEST_REST, rest)

    def settle_waiting(self) -> int:
        """Settle what waits now, and return how many events could not be settled yet."""
        events = self._waiting()
        self._due = None
        return sum(not self._settle(event) for event in events)

    # Methods and not lambdas: kazoo keeps each function once, however often it is set as a watch.

    def _event_came(self, _change: object) -> None:
        self._wake.set()

    def _operator_spoke(self, _change: object) -> None:
        self._look_at = 0.0
        self._wake.set()

    def _waiting(self) -> list[Event]:
        """Return the events that wait, in the order of their turns, in two round trips however many there are."""
        listed = self._client.get_children_async(layout.EVENTS, watch=self._event_came)
        news = self._client.exists_async(layout.NEWS, watch=self._operator_spoke)
        names = sorted(bounded(listed))
        bounded(news)
        calls = [(name, self._client.get_async(layout.event(name))) for name in names]
        events = [event for name, call in calls if (event := self._read(name, call)) is not None]
        return sorted(events, key=_turn)

    def _read(self, name: str, call: Any) -> Event | None:  # noqa: ANN401 - kazoo's asynchronous result
        path = layout.event(name)
        try:
            data, _ = bounded(call)
        except NoNodeError:
            return None
        try:
            return decode(Event, data, path)
        except MalformedDocumentError as error:
            facts = {"raw": data.decode(errors="replace")[:RAW_LIMIT], "why": str(error)}
            return Event(name, EventKind.UNCLASSIFIED, NOBODY, "unknown", "unknown", 0.0, facts)

    def _settle(self, event: Event) -> bool:
        seen = f"event {event.id} ({event.kind} of {event.subject.name})"
        try:
            handled = self._intake.handle(event)
        except NotYetError as early:
            log.info("%s waits: %s", seen, early)
            self._due = min(early.due, self._due or early.due)
            return False
        except MedevacError as error:
            log.warning("%s waits: %s", seen, error)
            return False
        except Exception:
            # One event that we cannot handle must not stop the others; it stays and is tried again with a back-off.
            log.exception("%s could not be handled; please report this", seen)
            return False
        log.info("%s: %s: %s", seen, handled.outcome, handled.reason)
        if handled.outcome is Outcome.INCIDENT:
            self._look_at = 0.0  # what was let go before may be part of the same storm
        return True


def _turn(event: Event) -> int:
    """Return when its turn is; within a turn the oldest is first.

    What has come back must be known before its earlier failure is acted on; and a dead host is many dead servers, and
    does not wait for two hundred that crashed one by one.
    """
    if event.kind in GOOD_NEWS:
        return 0
    return 1 if event.kind in DEATHS else 2
