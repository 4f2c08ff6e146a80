"""Desk: what triage works with, and how it writes: everything that follows from an event at once, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NodeExistsError

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.core.event import Event, Subject
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident
from medevac.core.journal import JournalEntry
from medevac.core.wire import encode
from medevac.flows.plan import Settings
from medevac.flows.policy.language import PolicySet
from medevac.flows.ports import Clock, Cloud, Hypervisor, NoHypervisor, Notifier
from medevac.workers import policy_history
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.site_triage import TriageSettings
from medevac.workers.verdict import Brakes, NoBrakes
from medevac.workers.zookeeper import TransactionRefusedError, commit

Also = Callable[[TransactionRequest], None]
"""What is written together with the end of an event."""


class NotYetError(MedevacError):
    """What an event means cannot be told yet."""

    def __init__(self, message: str, due: float) -> None:
        """Say why in *message*, and in *due* (seconds since the epoch) when to look again."""
        super().__init__(message)
        self.due = due


class Promises(Protocol):
    """Where the policies that hold now are asked for."""

    def current(self) -> PolicySet:
        """Return the last good policy set."""


@dataclass(frozen=True)
class Desk:
    """What triage works with."""

    client: KazooClient
    cloud: Cloud
    clock: Clock
    promises: Promises
    settings: Settings
    host_names: Callable[[str], str]
    """Anybody's name of a host to Nova's; raises AmbiguousHostError."""
    actor: str
    brakes: Brakes = field(default_factory=NoBrakes)
    """Asked before each job."""
    rules: TriageSettings = field(default_factory=TriageSettings)
    notifier: Notifier | None = None
    """Pages people about what waits for them; None: only the journal tells."""
    storms: BrakeSettings = field(default_factory=BrakeSettings)
    """Whom it pages of what the brakes hold."""
    hypervisor: Hypervisor = field(default_factory=NoHypervisor)
    """Asked, and only asked, for the guests of a host that is back after it was fenced."""

    def policies(self) -> PolicySet:
        """Return the policies that hold now, which are kept for `medevac policy history` before they decide."""
        policy_set = self.promises.current()
        policy_history.keep(self.client, policy_set, self.clock.now())
        return policy_set

    def subject(self, event: Event) -> Subject:
        """Return the host that *event* is about, by Nova's name."""
        return Subject(event.subject.kind, self.host_names(event.subject.name))

    def line(self, text: str) -> JournalEntry:
        """Return a line of a journal."""
        return JournalEntry(at=self.clock.now(), step="triage", text=text, actor=self.actor)

    def ignore(self, event: Event, reason: str, also: Also = lambda _: None) -> Handled:
        """Settle an event that asks for nothing."""
        return self.settle(event, Outcome.IGNORED, reason, also)

    def duplicate(self, event: Event, incident: Incident, reason: str, also: Also = lambda _: None) -> Handled:
        """Settle an event that tells of *incident* once more."""
        return self.settle(event, Outcome.DUPLICATE, reason, also, incident.id)

    def settle(
        self,
        event: Event,
        outcome: Outcome,
        reason: str,
        also: Also = lambda _: None,
        incident: str = "",
    ) -> Handled:
        """Move the event out of the intake, together with what *also* writes.

        Raises TransactionRefusedError when somebody else wrote at the same time: the event is to be handled again.
        """
        handled = Handled(event, outcome, reason, self.clock.now(), incident)
        transaction = self.client.transaction()
        transaction.create(layout.handled(event.id), encode(handled))
        transaction.delete(layout.event(event.id))
        also(transaction)
        try:
            commit(transaction)
        except TransactionRefusedError as error:
            if error.index == 0 and isinstance(error.cause, NodeExistsError):
                self._drop_replayed(event)
            else:
                raise
        return handled

    def _drop_replayed(self, event: Event) -> None:
        """Remove a copy that a spool posted again after it had been handled."""
        transaction = self.client.transaction()
        transaction.delete(layout.event(event.id))
        commit(transaction)


def seen(event: Event) -> str:
    """Return who saw what, for a journal."""
    return f"{event.kind} of {event.subject.name}, seen by {event.source} on {event.reporter}"


def span(seconds: float) -> str:
    """Return a length of time for people: 42 s, 3.5 h."""
    if seconds < 120:  # noqa: PLR2004 - the language of people
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004 - as above
