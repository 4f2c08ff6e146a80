"""Patterns: which hosts a rung is for."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


def covered(host: str, patterns: Sequence[str]) -> bool:
    """Tell whether one of the globs *patterns* is about *host*; names that could smuggle something in never are."""
    return host.isprintable() and not host.startswith("-") and any(fnmatchcase(host, each) for each in patterns)
