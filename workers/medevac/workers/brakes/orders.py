"""Orders: what operators have said about one incident: hold it, abort it, release it.

Hold and abort are znodes below the incident, so that they count whichever worker runs, and also while none does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.core.wire import decode, encode
from medevac.workers import board_view, incidents
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

OPERATOR = "operator"
"""What stands in Incident.held_by of an incident that is on hold."""
ABORTED = "aborted by "
"""How the reason of an incident begins that an operator has ended."""
_STILL = {
    "disarm": ", but what is disarmed does until it is armed: medevac site arm",
    "evidence": ", but without proof that its host is off nothing is evacuated",
}
"""What a release does not lift, by what held it."""
TRIES = 5
"""How often a write is tried that others forestall."""


class OrderRefusedError(MedevacError):
    """The order makes no sense for an incident that stands as this one does."""


class Order(enum.StrEnum):
    """What an operator has said about an incident, and what stands until it is taken back."""

    HOLD = "hold"
    """Go no further until it is released."""
    ABORT = "abort"
    """Stop, undo what can be undone, and end."""


@dataclass(frozen=True, slots=True)
class Given:
    """One order, as it was given."""

    by: str
    why: str
    at: float
    """Seconds since the epoch, on the clock of the machine where it was typed."""

    def __str__(self) -> str:
        """Return "alice: the storage is being mended"."""
        return f"{self.by}: {self.why}"


def given(
    client: KazooClient, incident_id: str, on_change: Callable[[object], None] | None = None
) -> Mapping[Order, Given]:
    """Return the orders that stand for the incident; none when there is no such incident.

    *on_change* is called, once, when that changes or cannot be known any more.  Costs one round trip while there are
    none.  Raises StoreUnreachableError.
    """
    try:
        names = bounded(client.get_children_async(layout.incident(incident_id), watch=on_change))
    except NoNodeError:
        return {}
    found = {}
    for order in Order:
        if order in names:
            found[order] = _read(client, layout.order(incident_id, order))
    return found


def hold(client: KazooClient, incident_id: str, said: Given) -> str:
    """Let nothing more be begun for the incident; return what happens now.

    Raises NoSuchIncidentError, OrderRefusedError when it has ended or is being aborted, StoreUnreachableError.
    """
    return _give(client, incident_id, "hold", said, _held)


def release(client: KazooClient, incident_id: str, said: Given) -> str:
    """Let the incident go, whatever held it but a disarmed site and our own blindness; return what happens now.

    Raises as hold does, and OrderRefusedError when nothing holds it.
    """
    return _give(client, incident_id, "release", said, _released)


def abort(client: KazooClient, incident_id: str, said: Given) -> str:
    """Stop the incident and let be undone what can be; return what happens now.

    One that nobody is at work on ends here and now.  Raises as hold does.
    """
    return _give(client, incident_id, "abort", said, _aborted)


def _give(client: KazooClient, incident_id: str, verb: str, said: Given, change: Callable[[_Write], str]) -> str:
    for _ in range(TRIES):
        stored = incidents.read(client, incident_id)
        if stored.incident.state.final:
            message = f"{incident_id} has ended ({stored.incident.state}): {stored.incident.reason}"
            raise OrderRefusedError(message)
        write = _Write(client, client.transaction(), stored, said, given(client, incident_id))
        if Order.ABORT in write.before:
            message = f"{incident_id} is being aborted by {write.before[Order.ABORT]}"
            raise OrderRefusedError(message)
        told = change(write)
        write.note(f"{verb} by {said}")
        try:
            commit(write.transaction)
        except TransactionRefusedError:
            continue  # somebody wrote at the same time: look again
        return told
    message = f"{incident_id} changes all the time; try again"
    raise OrderRefusedError(message)


@dataclass(frozen=True)
class _Write:
    """One order on its way into ZooKeeper."""

    client: KazooClient
    transaction: TransactionRequest
    stored: incidents.Stored
    said: Given
    before: Mapping[Order, Given]

    @property
    def incident(self) -> Incident:
        return self.stored.incident

    def mark(self, order: Order) -> None:
        path = layout.order(self.incident.id, order)
        if order in self.before:
            self.transaction.set_data(path, encode(self.said))
        else:
            self.transaction.create(path, encode(self.said))

    def unmark(self, order: Order) -> None:
        if order in self.before:
            self.transaction.delete(layout.order(self.incident.id, order))

    def change(self, incident: Incident) -> None:
        incidents.replace(self.transaction, self.stored, incident)

    def note(self, text: str) -> None:
        entry = JournalEntry(at=self.said.at, step="operator", text=text, actor=self.said.by)
        incidents.note(self.transaction, self.incident.id, [entry])


def _held(write: _Write) -> str:
    write.mark(Order.HOLD)
    if write.incident.state is not IncidentState.HELD:
        return "what a step has under way ends, or stops at its next call; nothing further begins until it is released"
    reason = f"on hold by {write.said}; before that: {write.incident.reason}"
    write.change(replace(write.incident, held_by=OPERATOR, reason=reason, again_at=0.0, released=""))
    return "it was held already, and stays so until it is released"


def _released(write: _Write) -> str:
    write.unmark(Order.HOLD)
    if write.incident.state is IncidentState.HELD:
        still = _STILL.get(write.incident.held_by, "")
        write.change(replace(write.incident, again_at=write.said.at, released=f"released by {write.said}"))
        write.transaction.set_data(layout.NEWS, b"")
        return f"triage judges it anew; no limit, storm or maintenance holds it again{still}"
    if Order.HOLD not in write.before:
        message = f"nothing holds {write.incident.id}: {write.incident.reason}"
        raise OrderRefusedError(message)
    return "its job goes on"


def _aborted(write: _Write) -> str:
    job = _job(write)
    write.unmark(Order.HOLD)
    if job is not None and (job.owner or job.claims):
        write.mark(Order.ABORT)
        return "it stops before its next step, undoes what can be undone, and ends as parked"
    if job is not None:
        write.transaction.delete(f"{layout.BOARD}/{job.id}", version=0)
    reason = f"{ABORTED}{write.said}; {_left_over(write.incident, earlier=write.incident.attempt - (job is not None))}"
    ended = replace(write.incident, state=IncidentState.PARKED, reason=reason, ended_at=write.said.at, held_by="")
    write.change(ended)
    return "nobody was at work on it: it has ended as parked"


def _left_over(incident: Incident, *, earlier: int) -> str:
    """Return what is left of the *earlier* attempts of an incident that nobody is at work on."""
    if earlier < 1:
        return "nothing had been done, so nothing was undone"
    tried = "once" if earlier == 1 else f"{earlier} times"
    return f"it had been tried {tried}, and what that did stays as it is: {incident.reason}"


def _job(write: _Write) -> board_view.JobRow | None:
    rows = board_view.jobs(write.client)
    return next((row for row in rows if row.incident == write.incident.id), None)


def _read(client: KazooClient, path: str) -> Given:
    try:
        return decode(Given, bounded(client.get_async(path))[0], path)
    except (NoNodeError, MalformedDocumentError) as error:
        return Given("somebody", f"the order cannot be read: {error}", 0.0)
