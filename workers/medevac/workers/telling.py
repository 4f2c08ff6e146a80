"""Telling: people are paged once for an incident that waits for them, however often it is tried again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import replace

from medevac.core.errors import MedevacError, NotificationError
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import Notifier
from medevac.flows.steps.notify import PAGE
from medevac.workers import incidents
from medevac.workers.desk import Desk
from medevac.workers.zookeeper import TransactionRefusedError, commit

log = logging.getLogger(__name__)

WORTH = ("limit", "evidence", "storage")
"""What is told here; what the brakes hold they tell themselves, and the rest is told by who holds it."""
AGAIN = 60.0
"""Seconds before a message is tried again that did not go out."""
TRIES = 5
"""How often a write is tried that others forestall."""


class Teller:
    """Pages people about held incidents.  Messages go out in threads of their own: triage waits for none."""

    def __init__(self, desk: Desk, notifier: Notifier) -> None:
        """Send through *notifier*, to the target of `page`."""
        self._desk = desk
        self._notifier = notifier
        self._not_before: dict[str, float] = {}

    def tell(self, held: Collection[Incident]) -> None:
        """Tell of those of *held* that people do not know of; they are all that are held."""
        now = self._desk.clock.now()
        ids = {incident.id for incident in held}
        self._not_before = {key: due for key, due in self._not_before.items() if key in ids}
        for incident in held:
            if incident.held_by in WORTH and not incident.told_at and now >= self._not_before.get(incident.id, 0.0):
                self._begin(incident, now)

    def _begin(self, incident: Incident, now: float) -> None:
        first = incident.id not in self._not_before
        self._not_before[incident.id] = now + AGAIN
        told = {"first": first}
        threading.Thread(target=self._tell, args=(incident,), kwargs=told, name="page", daemon=True).start()

    def _tell(self, incident: Incident, *, first: bool) -> None:
        try:
            self._send(incident, first=first)
        except MedevacError as error:
            log.warning("%s: that people were told was not written down: %s", incident.id, error)

    def _send(self, incident: Incident, *, first: bool) -> None:
        try:
            self._notifier.send(PAGE, f"medevac holds {incident.id}", incident.reason)
        except NotificationError as error:
            log.warning("nobody was told that %s is held: %s", incident.id, error)
            if first:
                self._write(incident.id, lambda each: each, f"{PAGE} was not told ({error}): {incident.reason}")
        else:
            now = self._desk.clock.now()
            self._write(incident.id, lambda each: replace(each, told_at=now), f"told {PAGE}: {incident.reason}")

    def _write(self, incident_id: str, change: Callable[[Incident], Incident], text: str) -> None:
        for _ in range(TRIES):
            stored = incidents.read(self._desk.client, incident_id)
            if stored.incident.state is IncidentState.SUPERSEDED:
                return
            transaction = self._desk.client.transaction()
            incidents.replace(transaction, stored, change(stored.incident))
            incidents.note(transaction, incident_id, [self._desk.line(text)])
            try:
                commit(transaction)
            except TransactionRefusedError:
                continue
            return
