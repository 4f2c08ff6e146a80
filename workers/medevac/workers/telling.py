"""Telling: people are paged once for an incident that waits for them, however often it is tried again.

Of a storm they are paged once for all that it holds.  Messages go out in threads of their own: triage waits for none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
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
"""What the target `page` is told of; the rest is told by who holds it, was ordered by people, or ends by itself."""
STORM = "breaker"
BRAKES = (STORM, "maintenance")
"""What those are told of whom the site file names for the brakes."""
AGAIN = 60.0
"""Seconds before a message is tried again that did not go out."""
TRIES = 5
"""How often a write is tried that others forestall."""


class Teller:
    """Pages people about held incidents.  A message that does not go out is tried again as long as it holds."""

    def __init__(self, desk: Desk, notifier: Notifier) -> None:
        """Send through *notifier*."""
        self._desk = desk
        self._notifier = notifier
        self._not_before: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._sent: set[tuple[str, str]] = set()

    def tell(self, open_ones: Collection[Incident]) -> None:
        """Tell of those of *open_ones*, which are all, that are held and that people do not know of.

        A successor knows of a storm that people were told of it as long as that incident is open.
        """
        now = self._desk.clock.now()
        held = [incident for incident in open_ones if incident.state is IncidentState.HELD]
        ids = {incident.id for incident in held}
        self._not_before = {key: due for key, due in self._not_before.items() if key in ids}
        self._seen = {each.id: self._seen.get(each.id, now) for each in held if each.held_by in BRAKES}
        for each in (each for each in open_ones if each.warned_at):
            about = _about(each, each.warned_of)
            self._told[about] = max(self._told.get(about, 0.0), each.warned_at)
        carriers = {_about(each, each.held_by): each.id for each in held if self._is_being_told(each)}
        for incident in held:
            targets = self._targets(incident)
            if targets and now >= self._not_before.get(incident.id, 0.0) and not self._is_known(incident, carriers):
                self._begin(incident, targets, now)
                carriers[_about(incident, incident.held_by)] = incident.id

    def _targets(self, incident: Incident) -> Sequence[str]:
        """Return who has to be told of it, and was not."""
        if incident.held_by in WORTH:
            return () if incident.told_at else (PAGE,)
        return self._desk.storms.page if incident.held_by in BRAKES and not incident.warned_at else ()

    def _is_being_told(self, incident: Incident) -> bool:
        """Tell whether a message that the brakes hold it was begun, and has not gone out to everybody."""
        return incident.held_by in BRAKES and incident.id in self._not_before and not incident.warned_at

    def _is_known(self, incident: Incident, carriers: Mapping[str, str]) -> bool:
        """Tell whether people know of what the brakes hold it for: they were told of another, or are being told.

        *carriers*: with which incident they are being told of what.
        """
        if incident.held_by not in BRAKES:
            return False
        about = _about(incident, incident.held_by)
        told = self._told.get(about, 0.0)
        if told and self._seen[incident.id] - told < float(self._desk.storms.window):
            return True
        return carriers.get(about, incident.id) != incident.id

    def _begin(self, incident: Incident, targets: Sequence[str], now: float) -> None:
        told = {"first": incident.id not in self._not_before}
        self._not_before[incident.id] = now + AGAIN
        threading.Thread(target=self._tell, args=(incident, targets), kwargs=told, name="page", daemon=True).start()

    def _tell(self, incident: Incident, targets: Sequence[str], *, first: bool) -> None:
        try:
            failed = [error for target in targets if (error := self._send(incident, target))]
            if not failed:
                self._note(incident, targets)
            elif first:
                self._write(incident.id, lambda each: each, f"{'; '.join(failed)}: {incident.reason}")
        except MedevacError as error:
            log.warning("%s: that people were told was not written down: %s", incident.id, error)

    def _send(self, incident: Incident, target: str) -> str:
        """Send the message unless it has gone out; return how it failed, or nothing."""
        if (incident.id, target) in self._sent:
            return ""
        try:
            self._notifier.send(target, f"medevac holds {incident.id}", incident.reason)
        except NotificationError as error:
            log.warning("nobody was told that %s is held: %s", incident.id, error)
            return f"{target} was not told ({error})"
        self._sent.add((incident.id, target))
        return ""

    def _note(self, incident: Incident, targets: Sequence[str]) -> None:
        now = self._desk.clock.now()
        self._sent -= {(incident.id, target) for target in targets}
        text, why = f"told {' and '.join(targets)}: {incident.reason}", incident.held_by
        if why in BRAKES:
            self._told[_about(incident, why)] = now
            self._write(incident.id, lambda each: replace(each, warned_at=now, warned_of=why), text)
        else:
            self._write(incident.id, lambda each: replace(each, told_at=now), text)

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


def _about(incident: Incident, held_by: str) -> str:
    """Return what a message about it is about: a storm holds many for one cause, a maintenance one host."""
    return STORM if held_by == STORM else incident.subject.name
