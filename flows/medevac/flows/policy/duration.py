"""Duration: a length of time as people write it (90s, 5m, 1h30m)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds in each unit, largest first, which is the order in which a duration is written."""

_WRITTEN = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?", re.ASCII)
_GUESSED = re.compile(r"(\d{1,9})\s*(ms|milli|[dhms])[a-z]*\.?", re.ASCII | re.IGNORECASE)
_BARE = re.compile(r"\d{1,9}", re.ASCII)

HOW_TO_WRITE = "write a number and its unit (ms, s, m, h or d), such as 90s, 5m or 1h30m"


class NotADurationError(ValueError):
    """The text is not a duration; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        """Say in *message* what is wrong and in *hint* what would be right."""
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time, exact to the millisecond."""

    seconds: float

    def __float__(self) -> float:
        """Return the seconds."""
        return float(self.seconds)

    def __str__(self) -> str:
        """Return the shortest way to write it, which `parse_duration` reads back: 1h30m, 90s as 1m30s."""
        left = round(self.seconds * 1000)
        parts = []
        for unit, milliseconds in _UNITS.items():
            count, left = divmod(left, milliseconds)
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts) or "0s"


def parse_duration(text: str) -> Duration:
    """Return the duration that *text* says; raise NotADurationError, with a hint, when it says none."""
    found = _WRITTEN.fullmatch(text) if text else None
    if found is None:
        raise _not_a_duration(text)
    counts = zip(found.groups(), _UNITS.values(), strict=True)
    return Duration(sum(int(count or 0) * milliseconds for count, milliseconds in counts) / 1000)


def _not_a_duration(text: str) -> NotADurationError:
    if _BARE.fullmatch(text):
        return NotADurationError(f"{text!r} has no unit", f"did you mean '{text}s' or '{text}m'?")
    guess = _GUESSED.fullmatch(text.strip())
    if guess:
        unit = guess[2].lower()
        written = f"{guess[1]}{'ms' if unit == 'milli' else unit}"
        return NotADurationError(f"{text!r} is not a duration", f"did you mean '{written}'?")
    return NotADurationError(f"{text!r} is not a duration", HOW_TO_WRITE)


_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
DAY = 86_400
"""Seconds."""


@dataclass(frozen=True, slots=True, order=True)
class TimeOfDay:
    """A time of every day, in UTC, written 02:00."""

    hour: int
    minute: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.hour:02}:{self.minute:02}"

    def next_after(self, at: float) -> float:
        """Return when it is that time next, from *at* on; both in seconds since the epoch."""
        wanted = self.hour * 3600 + self.minute * 60
        return at + (wanted - at % DAY) % DAY


def parse_time_of_day(text: str) -> TimeOfDay | None:
    """Return the time of day that *text* says, or None where it says none."""
    found = _CLOCK.fullmatch(text)
    return TimeOfDay(int(found[1]), int(found[2])) if found else None
