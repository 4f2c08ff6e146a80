"""Latecomers: what Nova does when the recovery that asked for it is over is told to people, once for each server.

The triage leader looks at Nova's records of recoveries that have ended lately.  It changes nothing in Nova: what is
to be done wants somebody who has seen where the server runs (docs/decisions/0025-late-orders.md).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kazoo.client import KazooClient

from medevac.core.errors import MedevacError, UnreachableError
from medevac.core.incident import Incident
from medevac.core.journal import JournalEntry
from medevac.flows import lateness
from medevac.flows.lateness import Known
from medevac.flows.ports import Migration, Notifier
from medevac.flows.steps.notify import PAGE
from medevac.workers import incidents
from medevac.workers.desk import Desk
from medevac.workers.incidents import EndedOnes, Stored
from medevac.workers.zookeeper import commit

log = logging.getLogger(__name__)

LOOK_EVERY = 300.0
"""Seconds between two rounds, and before the first: there is no hurry, for servers that were brought back run."""
KEPT = 7 * 86_400.0
"""Seconds after its end for which a recovery is looked at: by then a host that stands still is mended, or gone."""
STEP = "late"
"""The step that speaks in the journal."""
PAGED = "paged"
"""The fact of a line that says that people were told of its server."""


@dataclass(eq=False)
class Watched:
    """A recovery that is over."""

    incident: Incident
    servers: Mapping[str, Known]
    """Those that Nova was asked for, by id."""
    done: set[str] = field(default_factory=set)
    """Servers of which people know."""

    @property
    def host(self) -> str:
        """Return the host from which its servers were evacuated."""
        return self.incident.host or self.incident.subject.name


class Latecomers:
    """Looks at one recovery at a time, for the thread of triage, which is not kept for long."""

    def __init__(self, desk: Desk) -> None:
        """Ask the cloud of *desk*, and page through its notifier; nothing is asked before the first round is due."""
        self._desk = desk
        self._ended = EndedOnes(desk.client)
        self._watched: dict[str, Watched | None] = {}
        """By incident; None where Nova can have nothing left to do."""
        self._waiting: list[Watched] = []
        self._round_at: float | None = None

    def run(self) -> None:
        """Look at the next one, where it is time."""
        try:
            self._go_on()
        except MedevacError as error:
            if isinstance(error, UnreachableError):
                self._waiting = []  # the others would fare no better
            log.warning("whether Nova does something late cannot be told: %s", error)
        except Exception:
            # What Nova remembers of a recovery that is over must not stop those that are to come.
            log.exception("whether Nova does something late could not be told; please report this")

    def _go_on(self) -> None:
        now = self._desk.clock.now()
        if self._round_at is None:
            self._round_at = now + LOOK_EVERY
        if not self._waiting and now >= self._round_at:
            self._round_at = now + LOOK_EVERY
            self._waiting = self._all(now)
        if self._waiting:
            self._look(self._waiting.pop())

    def _all(self, now: float) -> list[Watched]:
        ended = {incident.id: incident for incident in self._ended.read(now - KEPT)}
        self._watched = {name: each for name, each in self._watched.items() if name in ended}
        for name, incident in ended.items():
            if name not in self._watched:
                self._watched[name] = self._begin(incident)
        return [each for each in self._watched.values() if each is not None]

    def _begin(self, incident: Incident) -> Watched | None:
        report = incidents.report(self._desk.client, incident.id)
        servers = lateness.known(report or {}, incident.ended_at or incident.stored_at)
        return Watched(incident, servers) if servers else None

    def _look(self, watched: Watched) -> None:
        incident = watched.incident
        records = self._desk.cloud.evacuations_from(watched.host, incident.opened_at)
        of_each = lateness.of_each(records, incident.ended_at or incident.stored_at)
        doubtful = {key: of_each[key] for key in watched.servers.keys() & of_each.keys() - watched.done}
        doubtful = {key: each for key, each in doubtful.items() if lateness.may_come(watched.servers[key], each)}
        if not doubtful:
            self._watched[incident.id] = None
            return
        found = {key: said for key in sorted(doubtful) if (said := self._said(watched, key, doubtful[key]))}
        if found:
            self._tell(watched, found)

    def _said(self, watched: Watched, server_id: str, records: Sequence[Migration]) -> str:
        server = watched.servers[server_id]
        record = lateness.late(server, records)
        seen = None if record is None else self._desk.cloud.server(server_id)
        return "" if record is None or seen is None else lateness.told(server, record, seen, watched.host)

    def _tell(self, watched: Watched, found: Mapping[str, str]) -> None:
        """Write what is not written, and page where people were not: a page that fails is tried in the next round."""
        client, incident_id = self._desk.client, watched.incident.id
        stored = incidents.read(client, incident_id)  # before its journal: whoever writes in between is noticed
        written = [line for line in incidents.journal(client, incident_id) if line.step == STEP]
        new = {key: said for key, said in found.items() if all(line.server != key for line in written)}
        if new:
            _write(client, stored, [self._line(said, key) for key, said in new.items()])
            log.warning("%s: %s", incident_id, "; ".join(new.values()))
        paged = {line.server for line in written if PAGED in line.facts}
        untold = {key: said for key, said in found.items() if key not in paged}
        watched.done |= found.keys() - untold.keys()
        if self._desk.notifier is None:
            watched.done |= found.keys()
        elif untold:
            page = threading.Thread(target=self._page, args=(self._desk.notifier, watched, untold), name="page")
            page.daemon = True
            page.start()

    def _page(self, notifier: Notifier, watched: Watched, untold: Mapping[str, str]) -> None:
        incident_id = watched.incident.id
        try:
            notifier.send(PAGE, f"medevac: Nova did something late after {incident_id}", "\n".join(untold.values()))
            lines = [self._line(f"told {PAGE}", key, PAGE) for key in untold]
            _write(self._desk.client, incidents.read(self._desk.client, incident_id), lines)
        except MedevacError as error:
            log.warning("%s is told in the next round of what came late after %s: %s", PAGE, incident_id, error)

    def _line(self, text: str, server_id: str, paged: str = "") -> JournalEntry:
        facts = {PAGED: paged} if paged else {}
        return JournalEntry(self._desk.clock.now(), STEP, text, server_id, self._desk.actor, facts)


def _write(client: KazooClient, stored: Stored, lines: Sequence[JournalEntry]) -> None:
    """Write *lines* into the journal.  Raises TransactionRefusedError where somebody wrote since *stored* was read."""
    transaction = client.transaction()
    incidents.replace(transaction, stored, stored.incident)
    incidents.note(transaction, stored.incident.id, lines)
    commit(transaction)
