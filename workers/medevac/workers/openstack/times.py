"""Times as Nova writes them, and seconds since the epoch."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def to_epoch(text: str) -> float:
    """Return seconds since the epoch of an ISO 8601 time; Nova means UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def to_epoch_or_none(text: str | None) -> float | None:
    """Return as `to_epoch` does, and None for a time that Nova has not set."""
    return to_epoch(text) if text else None


def to_nova(at: float) -> str:
    """Return *at* (seconds since the epoch) as Nova's filters take it.

    Rounded down: Nova's database keeps whole seconds, and a filter must not hide what happened in this one.
    """
    return datetime.fromtimestamp(math.floor(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
