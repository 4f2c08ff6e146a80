"""Agenda: what will happen in the simulated cloud, and when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Agenda:
    """Things that are due at a time; of those due together, the one that was added first comes first."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(self, due: float, action: Callable[[], None]) -> None:
        """Let *action* happen at *due* (seconds since the epoch)."""
        heapq.heappush(self._heap, (due, next(self._order), action))

    def pop_due(self, now: float) -> tuple[float, Callable[[], None]] | None:
        """Remove and return the next thing that is due by *now*, with its time; None when there is none."""
        if not self._heap or self._heap[0][0] > now:
            return None
        due, _order, action = heapq.heappop(self._heap)
        return due, action
