"""Recalling: jobs that nobody has begun are taken off the board when what failed since shows that they are no good now.

The first hosts of a storm are let go before anybody can know that it is one; where all conductors are busy, their jobs
wait, and a conductor that comes free would begin them in the midst of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from medevac.core import layout
from medevac.core.errors import MedevacError, StoreUnreachableError
from medevac.core.event import SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.workers import board_view, incidents
from medevac.workers.board_view import JobRow
from medevac.workers.desk import Desk
from medevac.workers.incidents import Stored
from medevac.workers.verdict import Verdict
from medevac.workers.zookeeper import TransactionRefusedError, commit

log = logging.getLogger(__name__)


def recall(desk: Desk, open_incidents: Sequence[Stored]) -> int:
    """Take back the jobs of hosts that nobody has begun and that the brakes would not let go now; return how many.

    Raises StoreUnreachableError; what cannot be told of one leaves it where it is.
    """
    going = {each.incident.id: each for each in open_incidents if _may_wait(each.incident)}
    rows = [row for row in board_view.jobs(desk.client) if _is_unbegun(row, going.get(row.incident))] if going else []
    unbegun = {row.incident for row in rows}
    taken = 0
    for row in rows:
        try:
            verdict = _judged(desk, going[row.incident].incident, unbegun)
        except StoreUnreachableError:
            raise
        except MedevacError as error:
            log.warning("whether %s may still begin cannot be told: %s", row.incident, error)
            continue
        if verdict.go:
            unbegun.discard(row.incident)
        else:
            taken += _take_back(desk, going[row.incident], row, verdict)
    return taken


def _may_wait(incident: Incident) -> bool:
    return incident.state is IncidentState.RECOVERING and incident.subject.kind is SubjectKind.HOST


def _is_unbegun(row: JobRow, stored: Stored | None) -> bool:
    return stored is not None and row.attempt == stored.incident.attempt and not row.owner and not row.claims


def _judged(desk: Desk, incident: Incident, unbegun: set[str]) -> Verdict:
    return desk.brakes.recall(incident, desk.cloud.host_service(incident.subject.name), unbegun)


def _take_back(desk: Desk, stored: Stored, row: JobRow, verdict: Verdict) -> bool:
    """Hold the incident and remove its job, at once; a conductor that has claimed it meanwhile keeps it."""
    held = replace(
        stored.incident,
        state=IncidentState.HELD,
        held_by=verdict.held_by,
        held_at=desk.clock.now(),
        reason=verdict.reason,
        again_at=verdict.again_at,
    )
    transaction = desk.client.transaction()
    transaction.delete(f"{layout.BOARD}/{row.id}", version=0)
    incidents.replace(transaction, stored, held)
    text = f"taken back, nobody had begun it; held by {held.held_by}: {held.reason}"
    incidents.note(transaction, held.id, [desk.line(text)])
    try:
        commit(transaction)
    except TransactionRefusedError as error:
        log.info("%s is not taken back: %s", held.id, error)
        return False
    log.info("%s is %s", held.id, text)
    return True
