"""Storms: how fast recoveries begin, held against what really failed, and what a site wants of that.

A recovery begins when a worker first claims its job.  A host has failed when an alert of its death is stored and it
does not work; it counts for the site's window, and for as long as it stays away.  What the product counts beside that
(heartbeats that Nova misses, a nova-compute that died alone) makes no storm here, so that every storm here is one.
Recoveries that an operator released go on beside others, for that is his word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil, inf
from typing import TYPE_CHECKING

from medevac.core.event import Event, EventKind, SubjectKind
from medevac.core.incident import Incident
from medevac.flows.policy.words import HOST_UP
from medevac.workers.brakes import marks
from medevac.workers.brakes.marks import Mode

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.stage import Stage

MINUTE = 60.0
KNOWN = 5.0
"""Seconds after which what an alert tells, or what Nova shows, has come to whoever judges."""
DEATHS = (EventKind.HOST_DOWN, EventKind.HOST_FENCED, EventKind.HOST_FENCING_FAILED)
_HARMLESS = (HOST_UP, EventKind.HOST_DEGRADED.value)
"""Failures whose recovery takes no host down: nothing slows it."""


@dataclass(slots=True)
class Failure:
    """A host that failed."""

    host: str
    seen_at: float
    """When it was seen to have failed, as the first alert says, in seconds since the epoch."""
    told_at: float
    """When that alert was stored."""
    back_at: float = inf
    """When the host worked again."""

    def counts(self, at: float, window: float) -> bool:
        """Tell whether it counts at that time."""
        return self.told_at <= at and (at < self.seen_at + window or at < self.back_at)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A recovery that a worker began."""

    host: str
    at: float
    """Seconds since the epoch."""


class Storms:
    """Keeps what failed and what was begun, and says what was begun too soon."""

    def __init__(self, stage: Stage) -> None:
        """Judge by the site of *stage*."""
        self._stage = stage
        self._brakes = stage.ground.site.brakes
        self._failures: list[Failure] = []
        self._away: dict[str, Failure] = {}
        self._begun: list[Beginning] = []

    def told(self, event: Event) -> None:
        """See an alert that is stored."""
        host, now = event.subject.name, self._stage.loom.now()
        if event.kind not in DEATHS or self._works(host) or host in self._away or self._is_spoken_for(host):
            return
        self._away[host] = Failure(host, event.seen_at, now)
        self._failures.append(self._away[host])

    def look(self) -> None:
        """Notice who is back."""
        for host in [host for host in self._away if self._works(host)]:
            self._away.pop(host).back_at = self._stage.loom.now()

    def _works(self, host: str) -> bool:
        found = self._stage.world.hosts.get(host)
        return found is None or found.alive

    def _is_spoken_for(self, host: str) -> bool:
        """Tell whether people have announced that *host* stops, have taken it over, or want no failure to count."""
        now, observer = self._stage.loom.now(), self._stage.observer
        ignored = any(mark.mode is Mode.IGNORE for mark in marks.disarms(observer, now))
        announced = any(mark.host == host for mark in marks.maintenances(observer, now))
        return ignored or announced or host in self._stage.witness.marks

    def forget_what_is_spoken_for(self) -> None:
        """Note that people have said something: what they speak for counts no more."""
        spoken_for = {each.host for each in self._failures if self._is_spoken_for(each.host)}
        self._failures = [each for each in self._failures if each.host not in spoken_for]
        for host in spoken_for:
            self._away.pop(host, None)

    def begins(self, incident: Incident, let_go_at: float) -> Iterator[str]:
        """Yield what is wrong with *incident*, which was let go at *let_go_at*, being begun now."""
        if incident.subject.kind is SubjectKind.SERVER or incident.failure in _HARMLESS:
            return
        host, now = incident.subject.name, self._stage.loom.now()
        if not incident.released:
            yield from self._too_many(host, now)
            yield from self._too_soon(host, now, let_go_at)
        self._begun.append(Beginning(host, now))

    def _too_many(self, host: str, now: float) -> Iterator[str]:
        lately = sorted({each.host for each in self._begun if each.at > now - MINUTE} | {host})
        if len(lately) > self._brakes.per_minute:
            told = f"the recoveries of {' and '.join(lately)} have begun within a minute"
            yield f"{told}, and the site wants {self._brakes.per_minute} at most"

    def _too_soon(self, host: str, now: float, let_go_at: float) -> Iterator[str]:
        """Yield what is wrong where a domain of *host* was in a storm already when its recovery was let go."""
        pause = self._brakes.slowed
        for name, hosts in self._domains(host).items():
            lost = self._lost(hosts, let_go_at - KNOWN) | self._lost(frozenset((host,)), let_go_at)
            if len(lost) < max(self._brakes.least, ceil(len(hosts) * self._brakes.share / 100)):
                continue
            storm = f"{len(lost)} of the {len(hosts)} hosts of {name} had failed"
            before = max((each.at for each in self._begun if each.host in hosts and each.host != host), default=-inf)
            if now - before < float(pause) - KNOWN:
                yield f"{host} is begun {now - before:.0f} s after another, {storm}, and the site wants {pause} between"
            yield from self._unawaited(host, hosts, now, storm)

    def _unawaited(self, host: str, hosts: frozenset[str], now: float, storm: str) -> Iterator[str]:
        """Yield that nobody was given the time to act: a host that fails long after others waits a pause as well."""
        pause = float(self._brakes.slowed)
        mine = max((each.seen_at for each in self._failures if each.host == host), default=-inf)
        others = [each.seen_at for each in self._failures if each.host in hosts and each.host != host]
        if any(at + pause + KNOWN < mine for at in others) and now - mine < pause - KNOWN:
            yield f"{host} is begun {now - mine:.0f} s after it failed, {storm}, and the site wants {pause:.0f} s"

    def _lost(self, hosts: frozenset[str], at: float) -> frozenset[str]:
        window = float(self._brakes.window)
        return frozenset(each.host for each in self._failures if each.host in hosts and each.counts(at, window))

    def _domains(self, host: str) -> Mapping[str, frozenset[str]]:
        """Return what one cause can take down together with *host*: its rack, its aggregates, its zone, the cloud."""
        world = self._stage.world
        found = {"the cloud": frozenset(world.hosts), f"rack of {host}": self._rack(host)}
        for aggregate in world.aggregates.values():
            counts = any(fnmatchcase(aggregate.name, pattern) for pattern in self._brakes.aggregates)
            if host in aggregate.hosts and (aggregate.zone or counts):
                found[aggregate.name] = frozenset(aggregate.hosts)
        return {name: hosts for name, hosts in found.items() if hosts}

    def _rack(self, host: str) -> frozenset[str]:
        """Return the hosts of the first rack of each that is the first rack of *host*."""
        return frozenset(each for each in self._stage.world.hosts if self._rack_of(each) == self._rack_of(host) != "")

    def _rack_of(self, host: str) -> str:
        racks = self._brakes.racks.items()
        return next((name for name, hosts in racks if any(fnmatchcase(host, each) for each in hosts)), "")
