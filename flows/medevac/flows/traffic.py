"""Traffic: the evacuations that this process has under way, in all of its recoveries: they share one cloud.

What was learnt about the cloud outlives a wave, and through the Memory a process.  Several waves divide what may be
under way.  A worker beside this one has its own traffic: each finds out what the other leaves of the cloud.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from medevac.flows.learnt import Learnt, Memory, NoMemory
from medevac.flows.throttle import Throttle

SELDOM = 5.0
"""Seconds, at least, between two times that something is kept while a wave is under way."""


class Underway(Protocol):
    """What a wave tells of its servers (medevac.flows.evacuation.Wave)."""

    @property
    def begun(self) -> Mapping[str, float]:
        """Return the ids of those that Nova works on, with the time at which each was asked for.

        The calls go out one after the other, which takes seconds where Nova is slow.
        """

    @property
    def taken_up(self) -> Sequence[str]:
        """Return the ids of those of them that a destination works on."""

    def left_alone(self, server_id: str) -> bool:
        """Tell whether one that is not under way any more became somebody else's matter."""

    def failed(self, server_id: str) -> bool:
        """Tell whether one that is not under way any more has not arrived."""

    def waiting(self) -> Sequence[object]:
        """Return those that are still to be asked for."""


@dataclass(eq=False, slots=True)
class Lane:
    """One wave's part of the traffic."""

    most: int
    """How many its policy allows under way."""
    under_way: frozenset[str] = field(default=frozenset())
    waiting: int = 1
    """How many of its servers wait to be asked for."""
    begun: bool = False
    """Whether its wave has asked for anybody; who was under way before was asked for by somebody else."""


class Traffic:
    """What all waves of this process have under way, and how many that may be; safe for threads."""

    def __init__(self, memory: Memory | None = None) -> None:
        """Begin with what *memory* has."""
        self._memory = memory or NoMemory()
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._throttle = Throttle(0.0)
        self._learnt_at = -1.0
        self._kept = Learnt(self._learnt_at)

    def enter(self, now: float, most: int) -> Lane:
        """Return a part of the traffic for a wave of which *most* may be under way."""
        recalled = None if self._lanes else self._memory.recall()
        with self._lock:
            if not self._lanes:
                self._throttle = Throttle(now, self._newest(recalled).believed(now))
            lane = Lane(most)
            self._lanes.append(lane)
            return lane

    def leave(self, lane: Lane, now: float) -> None:
        """Note that the wave of *lane* has ended."""
        with self._lock:
            self._lanes.remove(lane)
            for server_id in lane.under_way:
                self._throttle.gone(server_id, now)
            if self._learnt_at > self._kept.at:
                self._keep(now, lane.most)

    def room(self, lane: Lane, now: float) -> int:
        """Return how many the wave of *lane* may have under way: its share, and what others leave."""
        with self._lock:
            lane.begun = True
            window = self._throttle.window(lane.most, now)
            sharing = sum(other.waiting > 0 for other in self._lanes if other is not lane) + 1
            others = self._throttle.under_way - len(lane.under_way)
            return min(lane.most, max(math.ceil(window / sharing), window - others))

    def look(self, lane: Lane, now: float, wave: Underway) -> None:
        """Take in who was asked for, was taken up by a destination, has arrived, and has not."""
        with self._lock:
            begun = wave.begun
            for server_id in sorted(begun, key=begun.__getitem__):
                if server_id not in lane.under_way:
                    self._throttle.asked(server_id, begun[server_id], timed=lane.begun)
            self._throttle.all_asked()
            for server_id in sorted(lane.under_way - begun.keys()):
                self._ended(server_id, now, wave)
            for server_id in wave.taken_up:
                self._throttle.taken(server_id, now)
            lane.under_way, lane.waiting = frozenset(begun), len(wave.waiting())
            self._throttle.waiting(sum(each.waiting for each in self._lanes))
            if now - self._kept.at >= SELDOM and self._learnt_at > self._kept.at:
                self._keep_news(now, lane.most)

    def _ended(self, server_id: str, now: float, wave: Underway) -> None:
        if wave.left_alone(server_id):
            self._throttle.gone(server_id, now)
            return
        (self._throttle.failed if wave.failed(server_id) else self._throttle.arrived)(server_id, now)
        self._learnt_at = now

    def _newest(self, recalled: Learnt | None) -> Learnt:
        """Return what was learnt last, here or elsewhere."""
        if recalled is not None and recalled.at > self._learnt_at:
            return recalled
        return Learnt(self._learnt_at, self._throttle.known)

    def _keep_news(self, now: float, most: int) -> None:
        """Keep what is known while the wave goes on, where whoever takes over would do otherwise without it."""
        if self._throttle.best(most) != self._kept.best:
            self._keep(now, most)

    def _keep(self, now: float, most: int) -> None:
        self._kept = Learnt(now, self._throttle.known, self._throttle.best(most))
        self._memory.keep(self._kept)
