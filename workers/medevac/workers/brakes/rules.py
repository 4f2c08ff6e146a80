"""Rules: when a failure is part of a storm, when it is we who are blind, and what the caps allow.  Pure functions.

Where the numbers come from is told in docs/decisions/0010-brakes.md.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from medevac.flows.estate import HostService
from medevac.workers.site_brakes import BrakeSettings

CLOUD = "cloud"
AGGREGATE = "aggregate"
MINUTE = 60.0
SOON = 5.0
"""Seconds until an incident is judged again that waits for the end of another."""
PATIENT = 15.0
"""Seconds until it is judged again whether a whole domain is still down, or we are still blind."""
MISSING = 2
"""How many hosts a cloud must have before all of them down means more than one dead host."""


class Level(enum.IntEnum):
    """How a failure domain stands."""

    NORMAL = 0
    SLOWED = 1
    STOPPED = 2


@dataclass(frozen=True, slots=True)
class Domain:
    """Hosts that one cause can take down together."""

    kind: str
    """rack, zone, aggregate or cloud."""
    name: str
    hosts: frozenset[str]
    """Those in service; what was taken out long ago cannot fail any more."""

    def __str__(self) -> str:
        """Return "rack r1", or "the cloud"."""
        return "the cloud" if self.kind == CLOUD else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Start:
    """A recovery that was let go."""

    incident: str
    host: str
    at: float
    """Seconds since the epoch."""
    fences: bool
    """Whether it had to fence the host itself: no evidence had come."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a domain stands, and why."""

    level: Level
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a recovery back."""

    by: str
    """breaker or cap, as in Incident.held_by."""
    reason: str
    again_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known at one moment about what has failed, and what was let go."""

    now: float
    failed: Mapping[str, float]
    """Hosts, with the time at which each last failed, seconds since the epoch."""
    down: frozenset[str]
    """Hosts that do not work now."""
    starts: Sequence[Start] = ()
    running: frozenset[str] = frozenset()
    """Ids of incidents of dead hosts that are being recovered."""


def standing(domain: Domain, scene: Scene, settings: BrakeSettings) -> Standing:
    """Tell whether *domain* stands normally, is slowed (a storm, or the time after one), or is stopped."""
    times = sorted((at for host, at in scene.failed.items() if host in domain.hosts), reverse=True)
    window = float(settings.window)
    recent = [at for at in times if at > scene.now - window]
    most = settings.max_failures.get(domain.name) if domain.kind == AGGREGATE else None
    if most is not None and len(recent) > most:
        return Standing(Level.STOPPED, f"{_lost(recent, domain, settings)}, and no more than {most} may be")
    lost = len(domain.hosts & scene.down)
    if lost == len(domain.hosts) and lost >= (MISSING if domain.kind == CLOUD else settings.least):
        return Standing(Level.STOPPED, f"all {lost} hosts of {domain} are down: that is no failure of hosts")
    return _storm(domain, times, scene.now, settings)


def _storm(domain: Domain, times: Sequence[float], now: float, settings: BrakeSettings) -> Standing:
    """Tell whether *times* (of failures, latest first) were a storm that lasts, or that ended a short while ago."""
    needed = max(settings.least, math.ceil(len(domain.hosts) * settings.share / 100))
    window = float(settings.window)
    pairs = zip(times, times[needed - 1 :], strict=False)
    ends = max((first + window for last, first in pairs if last - first < window), default=0.0)
    if now < ends:
        recent = [at for at in times if at > now - window]
        return Standing(Level.SLOWED, f"{_lost(recent, domain, settings)} (a storm from {needed} on)")
    if now < ends + float(settings.cooldown):
        return Standing(
            Level.SLOWED, f"{domain} cools down after a storm until {clock(ends + float(settings.cooldown))}"
        )
    return Standing(Level.NORMAL)


def _lost(recent: Sequence[float], domain: Domain, settings: BrakeSettings) -> str:
    return f"{len(recent)} of the {len(domain.hosts)} hosts of {domain} have failed within {settings.window}"


def storm(host: str, domains: Iterable[Domain], scene: Scene, settings: BrakeSettings) -> Hold | None:
    """Return what the storm breaker has against recovering *host* now, the strictest of its *domains* first."""
    found = [(standing(domain, scene, settings), domain) for domain in domains if host in domain.hosts]
    for each, _ in found:
        if each.level is Level.STOPPED:
            reason = f"{each.reason}. Nothing is done until it changes, or until you say so: medevac incident release"
            return Hold("breaker", reason, scene.now + PATIENT)
    waits = [
        (last + float(settings.slowed), each)
        for each, domain in found
        if each.level is Level.SLOWED and (last := _last_start(domain, scene)) + float(settings.slowed) > scene.now
    ]
    if waits:
        due, each = max(waits, key=lambda pair: pair[0])
        return Hold("breaker", f"{each.reason}: recoveries begin one every {settings.slowed}", due)
    return None


def _last_start(domain: Domain, scene: Scene) -> float:
    return max((start.at for start in scene.starts if start.host in domain.hosts), default=-math.inf)


def capped(scene: Scene, settings: BrakeSettings, *, dead: bool, fences: bool) -> Hold | None:
    """Return which cap stands against one more recovery now.

    *dead*: its host is dead and is to be emptied; *fences*: it would have to be fenced for that.
    """
    if dead and len(scene.running) >= settings.hosts_at_once:
        reason = f"{len(scene.running)} hosts are being recovered, and no more than {settings.hosts_at_once} may be"
        return Hold(
            "cap", f"{reason} at once (brakes: hosts_at_once); it goes when one of them has ended", scene.now + SOON
        )
    lately = [start.at for start in scene.starts]
    hold = _rate(lately, settings.per_minute, MINUTE, scene.now, "recoveries have begun within one minute (per_minute)")
    if hold is None and fences:
        fencings = [start.at for start in scene.starts if start.fences]
        about = f"hosts were fenced within {settings.fencing_window} (brakes: fencings)"
        hold = _rate(fencings, settings.fencings, float(settings.fencing_window), scene.now, about)
    return hold


def _rate(times: Iterable[float], most: int, window: float, now: float, about: str) -> Hold | None:
    recent = sorted(at for at in times if at > now - window)
    if len(recent) < most:
        return None
    due = recent[-most] + window
    return Hold("cap", f"{len(recent)} {about}: the next begins when that is over", due)


def blindness(host: str, services: Sequence[HostService], control: Mapping[str, bool]) -> str:
    """Return why it is we who cannot see, rather than *host* that failed; empty when there is no sign of that.

    The host itself says nothing, nor do those that were taken out of service before.  Where no other host is left (a
    cloud of one), the compute services say nothing either way.
    """
    witnesses = [each for each in services if each.host != host and (each.state == "up" or _in_service(each))]
    if witnesses and not any(each.state == "up" for each in witnesses):
        return (
            f"Nova hears none of the {len(witnesses)} other compute services in service: "
            f"its messaging has failed, or we are cut off, and not {host} alone"
        )
    away = [name for name, up in sorted(control.items()) if not up]
    return f"no {' and no '.join(away)} is up: Nova could not carry anything out" if away else ""


def in_service(services: Iterable[HostService], failed: Mapping[str, float]) -> frozenset[str]:
    """Return the hosts that count in a domain: those in service, and those that failed lately."""
    return frozenset(s.host for s in services if s.state == "up" or _in_service(s) or s.host in failed)


def _in_service(service: HostService) -> bool:
    return service.enabled and not service.forced_down


def clock(at: float) -> str:
    """Return "14:03:09Z"."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
