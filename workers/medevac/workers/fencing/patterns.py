"""Patterns: which hosts a rung is for."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase


class ForHosts:
    """What is for some hosts: those whose names match one of its globs."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """Be for *hosts*, globs of their names."""
        self._hosts = tuple(hosts)

    def covers(self, host: str) -> bool:
        """Tell whether *host* is one of ours; names that could smuggle something into a command never are."""
        return host.isprintable() and not host.startswith("-") and any(fnmatchcase(host, each) for each in self._hosts)
