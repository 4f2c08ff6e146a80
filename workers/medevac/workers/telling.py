"""Telling: people are paged once for an incident that waits for them, however often it is tried again.

Of a storm they are paged once for all that it holds.  Messages go out in threads of their own: triage waits for none.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from medevac.core.errors import MedevacError, NotificationError
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import Notifier
from medevac.flows.steps.notify import PAGE
from medevac.workers import incidents
from medevac.workers.brakes.view import set_going_by
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
SIDE_BY_SIDE = 50
"""Messages that are on their way at once: of a site that fails as a whole there is one for every host."""
TRIES = 5
"""How often a write is tried that others forestall."""


@dataclass(frozen=True, slots=True)
class _Try:
    """The last time that a message was begun with an incident."""

    about: str
    due: float
    """When it is tried again, if it has not gone out."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A message that has gone out to one of its targets, as long as others, or ZooKeeper, are still to know."""

    incident: str
    at: float


NEVER = _Try("", -math.inf)


class Teller:
    """Pages people about held incidents.  A message that does not go out is tried again as long as it holds."""

    def __init__(self, desk: Desk, notifier: Notifier) -> None:
        """Send through *notifier*."""
        self._desk = desk
        self._notifier = notifier
        self._tries: dict[str, _Try] = {}
        self._told: dict[str, float] = {}
        self._sent: dict[tuple[str, str], _Sent] = {}
        self._busy: set[str] = set()

    def tell(self, open_ones: Collection[Incident]) -> None:
        """Tell of those of *open_ones*, which are all, that are held and that people do not know of.

        A successor knows of a storm that people were told of it as long as that incident is open.
        """
        now = self._desk.clock.now()
        held = [incident for incident in open_ones if incident.state is IncidentState.HELD]
        ids = {incident.id for incident in held}
        self._tries = {key: tried for key, tried in self._tries.items() if key in ids}
        for each in (each for each in open_ones if each.warned_at):
            about = _about(each, each.warned_of)
            self._told[about] = max(self._told.get(about, 0.0), each.warned_at)
        waiting = [each for each in held if self._targets(each) and not self._is_known(each)]
        carriers = {_about(each, each.held_by): each.id for each in waiting if self._tried(each) is not NEVER}
        for incident in sorted(waiting, key=self._turn):
            about = _about(incident, incident.held_by)
            if self._may_begin(incident, now) and carriers.setdefault(about, incident.id) == incident.id:
                self._begin(incident, now)

    def _targets(self, incident: Incident) -> Sequence[str]:
        """Return who has to be told of it, and was not."""
        if incident.held_by in WORTH:
            return () if incident.told_at else (PAGE,)
        warned = incident.warned_at and incident.warned_of == incident.held_by
        return self._desk.storms.page if incident.held_by in BRAKES and not warned else ()

    def _tried(self, incident: Incident) -> _Try:
        """Return when people were last being told with it of what holds it now."""
        tried = self._tries.get(incident.id, NEVER)
        return tried if tried.about == _about(incident, incident.held_by) else NEVER

    def _turn(self, incident: Incident) -> tuple[bool, float]:
        """Return when its turn is: a storm first, and what was never tried before what is tried again."""
        return incident.held_by != STORM, self._tried(incident).due

    def _is_known(self, incident: Incident) -> bool:
        """Tell whether people were told with another incident of what holds it."""
        told = self._told.get(_about(incident, incident.held_by), 0.0)
        since = incident.held_at or incident.stored_at  # those of earlier releases do not have the first
        return bool(told) and since - told < float(self._desk.storms.window)

    def _may_begin(self, incident: Incident, now: float) -> bool:
        """Tell whether it is time for a message, and nobody is at it."""
        return now >= self._tried(incident).due and incident.id not in self._busy and len(self._busy) < SIDE_BY_SIDE

    def _begin(self, incident: Incident, now: float) -> None:
        told = {"first": self._tried(incident) is NEVER}
        self._tries[incident.id] = _Try(_about(incident, incident.held_by), now + AGAIN)
        self._busy.add(incident.id)
        threading.Thread(target=self._tell, args=(incident,), kwargs=told, name="page", daemon=True).start()

    def _tell(self, incident: Incident, *, first: bool) -> None:
        targets = self._targets(incident)
        try:
            failed = [error for target in targets if (error := self._send(incident, target))]
            if not failed:
                self._note(incident, targets)
            elif first:
                self._write(incident.id, lambda each: each, f"{'; '.join(failed)}: {incident.reason}")
        except MedevacError as error:
            log.warning("%s: that people were told was not written down: %s", incident.id, error)
        finally:
            self._busy.discard(incident.id)

    def _send(self, incident: Incident, target: str) -> str:
        """Send the message unless it has gone out; return how it failed, or nothing."""
        key, now = (_about(incident, incident.held_by), target), self._desk.clock.now()
        sent = self._sent.get(key)
        if sent and (sent.incident == incident.id or now - sent.at < float(self._desk.storms.window)):
            return ""
        try:
            self._notifier.send(target, f"medevac holds {incident.id}", message(incident))
        except NotificationError as error:
            log.warning("nobody was told that %s is held: %s", incident.id, error)
            return f"{target} was not told ({error})"
        self._sent[key] = _Sent(incident.id, now)
        return ""

    def _note(self, incident: Incident, targets: Sequence[str]) -> None:
        """Write that people were told; they are not told once more where that fails, it is only written again."""
        now, why = self._desk.clock.now(), incident.held_by
        about, text = _about(incident, why), f"told {' and '.join(targets)}: {incident.reason}"
        if why in BRAKES:
            self._write(incident.id, lambda each: replace(each, warned_at=now, warned_of=why), text)
            self._told[about] = now
        else:
            self._write(incident.id, lambda each: replace(each, told_at=now), text)
        for target in targets:
            self._sent.pop((about, target), None)

    def _write(self, incident_id: str, change: Callable[[Incident], Incident], text: str) -> None:
        for left in reversed(range(TRIES)):
            stored = incidents.read(self._desk.client, incident_id)
            if stored.incident.state is IncidentState.SUPERSEDED:
                return
            transaction = self._desk.client.transaction()
            incidents.replace(transaction, stored, change(stored.incident))
            incidents.note(transaction, incident_id, [self._desk.line(text)])
            try:
                commit(transaction)
            except TransactionRefusedError:
                if not left:
                    raise
                continue
            return


def message(incident: Incident) -> str:
    """Return why it is held, and what sets it going: who is woken by it has nothing else before him."""
    if incident.id in incident.reason:
        return incident.reason  # it names the command itself
    return f"{incident.reason}. Set going by: {set_going_by(incident)}. What else is held: medevac site status"


def _about(incident: Incident, held_by: str) -> str:
    """Return what a message about it is about: a storm holds many for one cause, a maintenance one host."""
    if held_by == STORM:
        return STORM
    return f"host {incident.subject.name}" if held_by in BRAKES else f"incident {incident.id}"
