"""Traffic: the evacuations that this process has under way, in all of its recoveries: they share one cloud.

What was learnt about the cloud outlives a wave, and through the Memory a process.  All waves, also those of the
Neighbours, divide what may be under way.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from medevac.flows.bulletin import Bulletin, Neighbours, NoNeighbours, moment
from medevac.flows.demand import TURN, Demand, shares
from medevac.flows.learnt import Learnt, Memory, NoMemory
from medevac.flows.throttle import Throttle

SELDOM = 5.0
"""Seconds, at least, between two times that something is kept while a wave is under way."""
ROUNDS = 2
"""How often a wave that has nobody under way lets its turn pass while no place is free."""
AGAIN = 60.0
"""Seconds after a wave in which the next one goes on with what it has found out, where there are neighbours: they count
on that."""


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

    def due(self, now: float) -> Sequence[object]:
        """Return those that its policy would have asked for now."""


@dataclass(eq=False, slots=True)
class Lane:
    """One wave's part of the traffic."""

    name: str
    """Which wave: no two have the same."""
    most: int
    """How many its policy allows under way."""
    under_way: frozenset[str] = field(default=frozenset())
    waiting: int = 1
    """How many of its servers wait to be asked for..."""
    due: int = 1
    """... and how many would be asked for now."""
    begun: bool = False
    """Whether its wave has asked for anybody; who was under way before was asked for by somebody else."""
    idle_since: float = math.inf
    """Since when none of its servers has been under way, though some are due."""

    def looked(self, now: float, wave: Underway) -> None:
        """Take in how *wave* stands."""
        self.under_way, self.waiting, self.due = frozenset(wave.begun), len(wave.waiting()), len(wave.due(now))
        self.idle_since = min(self.idle_since, now) if self.due and not self.under_way else math.inf


class Traffic:
    """What all waves of this process have under way, and how many that may be; safe for threads."""

    def __init__(self, memory: Memory | None = None, neighbours: Neighbours | None = None) -> None:
        """Begin with what *memory* has, beside *neighbours*."""
        self._memory = memory or NoMemory()
        self._neighbours = neighbours or NoNeighbours()
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._throttle = Throttle(0.0)
        self._met: set[str] = set()
        self._left_at = -math.inf
        self._learnt_at = -1.0
        self._kept = Learnt(self._learnt_at)

    def enter(self, now: float, most: int, name: str) -> Lane:
        """Return a part of the traffic for the wave of this *name*, of which *most* may be under way."""
        first = not self._lanes
        recalled = self._memory.recall() if first else None
        with self._lock:
            if not self._lanes and not self._goes_on(now):
                self._throttle = Throttle(now, self._newest(recalled).believed(now))
                self._met = set()
            lane = Lane(name, most, waiting=most, due=most)
            self._lanes.append(lane)
            self._tell(now)
        if first:
            self._neighbours.meet()  # having told: of two that begin together, one at least knows of the other
        return lane

    def leave(self, lane: Lane, now: float) -> None:
        """Note that the wave of *lane* has ended."""
        with self._lock:
            self._lanes.remove(lane)
            for server_id in lane.under_way:
                self._throttle.gone(server_id, now)
            if self._learnt_at > self._kept.at:
                self._keep(now, lane.most)
            self._left_at = now
            self._tell(now)

    def room(self, lane: Lane, now: float) -> int:
        """Return how many the wave of *lane* may have under way: its share, and what nobody wants."""
        with self._lock:
            lane.begun = True
            # Ours last: a worker that is frozen may still tell of a wave that is ours by now.
            demands = {each.wave: each for each in (*self._others(now), *self._demands(now))}
            allowed = [each.most for each in demands.values()]
            places = self._throttle.window(sum(allowed), max(allowed))
            given = shares(places, demands.values(), now)
            share, unused = given[lane.name], places - sum(each.most for each in given.values())
            beside = sum(each.under_way for name, each in demands.items() if name != lane.name)
            turn = share.turn and (beside + share.sure < places or self._has_waited(lane, now, len(demands)))
            stuck = len(lane.under_way & self._throttle.stuck(now))
            return min(lane.most, share.sure + turn + unused + stuck)

    def _has_waited(self, lane: Lane, now: float, waves: int) -> bool:
        """Tell whether a wave has let so many turns pass, one among *waves*, that others must know less than we do."""
        return now - lane.idle_since > ROUNDS * waves * max(TURN, self._throttle.slowest)

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
            lane.looked(now, wave)
            others = self._others(now)  # after those that were asked for: until now there were as many as before
            self._throttle.waiting(sum(each.waiting for each in self._lanes) + sum(each.due for each in others))
            self._tell(now)
            if now - self._kept.at >= SELDOM and self._learnt_at > self._kept.at:
                self._keep_news(now, lane.most)

    def _goes_on(self, now: float) -> bool:
        """Tell whether neighbours still count on what was found out here, though no wave of ours is under way."""
        others = self._neighbours.others().values()
        return now - self._left_at < AGAIN and any(each.demands and not each.is_stale(now) for each in others)

    def _others(self, now: float) -> list[Demand]:
        """Return what the neighbours have and want, and take in what they have found out."""
        told = {name: each for name, each in self._neighbours.others().items() if not each.is_stale(now)}
        self._met |= {name for name, bulletin in told.items() if bulletin.demands}
        # What the others had found out before we met is in what was recalled.
        bulletins = [told[name] for name in sorted(self._met & told.keys())]
        self._throttle.hear(bulletins, now)
        return [demand for bulletin in bulletins for demand in bulletin.demands]

    def _demands(self, now: float) -> list[Demand]:
        """Return what the waves of this process have and want."""
        stuck = self._throttle.stuck(now)
        return [Demand(lane.name, len(lane.under_way - stuck), lane.due, lane.most) for lane in self._lanes]

    def _tell(self, now: float) -> None:
        found = self._throttle
        demands = tuple(self._demands(now))
        self._neighbours.tell(
            Bulletin(demands, found.reached, found.taken_up, found.levels, found.trying, at=moment(now))
        )

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
