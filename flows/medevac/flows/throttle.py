"""Throttle: how many evacuations are under way at once, learnt from how fast servers arrive.  A pure state machine.

More at once is not faster everywhere: requests that Nova works on side by side see the same view of the hosts, conflict
in Placement, and are tried again.  So it begins with few, has more while that pays, and fewer where it does not.  An
epoch ends when as many servers have arrived as may be under way, each asked for within it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

START = 5
"""Evacuations that are begun with: more would cost most where each gets in the way of all others."""
FACTOR = 3
"""By how much more is tried while more pays."""
PAYS = 1.1
"""How much faster servers have to arrive for more to pay: less could be chance."""
CROWDED = 0.5
"""Above this power of how many are under way, the time of each grows so fast that more at once wins little."""
OBVIOUS = 0.9
"""The same, where only two degrees of crowding have been seen yet, and chance has a greater part in it."""
LEAST = 4
"""Arrivals of an epoch at least: the times that servers take differ by themselves."""
SLOWER = 1.5
"""How many times as long as the fastest one may take that is not held up by others; they differ by themselves."""
REST = 3
"""Epochs between two tries of a little more, where the best is thought to be known."""


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    beside: int
    """How many were under way then, itself included."""
    epoch: int


class Throttle:
    """The bound on what is under way; *most*, the policy's, is never exceeded."""

    def __init__(self, most: int, now: float) -> None:
        """Begin at *now*."""
        self._most = most
        self.window = min(START, most)
        self._ceiling = most
        self._asked: dict[str, _Asked] = {}
        self._last: tuple[int, float] | None = None
        self._rests = 0
        self._opening = True
        self._epoch = 0
        self._begin(now)

    def asked(self, server_id: str, now: float) -> None:
        """Note that a server was asked for."""
        self._asked[server_id] = _Asked(now, len(self._asked) + 1, self._epoch)

    def arrived(self, server_id: str, now: float) -> None:
        """Note that a server has arrived."""
        asked = self._asked.pop(server_id, None)
        if asked is None or asked.epoch != self._epoch:
            self._drained(now)
            return
        self._times.append((asked.beside, now - asked.at))
        if self._opening:
            self._open(now)
        elif len(self._times) >= max(self.window, LEAST):
            self._conclude(now)

    def _open(self, now: float) -> None:
        """Let each arrival open the way for more, until the time of each begins to grow."""
        if is_crowded(self._times):
            self._opening = False
            self._move(knee(self._times), now, None)
        elif len(self._times) == 1:
            return  # one time says nothing about another
        elif self.window < self._most:
            self.window = min(START + (FACTOR - 1) * len(self._times), self._most)
        elif len(self._times) >= self.window:
            self._opening = False
            self._conclude(now)

    def failed(self, server_id: str, now: float) -> None:
        """Note a conflict, a time-out or no host: with fewer under way there are fewer, unless it is none of our doing.

        Whoever was asked for before the bound was lowered says nothing about it.
        """
        asked = self._asked.pop(server_id, None)
        if asked is None or asked.epoch != self._epoch or self.window == 1:
            self._drained(now)
            return
        self._opening = False
        self._ceiling = max(self.window - 1, 1)
        self._move(max(self.window // 2, 1), now, last=None)
        self._rests = REST

    def _begin(self, now: float) -> None:
        self._epoch += 1
        self._began_at = now
        self._times: list[tuple[int, float]] = []

    def _drained(self, now: float) -> None:
        """Let the epoch of a lower bound begin when no more are under way than it allows."""
        if not self._times and all(asked.epoch != self._epoch for asked in self._asked.values()):
            self._began_at = now

    def _move(self, window: int, now: float, last: tuple[int, float] | None) -> None:
        self.window = min(max(window, 1), self._ceiling, self._most)
        self._last = last
        self._begin(now)

    def _conclude(self, now: float) -> None:
        """Compare the epoch with the one before, and say how many may be under way next."""
        rate = len(self._times) / max(now - self._began_at, 1e-3)
        here, last = (self.window, rate), self._last
        crowded = is_crowded(self._times)
        if last is None or last[0] == self.window:
            self._go_on(now, here, crowded=crowded)
        elif self.window > last[0]:
            self._judge_more(now, here, last, crowded=crowded)
        elif rate * PAYS >= last[1]:
            self._move(self.window // 2, now, here)
        else:
            self._settle(last[0], now, here)

    def _go_on(self, now: float, here: tuple[int, float], *, crowded: bool) -> None:
        """Try less where it is crowded, a little more now and then where it is not."""
        self._rests -= 1
        if self._rests > 0:
            self._move(self.window, now, here)
        elif crowded and self._last is None:
            self._move(self.window // 2, now, here)
        else:
            self._ceiling = self._most
            self._move(self.window + max(self.window // 4, 1), now, here)

    def _judge_more(self, now: float, here: tuple[int, float], last: tuple[int, float], *, crowded: bool) -> None:
        if here[1] < last[1] * PAYS:
            self._settle(last[0], now, here)
        elif crowded:
            self._settle(self.window, now, here)
        else:
            self._move(self.window * FACTOR, now, here)

    def _settle(self, window: int, now: float, here: tuple[int, float]) -> None:
        self._rests = REST
        self._move(window, now, (window, here[1]))


def is_crowded(times: list[tuple[int, float]]) -> bool:
    """Tell whether the time of each grows with how many are under way."""
    degrees = len({beside for beside, _ in times})
    return crowding(times) > (CROWDED if degrees > 2 else OBVIOUS)  # noqa: PLR2004 - two points make any line


def crowding(times: list[tuple[int, float]]) -> float:
    """Return the power of the number under way with which the time of each grows: 0 not at all, 1 one by one.

    *times* has, for each server, how many were under way when it was asked for, and how long it took; 0 where they say
    too little.
    """
    points = [(math.log(beside), math.log(max(seconds, 1e-3))) for beside, seconds in times]
    if len({x for x, _ in points}) == 1:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def knee(times: list[tuple[int, float]]) -> int:
    """Return how many may be under way before the time of each begins to grow."""
    fastest = min(seconds for _, seconds in times)
    return max(beside for beside, seconds in times if seconds <= SLOWER * fastest)
