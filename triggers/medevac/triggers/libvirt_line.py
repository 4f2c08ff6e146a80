"""Line: when to connect to libvirt, how long to wait for it, and when its absence is to be told.

Pure but for the thread that opening starts: libvirt's open() has no limit of its own and can block for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from medevac.core.event import EventKind
from medevac.triggers.libvirt_events import Finding, Standing

OPEN_LIMIT = 10.0
"""Seconds after which an attempt to connect is taken for stuck; it may still succeed."""
MOST_ATTEMPTS = 3
"""Attempts that may be stuck at a time: each holds a thread and a place in libvirtd's queue."""
SHORTEST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
"""Seconds between an attempt that was refused and the next."""
DOWN_LIMIT = 15.0
"""Seconds of absence that are no more than a restart."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An attempt succeeded: all events are registered for, and then all servers were asked for."""

    attempt: int
    connection: Any
    """libvirt's own object."""
    standings: Sequence[Standing]
    at: float
    """Seconds since the epoch, before the first server was asked for."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt failed."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection ended by itself."""

    attempt: int
    reason: str


class Line:
    """The state of the connection.  Times are seconds of a clock that never goes back."""

    def __init__(self, begin: Callable[[int], None], now: float, *, down_limit: float = DOWN_LIMIT) -> None:
        """Call *begin* with the number of an attempt, which answers later through `connected` or `refused`."""
        self._begin = begin
        self._down_limit = down_limit
        self._attempts: dict[int, float] = {}
        self._number = 0
        self._next = now
        self._pause = SHORTEST_PAUSE
        self._down_since = now
        self._told = False
        self._why = "not connected yet"
        self.up: Connected | None = None

    @property
    def told(self) -> bool:
        """Whether its absence, which lasts, has been told."""
        return self._told

    def connected(self, message: Connected) -> bool:
        """Take the connection; False when there is one already, and this one is to be closed."""
        self._attempts.pop(message.attempt, None)
        if self.up:
            return False
        self.up, self._pause, self._told = message, SHORTEST_PAUSE, False
        return True

    def refused(self, message: Refused, now: float) -> None:
        """Try again after a pause."""
        self._attempts.pop(message.attempt, None)
        self._why = message.reason
        self._next = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def closed(self, message: Closed, now: float) -> bool:
        """Try again at once; False when this was not the connection in use."""
        if self.up is None or self.up.attempt != message.attempt:
            return False
        self.up, self._why, self._down_since, self._next = None, message.reason, now, now
        return True

    def tick(self, now: float) -> Finding | None:
        """Begin an attempt when it is time, and return what is to be told of a long absence."""
        if self.up:
            return None
        if self._may_try(now):
            self._number += 1
            self._attempts[self._number] = now
            self._begin(self._number)
        if self._told or now - self._down_since < self._down_limit:
            return None
        self._told = True
        why = "it accepts connections and does not answer" if self._attempts_stuck(now) else self._why
        return Finding(EventKind.LIBVIRT_DOWN, {"cause": why, "seconds": f"{now - self._down_since:.0f}"})

    def _may_try(self, now: float) -> bool:
        return (
            now >= self._next
            and len(self._attempts) < MOST_ATTEMPTS
            and len(self._attempts) == self._attempts_stuck(now)
        )

    def _attempts_stuck(self, now: float) -> int:
        return sum(now - since > OPEN_LIMIT for since in self._attempts.values())
