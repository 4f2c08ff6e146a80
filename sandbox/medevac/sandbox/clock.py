"""A fake of the Clock port: time passes only when somebody waits."""

from __future__ import annotations

import threading

START = 1_700_000_000.0


class FakeClock:
    """Implements Clock; time passes only when somebody waits."""

    def __init__(self, start: float = START) -> None:
        """Begin at *start*, in seconds since the epoch."""
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let *seconds* pass at once."""
        with self._lock:
            self._now += max(0.0, seconds)
