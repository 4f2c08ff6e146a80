"""Stamps: times as OpenStack writes them: whole seconds, because its database keeps no more."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

from medevac.sandbox.cloud.model.errors import bad_request


def zulu(at: float) -> str:
    """Return 2026-11-22T14:45:53Z, as servers carry it."""
    return f"{_whole(math.floor(at))}Z"


def naive(at: float | None) -> str | None:
    """Return 2026-11-22T14:45:53.000000, as migrations and services carry it; None for None."""
    return None if at is None else f"{_whole(math.floor(at))}.000000"


def naive_zulu(at: float) -> str:
    """Return 2026-11-22T14:45:53.000000Z, as Keystone writes it."""
    return f"{_whole(math.floor(at))}.000000Z"


@lru_cache(maxsize=4096)
def _whole(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse(text: str, name: str) -> float:
    """Return the seconds since the epoch that *text* says (UTC unless it says else); raise Nova's 400."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
