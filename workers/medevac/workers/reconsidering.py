"""Reconsidering: held incidents are judged again when their time has come, and go on, wait, or end."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medevac.core.errors import MedevacError, StoreUnreachableError
from medevac.core.event import SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.workers import incarnation, incidents
from medevac.workers.cases.fallen import Fallen
from medevac.workers.cases.host_down import HostDown
from medevac.workers.cases.live_host import LiveHost
from medevac.workers.cases.server import ServerCase
from medevac.workers.cases.way_back import WayBack
from medevac.workers.desk import Desk, NotYetError
from medevac.workers.incidents import OpenOnes, Stored
from medevac.workers.opening import again, end, supersede_all
from medevac.workers.opinion import Opinion, Stand, unknown
from medevac.workers.recalling import recall
from medevac.workers.ruling import rule
from medevac.workers.telling import Teller
from medevac.workers.zookeeper import commit

log = logging.getLogger(__name__)

LATER = 30.0
"""Seconds until an incident is looked at again that nobody can say anything about."""
ENOUGH = 20.0
"""Seconds after which a look judges nobody more: where Nova takes half a minute for each answer, a thousand held
incidents would keep triage from events, and people from being told, for hours."""


@dataclass(frozen=True)
class Cases:
    """Who knows about which failures."""

    host_down: HostDown
    live_host: LiveHost
    server: ServerCase
    way_back: WayBack


class Reconsidering:
    """Looks at what is held.  One read of the list of incidents and one of each open incident a round."""

    def __init__(self, desk: Desk, open_ones: OpenOnes, cases: Cases) -> None:
        """Ask *cases* whether their failures last."""
        self._desk = desk
        self._open_ones = open_ones
        self._cases = cases
        self._teller = None if desk.notifier is None else Teller(desk, desk.notifier)
        self._tried_at: dict[str, float] = {}

    def run(self) -> float | None:
        """Judge what is due; return when the next is (seconds since the epoch), None when nothing is held.

        It is infinite when all that is held waits for people or events.
        """
        open_incidents = self._open_ones.read()
        for death, parts in self._cases.host_down.parts(open_incidents).items():
            supersede_all(self._desk, parts, death)
        if recall(self._desk, open_incidents):
            open_incidents = self._open_ones.read()
        held = [each for each in open_incidents if each.incident.state is IncidentState.HELD]
        timed = [each for each in held if each.incident.again_at > 0]
        if self._teller is not None:
            self._teller.tell([each.incident for each in open_incidents])
        self._judge(timed)
        return min((each.incident.again_at for each in timed), default=math.inf) if held else None

    def _judge(self, timed: Sequence[Stored]) -> None:
        """Judge those that are due, as many as there is time for; those that waited longest for it go first."""
        began = self._desk.clock.now()
        due = {each.incident.id: each for each in timed if each.incident.again_at <= began}
        self._tried_at = {name: at for name, at in self._tried_at.items() if name in due}
        for name in sorted(due, key=lambda name: self._tried_at.get(name, 0.0)):
            if self._desk.clock.now() - began >= ENOUGH:
                log.info("not all of %d incidents that are due were judged: the rest is next", len(due))
                return
            self._tried_at[name] = self._desk.clock.now()
            self._try(due[name])

    def _try(self, stored: Stored) -> None:
        try:
            self._reconsider(stored)
        except StoreUnreachableError:
            raise
        except MedevacError as error:
            # It stays due, and is looked at again in the next round.
            log.warning("%s stays held: %s", stored.incident.id, error)
        except Exception:
            # One incident that we cannot judge must not keep the others from going on.
            log.exception("%s stays held, and could not be judged; please report this", stored.incident.id)

    def _reconsider(self, stored: Stored) -> None:
        incident = stored.incident
        opinion = self._still(incident)
        if opinion.stand is Stand.DENIED:
            self._over(stored, opinion.reason)
            return
        service = self._desk.cloud.host_service(incident.host or incident.subject.name)
        if service is None:
            known = f"Nova knows no compute service of {incident.subject.name} now"
            opinion = unknown(opinion.reason or known, max(opinion.due, self._desk.clock.now() + LATER))
        if opinion.stand is Stand.UNKNOWN or service is None:
            self._wait(stored, opinion)
            return
        life = incarnation.read(self._desk.client, incident.subject).record
        ruling = rule(self._desk, incident, service, life)
        log.info("%s: %s: %s", incident.id, ruling.incident.state, ruling.incident.reason)
        again(self._desk, stored, ruling, "looked at again. ")

    def _still(self, incident: Incident) -> Opinion:
        if incident.subject.kind is SubjectKind.SERVER:
            return self._cases.server.still(incident)
        by_failure = {HOST_DOWN: self._cases.host_down.still, HOST_UP: self._cases.way_back.still}
        return by_failure.get(incident.failure, self._cases.live_host.still)(incident)

    def _over(self, stored: Stored, reason: str) -> None:
        """End an incident that is over by itself; servers that died with a host that is back are seen to."""
        if stored.incident.failure != HOST_DOWN:
            self._end(stored, IncidentState.IGNORED, reason)
            return
        try:
            found = self._cases.host_down.left_behind(stored.incident)
        except NotYetError as early:
            self._wait(stored, unknown(str(early), early.due))
            return
        state = IncidentState.PARKED if found.unclear else IncidentState.IGNORED
        told = f"{reason}; {found.told}" if found.unclear or found.off else reason
        self._end(stored, state, told, found)

    def _end(self, stored: Stored, state: IncidentState, reason: str, left: Fallen | None = None) -> None:
        log.info("%s is over: %s", stored.incident.id, reason)
        transaction = self._desk.client.transaction()
        end(self._desk, transaction, stored, state, reason)
        if left is not None:
            left.tell(transaction, self._desk.actor, self._desk.clock.now())
        commit(transaction)

    def _wait(self, stored: Stored, opinion: Opinion) -> None:
        transaction = self._desk.client.transaction()
        waits = replace(stored.incident, reason=opinion.reason, again_at=opinion.due)
        incidents.replace(transaction, stored, waits)
        commit(transaction)
