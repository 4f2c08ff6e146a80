"""Patience: reads that outlive a cloud which is away for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from medevac.core.errors import CellDownError, CloudUnavailableError
from medevac.flows.ports import Clock

T = TypeVar("T")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


def patiently(call: Callable[[], T], clock: Clock, limit: float, told: Callable[[str], None]) -> T:
    """Return what *call* returns, repeating it while the cloud does not answer, for at most *limit* seconds.

    Only for reads and idempotent writes.  *told* is called once, with a sentence, when the waiting begins.
    Raises the last error when the limit has passed.
    """
    give_up = clock.now() + limit
    pause = FIRST_PAUSE
    waiting = False
    while True:
        try:
            return call()
        except (CloudUnavailableError, CellDownError) as error:
            if clock.now() + pause > give_up:
                raise
            if not waiting:
                told(f"the cloud does not answer ({error}); waiting up to {limit:.0f} s for it")
                waiting = True
            clock.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
