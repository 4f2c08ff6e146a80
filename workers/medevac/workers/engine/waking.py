"""WakingTimeout: the conductor's pause between two looks at the board, ended by news instead of by time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from taskflow.types.timing import Timeout


class WakingTimeout(Timeout):
    """Waits until woken, interrupted (for good), or *limit* seconds have passed.

    `due` may name an earlier time, in seconds from now, at which there is something to do.
    """

    due: Callable[[], float | None]

    def __init__(self, limit: float) -> None:
        """Wait at most *limit* seconds at a time."""
        super().__init__(limit)
        self.due = lambda: None
        self._woken = threading.Event()

    def wake(self) -> None:
        """End the present wait, or the next one if there is none: no news is lost between look and wait."""
        self._woken.set()

    def interrupt(self) -> None:
        """End the present wait and all later ones."""
        super().interrupt()
        self._woken.set()

    def wait(self) -> None:
        """Wait."""
        due = self.due()
        self._woken.wait(self.value if due is None else min(self.value, due))
        self._woken.clear()
