"""Loom: threads of which exactly one runs at a time, on a clock that only their waits move.

What runs when depends on nothing but the order in which waits end, so that every play is the same; with a random
generator, waits that end together end in an order that its seed decides.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from medevac.sandbox.clock import START


class KilledError(GeneratorExit):
    """The process of this thread is dead.  No Exception: nothing may handle it.

    A GeneratorExit, because that is what generators that are thrown away on the way may raise without a word.
    """


def _shut() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()  # released by whoever hands the turn over, which need not be whoever acquires it
    return lock


@dataclass(eq=False)
class Strand:
    """One thread of the play."""

    name: str
    thread: threading.Thread | None = None
    go: threading.Lock = field(default_factory=_shut)
    """Shut while it waits for its turn."""
    ticket: int = 0
    """Counts its waits: an end that was planned for an earlier one is void."""
    idle: bool = False
    """Waits for news, or for nothing: not what keeps a play going."""
    killed: bool = False
    frozen_until: float = 0.0
    over: bool = False


class Loom:
    """The clock, and the strands that wait for it."""

    def __init__(self, random: Random | None = None) -> None:
        """Begin at START; *random* shuffles what is due at the same time."""
        self._now = START
        self._random = random
        self._numbers = itertools.count()
        self._due: list[tuple[float, float, int, int, Strand | Callable[[], None]]] = []
        self._main = _shut()
        self._strands: list[Strand] = []
        self._running: Strand | None = None
        self.raised: BaseException | None = None
        """What a strand died of that was not killed."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Let the other strands run until *seconds* have passed; raise KilledError in a process that is dead."""
        self._pause(seconds, idle=False)

    def rest(self, seconds: float) -> None:
        """Wait *seconds*, or until `wake` is called: there is nothing to do."""
        self._pause(seconds, idle=True)

    def wake(self) -> None:
        """End the rest of every strand that has nothing to do."""
        for strand in self._strands:
            if strand.idle and not strand.over:
                self._plan(strand, self._now)

    def spawn(self, name: str, act: Callable[[], None]) -> Strand:
        """Let *act* run as a strand of its own, from now on."""
        strand = Strand(name)
        strand.thread = threading.Thread(target=self._live, args=(strand, act), name=name, daemon=True)
        self._strands.append(strand)
        self._plan(strand, self._now)
        strand.thread.start()
        return strand

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Let *act* happen at *when*, in nobody's thread."""
        heapq.heappush(self._due, (when, self._tie(), next(self._numbers), 0, act))

    def kill(self, strand: Strand) -> None:
        """End *strand* where it waits: it does nothing any more."""
        strand.killed = True
        strand.frozen_until = 0.0
        if not strand.over and strand is not self._running:
            self._plan(strand, self._now)

    def freeze(self, strand: Strand, until: float) -> None:
        """Let *strand* stand still until then, wherever it is."""
        strand.frozen_until = until

    @property
    def busy(self) -> bool:
        """Tell whether anybody waits for anything but news."""
        return any(not strand.over and not strand.idle for strand in self._strands)

    @property
    def running(self) -> Strand | None:
        """Return the strand whose turn it is."""
        return self._running

    def play(self, until: float, after_each: Callable[[], bool]) -> None:
        """Run what is due, until *until* (seconds since the epoch) or until *after_each* says that it is over.

        Raises what a strand died of.
        """
        while self._due and self._due[0][0] <= until:
            when, _, _, ticket, who = heapq.heappop(self._due)
            if isinstance(who, Strand):
                if not self._turn(who, when, ticket):
                    continue
            else:
                self._now = max(self._now, when)
                who()
            if self.raised is not None:
                raise self.raised
            if after_each():
                return

    def close(self) -> None:
        """Kill every strand, and wait for its thread."""
        for strand in self._strands:
            while not strand.over:
                strand.killed = True
                self._hand_over(strand)
        for strand in self._strands:
            if strand.thread is not None:
                strand.thread.join(10)

    def _turn(self, strand: Strand, when: float, ticket: int) -> bool:
        """Give *strand* its turn, if it still waits for this one and is not frozen."""
        if strand.over or ticket != strand.ticket:
            return False
        self._now = max(self._now, when)
        if strand.frozen_until > self._now:
            self._plan(strand, strand.frozen_until)
            return False
        self._hand_over(strand)
        return True

    def _hand_over(self, strand: Strand) -> None:
        self._running = strand
        strand.go.release()
        self._main.acquire()
        self._running = None

    def _pause(self, seconds: float, *, idle: bool) -> None:
        strand = self._running
        if strand is None:
            message = "only a strand of the loom may wait"
            raise RuntimeError(message)
        if strand.killed:
            raise KilledError
        strand.idle = idle
        self._plan(strand, self._now + max(seconds, 0.0))
        self._main.release()
        strand.go.acquire()
        strand.idle = False
        if strand.killed:
            raise KilledError

    def _plan(self, strand: Strand, when: float) -> None:
        strand.ticket += 1
        heapq.heappush(self._due, (when, self._tie(), next(self._numbers), strand.ticket, strand))

    def _tie(self) -> float:
        return self._random.random() if self._random else 0.0

    def _live(self, strand: Strand, act: Callable[[], None]) -> None:
        strand.go.acquire()
        try:
            if not strand.killed:
                act()
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - play() raises it again, in the thread of the test
            self.raised = error
        finally:
            strand.over = True
            self._main.release()
