"""Shortening: a text that is too long loses its middle: what is wrong stands at its beginning, a remedy at its end."""

from __future__ import annotations

GAP = " … "


def shortened(text: str, limit: int) -> str:
    """Return *text* with *limit* characters at the most: its beginning, and as much of its end."""
    if len(text) <= limit:
        return text
    end = (limit - len(GAP)) // 2
    return f"{text[: limit - len(GAP) - end]}{GAP}{text[len(text) - end :]}"
