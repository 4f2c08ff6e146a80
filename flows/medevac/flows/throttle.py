"""Throttle: how many evacuations are under way at once, learnt from how long servers take.  A pure state machine.

More at once is not faster everywhere: requests that Nova works on side by side see the same view of the hosts, conflict
in Placement, and are tried again.  So few are asked for at first, and twice as many when destinations have taken
them up: that comes long before they arrive, and comes late where they get in each other's way.  From then on arrivals
say how many are best (medevac.flows.crowding); now and then a few more or fewer are tried, since clouds change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.flows.bulletin import Bulletin
from medevac.flows.crowding import Level, Levels, best, level_of, limited, merged, pooled

START = 2
"""How many are asked for at first, where nothing is known: two, so that one that Nova forgets holds nobody up."""
GROW = 2
"""How many times as many are asked for, at most, as the one had beside it that was taken up or has arrived, here or in
what was known before: a step too far is one of many servers that take long."""
ENOUGH = 6
"""Arrivals after which it matters little how soon destinations took servers up."""
TRUSTED = 4.0
"""As many arrivals as that counts for from then on."""
REMEMBERED = 15.0
"""As many arrivals as what was known before counts for at first..."""
FADES = 20.0
"""... and after so many new ones half of it."""
REST = 10.0
"""Arrivals after which a few more or fewer are tried, for each that was seen with so many under way: what is hardly
known is tried at once, and what is well known seldom..."""
DOUBTED = 2.0
"""... where what was seen in earlier recoveries counts as so many at most, since clouds change..."""
LONGEST = 8.0
"""... and all of it as so many."""
ROUNDS = 3
"""It is tried while so many times the best number wait: where there are less, few would win by it."""
STUCK = 10.0
"""Seconds after which a server takes no place any more, for one that Nova forgot is not to hold up all others..."""
TIMES = 4
"""... or, where it is longer, so many times as long as the slowest have taken."""
NEWER = 0.2
"""How much the last place that stood empty tells of the next ones."""
PART = 4
"""By which part of the best more or fewer are tried."""


@dataclass(slots=True)
class _Asked:
    at: float
    beside: int
    """How many were under way then, itself included."""
    area: float
    """Seconds that all servers had been under way by then."""
    timed: bool
    taken: bool = False


class Throttle:
    """The bound on what is under way."""

    def __init__(self, now: float, known: Iterable[Level] = ()) -> None:
        """Begin at *now*, with what is *known* of the cloud."""
        self._before = tuple(known)
        self._levels = Levels()
        self._taken = Levels()
        self._asked: dict[str, _Asked] = {}
        self._most = self._usual = 1
        self._allowed = 0
        self._looked_at = now
        self._area = 0.0
        self._waiting = math.inf
        self._seen = 0
        self._least = 0
        self._ended = 0
        self._since_try = 0
        self._trying = 0
        self._fewer = False
        self._idle = 0.0
        self._heard: tuple[Bulletin, ...] = ()
        self._others = 0
        self._free_since: list[float] = []
        self._best: dict[int, int] = {}
        self._pool: tuple[Level, ...] | None = None

    @property
    def known(self) -> tuple[Level, ...]:
        """Return what is known of the cloud."""
        return merged(self._before, self._everybodys)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Return how long servers took here."""
        return self._levels.all

    @property
    def taken_up(self) -> tuple[Level, ...]:
        """Return how soon destinations took servers up, as long as that matters."""
        return self._taken.all if self._opening else ()

    @property
    def trying(self) -> int:
        """Return how many are being tried in place of the best; 0: the best are."""
        return self._trying

    @property
    def reached(self) -> int:
        """Return how many may be under way after what was seen here; 0: nothing yet."""
        return max(self._allowed, self._seen * GROW)

    def window(self, most: int, usual: int | None = None) -> int:
        """Return how many may be under way at once, *most* at most, those left out that are stuck.

        *usual*: how many the policies allow any one wave; more than that only where it wins much.
        """
        self._most, self._usual = max(self._most, most), usual or most
        if self._seen:
            self._conclude()
        allowed = max(self._allowed, *(bulletin.reached for bulletin in self._heard), 0)
        return min(allowed, self._wanted(most)) if allowed else min(self._first(most), most)

    def _first(self, most: int) -> int:
        """Return how many may be under way before anything was seen: what nobody has met is no more than a guess."""
        adopted = START + sum(not each.timed for each in self._asked.values())
        if not self._before:
            return adopted
        met = max((level.crowd for level in self._before if level.arrived), default=START)
        return min(self.best(most), max(round(met * GROW), adopted))

    def waiting(self, number: int) -> None:
        """Note how many servers are still to be asked for."""
        self._waiting = number

    def hear(self, bulletins: Sequence[Bulletin], now: float) -> None:
        """Take in what others tell who have servers under way in the same cloud."""
        self._pass(now)
        self._others = sum(bulletin.under_way for bulletin in bulletins)
        if self._heard != tuple(bulletins):
            self._heard = tuple(bulletins)
            self._weigh_anew()

    def _weigh_anew(self) -> None:
        """Note that there is something that was not thought of yet."""
        self._best, self._pool = {}, None

    @property
    def _everybodys(self) -> tuple[Level, ...]:
        """Return how long servers took, here and elsewhere."""
        if self._pool is None:
            self._pool = pooled([self._levels.all, *(bulletin.levels for bulletin in self._heard)])
        return self._pool

    @property
    def _times(self) -> float:
        """Return how many times are known."""
        return Levels(self._everybodys).times

    @property
    def slowest(self) -> float:
        """Return how many seconds servers take at most, on average beside so many; 0: not known."""
        return max((level.seconds for level in (*self._before, *self._everybodys) if level.arrived), default=0.0)

    def stuck(self, now: float) -> frozenset[str]:
        """Return those that take nobody's place: they are under way for so long that nobody works on them."""
        known = self.slowest
        taken = max((level.seconds for level in self._taken.all), default=known)
        forgotten, lost = max(STUCK, TIMES * taken), max(STUCK, TIMES * known) if known else math.inf
        return frozenset(
            name for name, asked in self._asked.items() if now - asked.at > (lost if asked.taken else forgotten)
        )

    def best(self, most: int) -> int:
        """Return how many at once are thought to be best, *most* at most."""
        if most not in self._best:
            taken = pooled([self._taken.all, *(bulletin.taken for bulletin in self._heard)])
            taken = taken if self._opening else limited(taken, TRUSTED)
            before = limited(self._before, REMEMBERED / (1 + self._times / FADES))
            self._best[most] = best([taken, before, self._everybodys], most, self._idle, self._usual)
        return self._best[most]

    @property
    def _opening(self) -> bool:
        """Tell whether nothing is known but how soon destinations took servers up."""
        return not self._before and self._times < ENOUGH

    def asked(self, server_id: str, now: float, *, timed: bool = True) -> None:
        """Note that a server was asked for; not *timed*: who knows when."""
        self._pass(now)
        if self._free_since:
            self._idle += NEWER * (now - self._free_since.pop() - self._idle)
        self._asked[server_id] = _Asked(now, self._crowd + 1, self._area, timed)

    def taken(self, server_id: str, now: float) -> None:
        """Note that a destination has taken a server up."""
        asked = self._asked.get(server_id)
        if asked is None or asked.taken or not asked.timed:
            return
        self._pass(now)
        asked.taken = True
        if self._opening:
            self._taken.arrived(asked.beside, self._average(asked, now), now - asked.at)
            self._saw(asked)

    def arrived(self, server_id: str, now: float) -> None:
        """Note that a server has arrived."""
        asked = self.gone(server_id, now)
        if asked is None or not asked.timed:
            return
        self._levels.arrived(asked.beside, self._average(asked, now), now - asked.at)
        self._saw(asked, ended=True)

    def failed(self, server_id: str, now: float) -> None:
        """Note a conflict, a time-out or no host: with fewer at once there may be fewer."""
        asked = self.gone(server_id, now)
        if asked is None or not asked.timed:
            return
        self._levels.failed(asked.beside, self._average(asked, now))
        self._saw(asked, ended=True)

    def gone(self, server_id: str, now: float) -> _Asked | None:
        """Note that a server is not under way any more, which says nothing about the others."""
        self._pass(now)
        self._free_since.append(now)
        return self._asked.pop(server_id, None)

    def all_asked(self) -> None:
        """Note that everybody was asked for who was due: places that are still empty tell nothing."""
        self._free_since = []

    def _saw(self, asked: _Asked, *, ended: bool = False) -> None:
        """Note that something is to be concluded, once for all that one look has shown."""
        self._weigh_anew()
        self._seen = max(self._seen, asked.beside)
        self._least = min(self._least or asked.beside, asked.beside)
        self._ended += ended

    def _conclude(self) -> None:
        """Draw the conclusions from what was seen since the last ones."""
        self._since_try += self._ended
        if self._ended:
            self._end_try()
        self._allowed = min(self._wanted(self._most), max(self._allowed, self._seen * GROW))
        self._seen = self._least = self._ended = 0

    def _wanted(self, most: int) -> int:
        """Return how many are best, or how many are being tried, here or by others."""
        known = self.best(most)
        tries = (self._trying, *(bulletin.trying for bulletin in self._heard))
        return min(next((each for each in tries if _is_beside(each, known)), known), most)

    def _end_try(self) -> None:
        """Try a few more or fewer from time to time, where enough wait for whom it may pay."""
        known = self.best(self._most)
        if self._trying and not _is_beside(self._trying, known):
            self._trying = 0
        if self._was_tried(known):
            self._trying = self._since_try = 0
        elif not self._is_tried and known < self._most and self._waiting >= ROUNDS * known:
            self._trying = self._next_try(known)

    @property
    def _is_tried(self) -> bool:
        """Tell whether something is being tried, here or elsewhere: two at once would be neither."""
        return bool(self._trying) or any(bulletin.trying for bulletin in self._heard)

    def _is_known(self, number: int) -> bool:
        """Tell whether so much was seen of *number* at once that it is too early to try it again."""
        before, now = (_seen(levels, number) for levels in (self._before, self._everybodys))
        return self._since_try < REST * min(min(before, DOUBTED) + now, LONGEST)

    def _was_tried(self, known: int) -> bool:
        """Tell whether what is being tried was seen."""
        if not self._trying:
            return False
        return self._seen >= self._trying if self._trying > known else self._least <= self._trying

    def _next_try(self, known: int) -> int:
        """Return what to try next, 0 for nothing: fewer and more by turns, unless they are known well enough."""
        step = max(known // PART, 1)
        numbers = [min(known + step, self._most), known - step]
        for number in numbers if self._fewer else reversed(numbers):
            if 0 < number != known and not self._is_known(number):
                self._fewer = number < known
                return number
        return 0

    @property
    def _crowd(self) -> int:
        """Return how many are under way in the cloud, as far as is known."""
        return len(self._asked) + self._others

    def _pass(self, now: float) -> None:
        self._area += self._crowd * max(now - self._looked_at, 0.0)
        self._looked_at = max(now, self._looked_at)

    def _average(self, asked: _Asked, now: float) -> float:
        """Return how many were under way on average since a server was asked for."""
        return max((self._area - asked.area) / max(now - asked.at, 1e-6), 1.0)


def _is_beside(tried: int, known: int) -> bool:
    """Tell whether *tried* is one step from what is known to be best: it may have been thought of when that was not."""
    return bool(tried) and abs(tried - known) <= max(known // PART, 1)


def _seen(levels: Iterable[Level], number: int) -> float:
    """Return how many arrived while so many were under way on average."""
    return sum(level.arrived for level in levels if level_of(level.average) == number)
