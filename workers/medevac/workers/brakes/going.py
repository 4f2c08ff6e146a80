"""Going: let triage judge held incidents anew at once, because what held them is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.workers import incidents
from medevac.workers.zookeeper import TransactionRefusedError, commit


def set_going(client: KazooClient, wanted: Callable[[Incident], bool], text: str, now: float) -> list[str]:
    """Let triage look again, at *now*, at the held incidents that are *wanted*; *text* goes into their journals.

    Returns their ids.  One that changes at the same time is left to triage, which looks at it again by itself.
    Raises StoreUnreachableError.
    """
    held = [each for each in incidents.read_all(client) if each.state is IncidentState.HELD and wanted(each)]
    return [each.id for each in held if _touch(client, each.id, text, now)]


def _touch(client: KazooClient, incident_id: str, text: str, now: float) -> bool:
    stored = incidents.read(client, incident_id)
    if stored.incident.state is not IncidentState.HELD:
        return False
    transaction = client.transaction()
    incidents.replace(transaction, stored, replace(stored.incident, again_at=now))
    incidents.note(transaction, incident_id, [JournalEntry(at=now, step="operator", text=text)])
    transaction.set_data(layout.NEWS, b"")
    try:
        commit(transaction)
    except TransactionRefusedError:
        return False
    return True
