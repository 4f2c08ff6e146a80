"""When what was looked at again and again counts as failed, and when as well again.  Pure.

Only what has been seen well can fail: a guest without an agent, one that still boots, and a service that was never
there are none of our business.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace


class Outcome(enum.Enum):
    """What one look says."""

    WELL = "well"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It says nothing: nobody is there to ask, or what stands between could not be passed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often in a row something must be seen before it counts."""

    failures: int = 3
    successes: int = 2


@dataclass(frozen=True, slots=True)
class Streak:
    """What has been seen of one thing lately."""

    armed: bool = False
    """It was well at least once since it exists."""
    failures: int = 0
    successes: int = 0
    down: bool = False
    """Its failure was told."""
    since: float = 0.0
    """Seconds since the epoch of the first failure in a row."""


class Change(enum.Enum):
    """What is to be told."""

    DOWN = "down"
    UP = "up"


def judge(streak: Streak, outcome: Outcome, patience: Patience, now: float) -> tuple[Streak, Change | None]:
    """Return what follows from one more look at *now* (seconds since the epoch), and what is to be told."""
    if outcome is Outcome.UNKNOWN:
        # What cannot be asked breaks the row: N in a row must be N answers.
        return replace(streak, failures=0, successes=0), None
    if outcome is Outcome.WELL:
        seen = replace(streak, armed=True, failures=0, successes=streak.successes + 1)
        if seen.down and seen.successes >= patience.successes:
            return replace(seen, down=False), Change.UP
        return seen, None
    if not streak.armed:
        return streak, None
    since = streak.since if streak.failures else now
    seen = replace(streak, failures=streak.failures + 1, successes=0, since=since)
    if not seen.down and seen.failures >= patience.failures:
        return replace(seen, down=True), Change.DOWN
    return seen, None
