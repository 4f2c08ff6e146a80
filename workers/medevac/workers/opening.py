"""Opening: the writes with which an incident begins, goes again, or ends by itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kazoo.client import TransactionRequest

from medevac.core.event import Event, Subject
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState, incident_id
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.flows.ports import HostService
from medevac.workers import incarnation, incidents
from medevac.workers.desk import Also, Desk, seen
from medevac.workers.incarnation import Incarnation, Newest, StoredIncarnation
from medevac.workers.ruling import Ruling, parked, rule
from medevac.workers.zookeeper import TransactionRefusedError, commit

log = logging.getLogger(__name__)

LONGEST_FACT = 200
"""Characters of a fact that an incident keeps."""
RAW = "CRM_"
"""How the facts begin that repeat what Pacemaker said."""
MOST_SUPERSEDED = 100
"""Incidents that end in the same write as another is opened; more might not fit, and end in the next ones."""


@dataclass(frozen=True)
class Finding:
    """A failure that was found to be one."""

    event: Event
    failure: str
    subject: Subject
    service: HostService
    life: StoredIncarnation
    host: str = ""
    """The host of a server."""
    evidence: FenceEvidence | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    supersedes: Sequence[incidents.Stored] = ()


def open_incident(desk: Desk, finding: Finding, *, parks: str = "", besides: Also = lambda _: None) -> Handled:
    """Settle the event of *finding* by opening its incident, together with the job where there is to be one.

    *parks* is why nothing can be done but tell people; *besides* adds further writes.
    """
    generation = _generation(finding)
    incident = Incident(
        id=incident_id(finding.failure, finding.subject, generation),
        failure=finding.failure,
        subject=finding.subject,
        generation=generation,
        opened_at=finding.event.seen_at,
        state=IncidentState.HELD,
        reason="",
        evidence=finding.evidence,
        attempt=0,
        stored_at=desk.clock.now(),
        host=finding.host,
        facts=_kept(finding.facts),
    )
    if parks:
        ruling = parked(incident, parks, desk.clock.now())
    else:
        ruling = rule(desk, incident, finding.service, finding.life.record)
    record = _record(finding, ruling)

    def also(transaction: TransactionRequest) -> None:
        incarnation.write(transaction, finding.subject, finding.life, record)
        incidents.create(transaction, ruling.incident, [desk.line(f"{seen(finding.event)}. {_said(ruling)}")])
        for stored in finding.supersedes[:MOST_SUPERSEDED]:
            supersede(desk, transaction, stored, ruling.incident.id)
        ruling.post(transaction)
        besides(transaction)

    return desk.settle(finding.event, Outcome.INCIDENT, ruling.incident.reason, also, ruling.incident.id)


def supersede_all(desk: Desk, parts: Sequence[incidents.Stored], by: str) -> None:
    """End *parts*, some at a time.  One that changes meanwhile keeps its neighbours open until the next look."""
    for first in range(0, len(parts), MOST_SUPERSEDED):
        transaction = desk.client.transaction()
        for stored in parts[first : first + MOST_SUPERSEDED]:
            supersede(desk, transaction, stored, by)
        try:
            commit(transaction)
        except TransactionRefusedError as error:
            log.info("incidents that %s supersedes have changed, and are looked at again: %s", by, error)


def again(desk: Desk, stored: incidents.Stored, ruling: Ruling, said: str) -> None:
    """Write what was ruled anew about a held incident, with *said* in its journal; nothing where nothing changed."""
    if ruling.incident == stored.incident:
        return
    transaction = desk.client.transaction()
    add_again(desk, transaction, stored, ruling, said)
    commit(transaction)


def add_again(  # noqa: PLR0913 - the four of `again`, the transaction, and whether it is news
    desk: Desk,
    transaction: TransactionRequest,
    stored: incidents.Stored,
    ruling: Ruling,
    said: str,
    *,
    always: bool = False,
) -> None:
    """Add the writes of `again` to *transaction*; a reason that is known is not told once more, unless *always*."""
    incidents.replace(transaction, stored, ruling.incident)
    if always or ruling.goes or ruling.incident.reason != stored.incident.reason:
        incidents.note(transaction, ruling.incident.id, [desk.line(f"{said}{_said(ruling)}")])
    if _counts(ruling):
        life = incarnation.read(desk.client, ruling.incident.subject)
        incarnation.write(transaction, ruling.incident.subject, life, life.record.begun(desk.clock.now()))
    ruling.post(transaction)


def supersede(desk: Desk, transaction: TransactionRequest, stored: incidents.Stored, by: str) -> None:
    """Add the end of an open incident that is part of something greater, or over.

    A job of it that runs ends at its next step: see `FencedLogbook` in workers/logbook.py.
    """
    end(desk, transaction, stored, IncidentState.SUPERSEDED, f"superseded by {by}")


def end(
    desk: Desk, transaction: TransactionRequest, stored: incidents.Stored, state: IncidentState, reason: str
) -> None:
    """Add the end of an open incident."""
    ended = replace(stored.incident, state=state, reason=reason, ended_at=desk.clock.now(), held_by="", again_at=0.0)
    incidents.replace(transaction, stored, ended)
    incidents.note(transaction, ended.id, [desk.line(f"{state}: {reason}")])


def _generation(finding: Finding) -> int:
    record = finding.life.record
    return (record.generation if finding.failure == HOST_DOWN else record.newest(finding.failure).generation) + 1


def _kept(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the facts that an incident keeps; the raw values of an alert stay with its event."""
    return {name: value[:LONGEST_FACT] for name, value in facts.items() if not name.startswith(RAW)}


def _record(finding: Finding, ruling: Ruling) -> Incarnation:
    incident, record = ruling.incident, finding.life.record
    if finding.failure == HOST_DOWN:
        record = replace(record, generation=incident.generation, incident=incident.id)
    else:
        newest = Newest(incident.generation, incident.id, finding.facts.get("boot", ""))
        record = record.opened(finding.failure, newest)
    return record.begun(incident.stored_at) if _counts(ruling) else record


def _counts(ruling: Ruling) -> bool:
    """Tell whether it counts against the limits: the first attempt does, and a return is no failure."""
    return ruling.goes and ruling.incident.attempt == 1 and ruling.incident.failure != HOST_UP


def _said(ruling: Ruling) -> str:
    incident = ruling.incident
    return f"held by {incident.held_by}: {incident.reason}" if incident.held_by else incident.reason
