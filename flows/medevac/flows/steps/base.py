"""Step: what all tasks of a recovery share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from taskflow import task

from medevac.core.errors import NotificationError
from medevac.core.journal import JournalEntry
from medevac.flows.brief import Brief
from medevac.flows.patience import patiently
from medevac.flows.policy.checks_names import PAGE
from medevac.flows.ports import Ports

T = TypeVar("T")


class Step(task.Task):
    """A task that knows its incident and speaks into its journal.

    Its name is wire format: a job that yesterday's release posted is resumed by it.
    """

    def __init__(
        self,
        name: str,
        brief: Brief,
        provides: str | tuple[str, ...] | None = None,
        requires: Sequence[str] = (),
    ) -> None:
        """Name the atom *name*; its result is stored under *provides*; *requires* are other steps' results."""
        super().__init__(name=name, provides=provides, requires=["ports", *requires])
        self.brief = brief

    def say(self, ports: Ports, text: str, server: str = "", **facts: str) -> None:
        """Write one line into the incident's journal; raises ClaimLostError when the job is not ours any more."""
        ports.log.append([self.entry(ports, text, server, facts)])

    def entry(self, ports: Ports, text: str, server: str = "", facts: Mapping[str, str] | None = None) -> JournalEntry:
        """Return a line for the journal, to be written together with others."""
        return JournalEntry(at=ports.clock.now(), step=self.name, text=text, server=server, facts=facts or {})

    def page(self, ports: Ports, title: str, text: str) -> None:
        """Tell those who are paged; that it does not go out is said in the journal, and stops nothing."""
        try:
            ports.notifier.send(PAGE, title, text)
        except NotificationError as error:
            self.say(ports, f"{PAGE} was not told ({error}): {text}")
        else:
            self.say(ports, f"told {PAGE}: {text}")

    def patiently(self, ports: Ports, call: Callable[[], T]) -> T:
        """Return what the read *call* returns, waiting as long as the site's patience when the cloud is away."""
        return patiently(call, ports.clock, self.brief.settings.patience, lambda text: self.say(ports, text))
