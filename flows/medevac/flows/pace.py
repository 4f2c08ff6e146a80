"""Pace: how long to wait between two looks at what is under way, so that news is neither late nor dearly bought."""

from __future__ import annotations

SHORTEST = 0.02
STRETCH = 1.5
SHARE = 0.25
"""Of the time that a journey takes: news comes an eighth of it late on average, and a journey costs four looks, which
it shares with all that are under way beside it."""


class Pace:
    """Learns how long journeys take here; a wait that brought no news is followed by a longer one."""

    def __init__(self, longest: float, now: float) -> None:
        """Begin at *now*; no wait is longer than *longest* seconds."""
        self._longest = longest
        self._first = SHORTEST
        self._pause = SHORTEST
        self._looked_at = now
        self._typical: float | None = None

    def looked(self, now: float, *, news: bool) -> None:
        """Note a look at *now*, and whether anything had changed."""
        self._looked_at = now
        self._pause = self._first if news else min(self._pause * STRETCH, self._longest)

    def learn(self, seconds: float) -> None:
        """Note that a journey has taken *seconds*."""
        self._typical = seconds if self._typical is None else 0.8 * self._typical + 0.2 * seconds
        self._first = min(max(self._typical * SHARE, SHORTEST), self._longest)

    def rest(self, now: float) -> float:
        """Return the seconds to wait before the next look: what was done since the last one counts."""
        return max(0.0, self._looked_at + self._pause - now)
