"""Pace: how long to wait between two looks at what is under way, so that news is neither late nor dearly bought."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 0.02
STRETCH = 1.5
SHARE = 0.25
"""Of the time that a journey takes: the wait for news of which nobody knows when it comes."""
EARLY = 0.6
"""The part of a journey's time before which it is not looked for."""
NEAR = 0.1
"""The part of it between two looks from then on..."""
LATE = 0.3
"""... and of what it takes longer than others, where that is more."""
WORTH = 3.0
"""How many times as long as a look the wait after it lasts, at least: a slow cloud is not asked all the time."""
NEWER = 0.4
"""How much the last journey tells of the next ones, beside those before it."""


class Pace:
    """Learns how long journeys take here; a wait that brought no news is followed by a longer one."""

    def __init__(self, longest: float, now: float) -> None:
        """Begin at *now*; no wait is longer than *longest* seconds."""
        self._longest = longest
        self._first = SHORTEST
        self._pause = SHORTEST
        self._looked_at = now
        self._least = SHORTEST
        self._typical: float | None = None

    def looked(self, now: float, *, news: bool, cost: float = 0.0) -> None:
        """Note a look at *now* that took *cost* seconds, and whether anything had changed."""
        self._looked_at = now
        self._least = min(max(WORTH * cost, SHORTEST), self._longest)
        self._pause = self._first if news else min(self._pause * STRETCH, self._longest)

    def learn(self, seconds: float) -> None:
        """Note that a journey has taken *seconds*."""
        self._typical = seconds if self._typical is None else (1 - NEWER) * self._typical + NEWER * seconds
        self._first = min(max(self._typical * SHARE, SHORTEST), self._longest)

    def rest(self, now: float, begun: Iterable[float] = (), *, others: bool = True) -> float:
        """Return the seconds to wait before the next look: what was done since the last one counts.

        *begun*: when each journey that is under way began.  *others*: whether there may be other news.
        """
        waits = [self._until_news(each, self._typical) for each in begun] if self._typical else []
        pause = min([*waits, self._pause] if others or not waits else waits)
        return max(0.0, self._looked_at + min(max(pause, self._least), self._longest) - now)

    def _until_news(self, begun: float, typical: float) -> float:
        """Return the seconds from the last look to the next one that may bring news of a journey."""
        age = self._looked_at - begun
        return max(EARLY * typical - age, NEAR * typical, LATE * (age - typical))
