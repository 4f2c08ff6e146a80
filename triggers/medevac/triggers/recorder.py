"""Recorder: a poster that can also look whether ZooKeeper has seen something already.

The alert agent needs no such right; reconciliation and the proof that a test event arrived do.
"""

from __future__ import annotations

from typing import TypeVar

from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import IntakeMissingError, MalformedDocumentError
from medevac.core.event import Event
from medevac.core.handled import Handled
from medevac.core.wire import decode
from medevac.triggers.post import Poster

T = TypeVar("T", Event, Handled)


class Recorder(Poster):
    """Posts events, and finds those of a short time again."""

    def seen(self, after: float, before: float) -> list[Event]:
        """Return the events of ids dated between the two (seconds since the epoch), waiting or settled.

        Raises as `post` does.  What cannot be read is left out.
        """
        # In this order, so that one that triage moves meanwhile is seen twice and not never.
        return [*self._events(after, before), *self.settled(after, before)]

    def settled(self, after: float, before: float) -> list[Event]:
        """Return those of them that triage has settled."""
        documents = self._documents(layout.HANDLED, after, before)
        return [found.event for data in documents if (found := _read(Handled, data)) is not None]

    def _events(self, after: float, before: float) -> list[Event]:
        documents = self._documents(layout.EVENTS, after, before)
        return [found for data in documents if (found := _read(Event, data)) is not None]

    def _documents(self, folder: str, after: float, before: float) -> list[bytes]:
        first, last = (f"{int(at * 1_000_000):016x}" for at in (after, before))
        names = sorted(name for name in self._call(self._client.get_children_async, folder) if first <= name < last)
        found = []
        for name in names:
            try:
                data, _ = self._call(self._client.get_async, f"{folder}/{name}")
            except IntakeMissingError as error:
                if not isinstance(error.__cause__, NoNodeError):
                    raise
                continue  # triage has moved it meanwhile
            found.append(data)
        return found


def _read(cls: type[T], data: bytes) -> T | None:
    try:
        return decode(cls, data)
    except MalformedDocumentError:
        return None
