"""Facts: how Nova stands as a whole, asked once for all incidents that are judged within seconds."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from medevac.flows.estate import HostService
from medevac.flows.ports import Clock, Cloud
from medevac.workers.brakes import domains, gateway
from medevac.workers.brakes.announced import back
from medevac.workers.brakes.marks import Place
from medevac.workers.site_brakes import BrakeSettings

LASTS = 3.0
"""Seconds for which an answer is good: a storm brings hundreds of incidents at once."""
AGGREGATES_LAST = 60.0
"""Seconds for which it is believed which hosts are in which aggregate: people change that, and seldom."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Nova, and whether we reach anything at all."""

    at: float
    """Seconds since the epoch."""
    services: tuple[HostService, ...]
    control: Mapping[str, bool]
    aggregates: Mapping[str, tuple[str, ...]]
    places: tuple[Place, ...]
    """Where each host is."""
    cut_off: str
    """Why it is we who are cut off; empty when our gateway answers."""

    def failed(self, since: float) -> Mapping[str, float]:
        """Return the hosts that Nova has missed since *since*, with their last heartbeats; no event may have come."""
        missed = (s for s in self.services if s.enabled and not s.forced_down and s.state != "up")
        return {s.host: s.updated_at for s in missed if s.updated_at is not None and s.updated_at > since}

    @property
    def down(self) -> frozenset[str]:
        """Return the hosts whose compute service does not work."""
        return frozenset(s.host for s in self.services if s.state != "up" or s.forced_down)

    def not_back(self, hosts: Iterable[str], failed: Mapping[str, float]) -> frozenset[str]:
        """Return those of *hosts* that Nova has not heard of since they *failed*; it notices a death late."""
        by_host = {service.host: service for service in self.services}
        return frozenset(each for each in hosts if not back(each, by_host.get(each), failed.get(each, 0.0)))


class Reader:
    """Asks the cloud, at most every few seconds."""

    def __init__(self, cloud: Cloud, clock: Clock, settings: BrakeSettings) -> None:
        """Ask *cloud*; *settings* name the gateway."""
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._last: Facts | None = None
        self._aggregates: tuple[float, Mapping[str, tuple[str, ...]]] = (float("-inf"), {})

    def read(self) -> Facts:
        """Return how things stand now, or did a moment ago.  Raises CloudUnavailableError."""
        with self._lock:
            now = self._clock.now()
            if self._last is None or not 0 <= now - self._last.at < LASTS:
                self._last = self._ask(now)
            return self._last

    def _ask(self, now: float) -> Facts:
        cut_off = gateway.unreachable(self._settings.gateway)
        cloud = self._cloud
        if cut_off:
            return Facts(now, (), {}, {}, (), cut_off)
        services, aggregates = cloud.compute_services(), self._grouped(now)
        sets = {name: frozenset(hosts) for name, hosts in aggregates.items()}
        places = tuple(domains.place_of(service, sets, self._settings) for service in services)
        return Facts(now, services, cloud.control_services(), aggregates, places, "")

    def _grouped(self, now: float) -> Mapping[str, tuple[str, ...]]:
        if not 0 <= now - self._aggregates[0] < AGGREGATES_LAST:
            self._aggregates = (now, self._cloud.aggregates())
        return self._aggregates[1]
