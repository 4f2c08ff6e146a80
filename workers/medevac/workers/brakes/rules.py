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
        return named(self.kind, self.name)


def named(kind: str, name: str) -> str:
    """Return "rack r1", or "the cloud"."""
    return "the cloud" if kind == CLOUD else f"{kind} {name}"


@dataclass(frozen=True, slots=True)
class Start:
    """A recovery that was let go."""

    incident: str
    host: str
    at: float
    """Seconds since the epoch."""
    fences: bool
    """Whether it may fence the host itself: a policy wants that, and no evidence had come."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a domain stands, and why."""

    level: Level
    reason: str = ""
    lost: int = 0
    """How many of its hosts failed lately, or are out."""


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
    out: frozenset[str] = frozenset()
    """Those of `failed` that have not come back and that nobody has taken over, however long ago they failed."""
    starts: Sequence[Start] = ()
    """Recoveries that were let go; where that matters (wants_beginnings) each at the time at which a worker began it,
    now for one that still waits."""
    running: frozenset[str] = frozenset()
    """Ids of incidents of dead hosts that are being recovered."""
    fencings: Sequence[float] = ()
    """When hosts were fenced by medevac, seconds since the epoch; infinite for one that may be at any moment."""


def standing(domain: Domain, scene: Scene, settings: BrakeSettings) -> Standing:
    """Tell whether *domain* stands normally, is slowed (a storm, or the time after one), or is stopped."""
    recent = {host for host in domain.hosts if scene.failed.get(host, -math.inf) > scene.now - float(settings.window)}
    lost = recent | (scene.out & domain.hosts)
    told = _lost(len(lost), len(recent), domain, settings)
    needed = _share(domain, settings.share, settings)
    stopped = (
        _over_its_own(len(lost), told, domain, settings)
        or _gone(domain, scene, settings)
        or _cascade(domain, scene, settings)
    )
    if stopped:
        return Standing(Level.STOPPED, stopped, len(lost))
    slowed = f"{told} (a storm from {needed} on)" if len(lost) >= needed else _calming(domain, needed, scene, settings)
    return Standing(Level.SLOWED if slowed else Level.NORMAL, slowed, len(lost))


def _over_its_own(lost: int, told: str, domain: Domain, settings: BrakeSettings) -> str:
    most = settings.max_failures.get(domain.name) if domain.kind == AGGREGATE else None
    return f"{told}, and no more than {most} may be" if most is not None and lost > most else ""


def _gone(domain: Domain, scene: Scene, settings: BrakeSettings) -> str:
    down = len(domain.hosts & scene.down)
    if down < len(domain.hosts) or down < (MISSING if domain.kind == CLOUD else settings.least):
        return ""
    return f"all {down} hosts of {domain} are down: that is no failure of hosts"


def _share(domain: Domain, percent: int, settings: BrakeSettings) -> int:
    return max(settings.least, math.ceil(len(domain.hosts) * percent / 100))


def _lost(lost: int, recent: int, domain: Domain, settings: BrakeSettings) -> str:
    how = f"within {settings.window}" + (", or earlier and are not back" if lost > recent else "")
    return f"{lost} of the {len(domain.hosts)} hosts of {domain} have failed {how}"


def _cascade(domain: Domain, scene: Scene, settings: BrakeSettings) -> str:
    """Return why recovering more of *domain* makes no sense; empty while it does.

    Hosts that are lost together, in one storm, are slowed.  Those that are lost one after another, no faster than they
    are recovered, cannot be slowed: whatever kills them goes on, and may be what is moved from one to the next.
    """
    since = scene.now - float(settings.stop_window)
    times = sorted(at for host in scene.out & domain.hosts if (at := scene.failed[host]) > since)
    if len(times) < _share(domain, settings.stop_share, settings):
        return ""
    if times[-1] - times[0] < float(settings.slowed) * (len(times) - 1):
        return ""
    return (
        f"{len(times)} of the {len(domain.hosts)} hosts of {domain} were lost one after another since "
        f"{clock(times[0])}, and none of them is back: recovering them does not end it"
    )


