"""Names: short names, full names and hypervisors' names of a host are one host: the one that Nova calls `host`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from medevac.core.errors import CloudError, MedevacError
from medevac.flows.ports import Clock, Cloud

FRESH = 300.0
"""Seconds for which the list of compute services is believed."""
AT_MOST_EVERY = 10.0
"""Seconds between two askings for the sake of names that are not in the list."""


class AmbiguousHostError(MedevacError):
    """More than one host could be meant by this name."""


class HostNames:
    """Knows Nova's name of a host by any of its names; asks Nova seldom.  Safe for many threads."""

    def __init__(self, told: Mapping[str, str], cloud: Cloud, clock: Clock) -> None:
        """Believe *told* (host_names of the site file) first, then the compute services that *cloud* lists."""
        self._told = told
        self._cloud = cloud
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[str, ...] = ()
        self._read_at = float("-inf")

    def __call__(self, name: str) -> str:
        """Return Nova's name of the host; *name* itself when Nova knows none like it.

        Raises AmbiguousHostError when it could be more than one, and CloudError when Nova was never heard.
        """
        if name in self._told:
            return self._told[name]
        if name in self._hosts(FRESH):
            return name
        return match(name, self._known) or match(name, self._hosts(AT_MOST_EVERY)) or name

    def _hosts(self, fresh: float) -> tuple[str, ...]:
        """Return Nova's names of all compute hosts, not older than *fresh* seconds if Nova answers."""
        with self._lock:
            now = self._clock.now()
            if now - self._read_at > fresh:
                try:
                    self._known = tuple(service.host for service in self._cloud.compute_services())
                    self._read_at = now
                except CloudError:
                    if not self._known:
                        raise
            return self._known


def match(name: str, hosts: Sequence[str]) -> str:
    """Return the one of *hosts* that *name* is another name of; empty when there is none.

    Host names know no upper and lower case.  Two full names are the same host only when they are equal: compute-1 of
    one domain is not that of another.  Raises AmbiguousHostError when there are several.
    """
    alike = [host for host in hosts if _same(name, host)]
    if len(alike) > 1:
        message = f"{name} could be any of {', '.join(sorted(alike))}: say which under host_names in the site file"
        raise AmbiguousHostError(message)
    return alike[0] if alike else ""


def _same(one: str, other: str) -> bool:
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    return one == other or one == _short(other) or _short(one) == other


def _short(name: str) -> str:
    return name.partition(".")[0]
