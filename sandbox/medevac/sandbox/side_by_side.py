"""Side by side: flows played in memory whose branches wait at the same time, in time that passes for all of them alike.

The clock moves only when every step that is being carried out waits for it and the engine has nothing to do.  So an
hour's wait of one policy takes nothing from another, and a play comes out the same each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from taskflow import engines, states
from taskflow.flow import Flow

from medevac.sandbox.clock import FakeClock

T = TypeVar("T")

THREADS = 16
"""Steps that are carried out at once; further ones begin when one of them has ended."""
GLANCE = 0.5
"""Seconds of real time after which is looked again, should a step have ended unheard."""
UNHEARD = 0.02
"""The same for the engine: a step may end while it turns to waiting, and was taken in without our knowing it."""


class SharedClock:
    """Implements Clock for steps that run in several threads."""

    def __init__(self, clock: FakeClock) -> None:
        """Move *clock*, and nobody else does."""
        self._clock = clock
        self._turn = threading.Condition()
        self._sleepers: dict[int, float] = {}

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        """Return when *seconds* have passed for everybody."""
        me = threading.get_ident()
        with self._turn:
            self._sleepers[me] = self._clock.now() + max(0.0, seconds)
            self._turn.notify_all()
            while me in self._sleepers:
                self._turn.wait()

    def look(self) -> None:
        """Notice that a step has ended."""
        with self._turn:
            self._turn.notify_all()

    def pass_time(self, steps: Callable[[], list[Future[Any]]]) -> None:
        """Let time pass, from one sleeper's end to the next, until one of *steps* has ended."""
        with self._turn:
            while (under_way := steps()) and not any(step.done() for step in under_way):
                if len(self._sleepers) < min(THREADS, len(under_way)):
                    self._turn.wait(GLANCE)
                    continue
                first = min(self._sleepers.values())
                self._clock.wait(first - self._clock.now())
                for sleeper in [who for who, end in self._sleepers.items() if end <= first]:
                    del self._sleepers[sleeper]
                self._turn.notify_all()


class _Watched(ThreadPoolExecutor):
    """Knows which of its work the engine has not seen the end of."""

    def __init__(self, clock: SharedClock) -> None:
        super().__init__(THREADS)
        self.under_way: list[Future[Any]] = []
        self._clock = clock

    def submit(self, fn: Callable[..., T], /, *args: object, **named: object) -> Future[T]:
        future = super().submit(fn, *args, **named)
        self.under_way.append(future)
        future.add_done_callback(lambda _: self._clock.look())
        return future

    def ended(self) -> list[Future[Any]]:
        return [future for future in self.under_way if future.done()]

    def forget(self, seen: list[Future[Any]]) -> None:
        self.under_way = [future for future in self.under_way if future not in seen]


def play(flow: Flow, clock: SharedClock, ports: Mapping[str, object]) -> None:
    """Run *flow* to its end as a conductor does; raise what ended it too early.  The ports must use *clock*."""
    with _Watched(clock) as executor:
        engine = engines.load(flow, engine="parallel", executor=executor, defer_reverts=True)
        engine.storage.inject(dict(ports), transient=True)
        for state in engine.run_iter(timeout=UNHEARD):
            if state == states.WAITING:
                clock.pass_time(lambda: executor.under_way)
                executor.forget(executor.ended())  # all these the engine takes in now