def _calming(domain: Domain, needed: int, scene: Scene, settings: BrakeSettings) -> str:
    """Return that the last storm of *domain* ended so short a while ago that it is slowed still; else nothing."""
    times = sorted((at for host, at in scene.failed.items() if host in domain.hosts), reverse=True)
    window = float(settings.window)
    pairs = zip(times, times[needed - 1 :], strict=False)
    ends = max((first + window for last, first in pairs if last - first < window), default=-math.inf)
    calm = ends + float(settings.cooldown)
    return f"{domain} cools down after a storm until {clock(calm)}" if scene.now < calm else ""


def storm(host: str, domains: Iterable[Domain], scene: Scene, settings: BrakeSettings) -> Hold | None:
    """Return what the storm breaker has against recovering *host* now, the strictest of its *domains* first."""
    found = [(standing(domain, scene, settings), domain) for domain in domains if host in domain.hosts]
    for each, _ in found:
        if each.level is Level.STOPPED:
            reason = f"{each.reason}. Nothing is done until it changes, or until you say so: medevac incident release"
            return Hold("breaker", reason, scene.now + PATIENT)
    waits = [
        (due, each)
        for each, domain in found
        if each.level is Level.SLOWED and (due := _due(host, domain, scene, float(settings.slowed))) > scene.now
    ]
    if waits:
        due, each = max(waits, key=lambda pair: pair[0])
        return Hold("breaker", f"{each.reason}: recoveries begin one every {settings.slowed}", due)
    return None


def wants_beginnings(host: str, domains: Iterable[Domain], scene: Scene, settings: BrakeSettings) -> bool:
    """Tell whether it matters when workers began what was let go: in a storm, or where many were."""
    around = (domain for domain in domains if host in domain.hosts)
    slowed = any(standing(domain, scene, settings).level is Level.SLOWED for domain in around)
    return slowed or len(scene.starts) >= settings.per_minute


def _due(host: str, domain: Domain, scene: Scene, pause: float) -> float:
    """Return when the recovery of *host* may begin in a *domain* that is slowed.

    A pause after the one before it.  The first of a storm goes at once; what fails when others had failed long before
    it waits a pause as well, so that a cascade is not too slow to be held up, and somebody who was told of it may act.
    """
    last = max((start.at for start in scene.starts if start.host in domain.hosts), default=-math.inf)
    failed = scene.failed.get(host, -math.inf)
    follows = any(at + pause < failed for other, at in scene.failed.items() if other in domain.hosts and other != host)
    return max(last, failed if follows else -math.inf) + pause


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
    about = "recoveries have begun within one minute, or are about to (brakes: per_minute)"
    hold = _rate(lately, settings.per_minute, MINUTE, scene.now, about)
    if hold is None and fences:
        window = float(settings.fencing_window)
        about = f"hosts were fenced within {settings.fencing_window}, or are about to be (brakes: fencings)"
        hold = _rate(scene.fencings, settings.fencings, window, scene.now, about)
    return hold


def _rate(times: Iterable[float], most: int, window: float, now: float, about: str) -> Hold | None:
    recent = sorted(at for at in times if at > now - window)
    if len(recent) < most:
        return None
    due = recent[-most] + window if math.isfinite(recent[-1]) else now + SOON
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
    return _uncontrolled(control)


def blindness_at_all(services: Sequence[HostService], control: Mapping[str, bool]) -> str:
    """Return why we cannot see, whatever host may have failed; empty when there is no sign of that."""
    watched = [each for each in services if each.state == "up" or _in_service(each)]
    if len(watched) >= MISSING and not any(each.state == "up" for each in watched):
        return f"Nova hears none of the {len(watched)} compute services in service"
    return _uncontrolled(control)


def _uncontrolled(control: Mapping[str, bool]) -> str:
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
