"""What libvirt says about a server, to what happened to it (docs/libvirt.md: what is an event and what is not).

Pure: no clock, no files, no libvirt.  Each server has a Life, and every judgement returns the Life that follows from
what was seen.  The streams of events were measured on libvirt 9.0.0 and qemu 7.2 (tests/data/libvirt-events).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from medevac.core.event import EventKind
from medevac.triggers.libvirt_codes import (
    Crashed,
    EventId,
    IoError,
    Lifecycle,
    Paused,
    Shutdown,
    Shutoff,
    Started,
    State,
    Stopped,
    Suspended,
    Watchdog,
    spelled,
    state_spelled,
)
from medevac.triggers.pacemaker import NotAnEvent

PANIC_GRACE = 5.0
"""Seconds in which libvirt stops or restarts a server whose kernel panicked (0.02 to 2.9 measured)."""
WATCHDOG_GRACE = 10.0
"""Seconds in which qemu ends a poweroff (1.4 measured) or a dump (1.8 measured, for 160 MiB)."""
SHUTDOWN_GRACE = 60.0
"""Seconds that a guest gets to obey its watchdog's request to shut down; one that hangs never does."""
DISK_GRACE = 2.0
"""Seconds in which the pause follows that an I/O error announces (some milliseconds measured)."""
DISK_QUIET = 60.0
"""Seconds without a failed request after which a further one is told again."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One event of libvirt, as it came."""

    server: str
    at: float
    """Seconds since the epoch at which it was received: libvirt's events carry no time."""
    event: int
    codes: tuple[int, ...] = ()
    domain: int = -1
    """libvirt's number of this run of the domain; -1 when it does not run."""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server was found after connecting, when events may have been missed."""

    server: str
    at: float
    """Seconds since the epoch, before it was asked for."""
    state: int
    reason: int
    domain: int = -1


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What it will be unless something better is seen until it is due."""

    kind: EventKind
    cause: str
    due: float
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of one server on this host."""

    server: str
    boot: str = ""
    """Which start of the server this is; a failure is known by server and boot."""
    domain: int = -1
    running: bool = False
    told: str = ""
    """The kind of failure of this boot that has been told, so that it is told once."""
    restarts: int = 0
    """How often it failed and was restarted in place during this boot."""
    incoming: bool = False
    """A live migration brings it here: until it runs, nothing that dies here is the server."""
    signalled: bool = False
    """Its qemu was asked to end by something else than its guest."""
    disk_told: str = ""
    disk_at: float = 0.0
    suspicion: Suspicion | None = None
    seen_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What happened."""

    kind: EventKind
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Undecided:
    """It can be told at *due* (seconds since the epoch), by `ripen`."""

    due: float


Judgement = tuple[Life, Finding | NotAnEvent | Undecided]


def judge(life: Life, sighting: Sighting) -> Judgement:
    """Return what *sighting* means for a server that has lived as *life* says; never raises."""
    # What fails before it was ever seen gets a name all the same, so that it is told once.
    life = replace(life, seen_at=sighting.at, boot=life.boot or _boot(sighting.at))
    if sighting.event == EventId.LIFECYCLE and sighting.codes:
        return _LIFECYCLE.get(sighting.codes[0], _nothing)(life, sighting)
    if sighting.event == EventId.WATCHDOG and sighting.codes:
        return _watchdog(life, sighting)
    if sighting.event == EventId.IO_ERROR_REASON and sighting.codes:
        return _io_error(life, sighting)
    if sighting.event == EventId.REBOOT:
        return _rebooted(life, sighting)
    return _nothing(life, sighting)


def ripen(life: Life, now: float) -> Judgement:
    """Return what has become of a suspicion at *now*."""
    suspicion = life.suspicion
    if suspicion is None:
        return life, NotAnEvent("nothing is suspected")
    if now < suspicion.due:
        return life, Undecided(suspicion.due)
    return _tell(life, suspicion.kind, suspicion.cause, suspicion.facts)


def _detail(sighting: Sighting) -> int:
    return sighting.codes[1] if len(sighting.codes) > 1 else -1


def _event_facts(sighting: Sighting) -> dict[str, str]:
    return {**sighting.details, "event": spelled(sighting.event, sighting.codes)}


def _nothing(life: Life, sighting: Sighting) -> Judgement:
    return life, NotAnEvent(f"{spelled(sighting.event, sighting.codes)} tells of no failure")


def _tell(life: Life, kind: EventKind, cause: str, facts: Mapping[str, str]) -> Judgement:
    """Tell a failure of this boot, once."""
    if life.told in {kind.value, EventKind.SERVER_CRASHED.value}:
        return replace(life, suspicion=None), NotAnEvent(f"this {life.told} was told already")
    facts = {**facts, "cause": cause, "boot": life.boot, "restarts": str(life.restarts)}
    if kind is EventKind.SERVER_IO_ERROR:
        return replace(life, suspicion=None, disk_told=facts.get("paused", "no")), Finding(kind, facts)
    return replace(life, suspicion=None, told=kind.value), Finding(kind, facts)


def _suspect(life: Life, suspicion: Suspicion) -> Judgement:
    return replace(life, suspicion=suspicion), Undecided(suspicion.due)


def _restarted(life: Life, cause: str, facts: Mapping[str, str]) -> Judgement:
    """Count a failure that libvirt or qemu has answered already."""
    count = life.restarts + 1
    facts = {**facts, "cause": cause, "boot": life.boot, "restarts": str(count)}
    return replace(life, suspicion=None, told="", restarts=count), Finding(EventKind.SERVER_RESTARTED, facts)


def _started(life: Life, sighting: Sighting) -> Judgement:
    life = begun(life.server, sighting.at, sighting.domain, incoming=_detail(sighting) == Started.MIGRATED)
    return life, NotAnEvent("it was started")


def begun(server: str, at: float, domain: int, *, incoming: bool = False) -> Life:
    """Return a new life, which begins at *at* and is named after it."""
    return Life(server, _boot(at), domain, running=True, incoming=incoming, seen_at=at)


def _boot(at: float) -> str:
    return f"{int(at * 1_000_000):016x}"


def _suspended(life: Life, sighting: Sighting) -> Judgement:
    detail, facts = _detail(sighting), _event_facts(sighting)
    if detail == Suspended.IOERROR:
        return _paused_by_disk(life, facts)
    if detail == Suspended.WATCHDOG:
        due = sighting.at + WATCHDOG_GRACE
        return _suspect(life, Suspicion(EventKind.SERVER_HUNG, "watchdog", due, {**facts, "paused": "yes"}))
    if detail == Suspended.API_ERROR:
        due = sighting.at + WATCHDOG_GRACE
        return _suspect(life, Suspicion(EventKind.SERVER_HUNG, "libvirt", due, {**facts, "paused": "yes"}))
    return life, NotAnEvent("somebody paused, saved or migrated it")


def _paused_by_disk(life: Life, facts: Mapping[str, str]) -> Judgement:
    if life.disk_told == "yes":
        return life, NotAnEvent("that its disk's errors paused it was told already")
    announced = life.suspicion.facts if life.suspicion and life.suspicion.kind is EventKind.SERVER_IO_ERROR else {}
    return _tell(life, EventKind.SERVER_IO_ERROR, "disk", {**announced, **facts, "paused": "yes"})


def _resumed(life: Life, sighting: Sighting) -> Judgement:
    suspicion = life.suspicion
    after = replace(life, suspicion=None, incoming=False, running=True, told="", disk_told="")
    if suspicion and suspicion.cause == "panic":
        return _restarted(after, "panic", suspicion.facts)
    return after, NotAnEvent(f"{spelled(sighting.event, sighting.codes)}: it runs")


def _rebooted(life: Life, _sighting: Sighting) -> Judgement:
    suspicion = life.suspicion
    if suspicion and suspicion.cause in {"panic", "watchdog"}:
        return _restarted(life, suspicion.cause, suspicion.facts)
    after = life if life.told == EventKind.SERVER_CRASHED else replace(life, told="")
    return after, NotAnEvent("a reboot: its guest's or its owner's, and libvirt says it twice")


def _stopped(life: Life, sighting: Sighting) -> Judgement:
    detail, facts, suspicion = _detail(sighting), _event_facts(sighting), life.suspicion
    ended = replace(life, running=False, domain=-1, suspicion=None, incoming=False)
    if life.incoming:
        return ended, NotAnEvent("a live migration to this host failed: the server is where it was")
    cause = suspicion.cause if suspicion and suspicion.cause in {"panic", "watchdog"} else ""
    facts = {**(suspicion.facts if suspicion else {}), **facts}
    if detail == Stopped.FAILED:
        return _tell(ended, EventKind.SERVER_CRASHED, cause or "qemu", facts)
    if detail == Stopped.CRASHED:
        return _tell(ended, EventKind.SERVER_CRASHED, cause or "panic", facts)
    if detail == Stopped.SHUTDOWN and cause == "watchdog":
        return _tell(ended, EventKind.SERVER_CRASHED, cause, facts)
    if detail == Stopped.SHUTDOWN and life.signalled:
        return _tell(ended, EventKind.SERVER_STOPPED, "signal", facts)
    return ended, NotAnEvent(f"{spelled(sighting.event, sighting.codes)}: its owner or Nova ended or moved it")


def _shutting_down(life: Life, sighting: Sighting) -> Judgement:
    signalled = _detail(sighting) == Shutdown.HOST
    return replace(life, signalled=signalled), NotAnEvent("it is shutting down; why is told when it is off")


def _panicked(life: Life, sighting: Sighting) -> Judgement:
    if _detail(sighting) == Crashed.CRASHLOADED:
        return life, NotAnEvent("its kernel crashed, and its crash kernel dumps and reboots it")
    due = sighting.at + PANIC_GRACE
    return _suspect(life, Suspicion(EventKind.SERVER_CRASHED, "panic", due, _event_facts(sighting)))


def _watchdog(life: Life, sighting: Sighting) -> Judgement:
    facts, action = _event_facts(sighting), sighting.codes[0]
    if action == Watchdog.RESET:
        return _restarted(life, "watchdog", facts)
    grace = SHUTDOWN_GRACE if action == Watchdog.SHUTDOWN else WATCHDOG_GRACE
    return _suspect(life, Suspicion(EventKind.SERVER_HUNG, "watchdog", sighting.at + grace, facts))


def _io_error(life: Life, sighting: Sighting) -> Judgement:
    quiet = sighting.at - life.disk_at
    life = replace(life, disk_at=sighting.at)
    if life.disk_told and quiet < DISK_QUIET:
        return life, NotAnEvent("one more failed request of a disk that was told already")
    facts = _event_facts(sighting)
    if sighting.codes[0] == IoError.PAUSE:
        return _suspect(life, Suspicion(EventKind.SERVER_IO_ERROR, "disk", sighting.at + DISK_GRACE, facts))
    return _tell(life, EventKind.SERVER_IO_ERROR, "disk", {**facts, "paused": "no"})


_LIFECYCLE: Mapping[int, Callable[[Life, Sighting], Judgement]] = {
    Lifecycle.STARTED: _started,
    Lifecycle.SUSPENDED: _suspended,
    Lifecycle.RESUMED: _resumed,
    Lifecycle.STOPPED: _stopped,
    Lifecycle.SHUTDOWN: _shutting_down,
    Lifecycle.CRASHED: _panicked,
}


def compare(life: Life | None, standing: Standing) -> Judgement:
    """Return what must have happened to a server while nobody listened, from how it stands now."""
    if life and life.seen_at >= standing.at:
        return life, NotAnEvent("an event has told more since")
    if standing.state in {State.SHUTDOWN, State.NOSTATE}:
        return life or Life(standing.server), NotAnEvent("it is about to end; an event will say why")
    if standing.state == State.SHUTOFF:
        return _found_off(life or Life(standing.server), standing)
    if life is None or not life.running or life.domain != standing.domain:
        incoming = (standing.state, standing.reason) == (State.PAUSED, Paused.MIGRATION)
        life = begun(standing.server, standing.at, standing.domain, incoming=incoming)
    return _found_on(life, standing)


def _found_off(life: Life, standing: Standing) -> Judgement:
    facts = {"state": state_spelled(standing.state, standing.reason), "missed": "yes"}
    ended = replace(life, running=False, domain=-1, suspicion=None, incoming=False)
    if not life.running:
        return ended, NotAnEvent("it was not seen running here")
    if standing.reason == Shutoff.CRASHED and life.incoming:
        # Whether its journey had ended before it died was missed: Nova knows where it lives.
        return _tell(ended, EventKind.SERVER_STOPPED, "migration", facts)
    if standing.reason == Shutoff.CRASHED:
        return _tell(ended, EventKind.SERVER_CRASHED, "qemu", facts)
    if standing.reason == Shutoff.UNKNOWN:
        return _tell(ended, EventKind.SERVER_STOPPED, "forgotten", facts)
    return ended, NotAnEvent(f"{facts['state']}: its owner or Nova ended or moved it")


def _found_on(life: Life, standing: Standing) -> Judgement:
    facts = {"state": state_spelled(standing.state, standing.reason), "missed": "yes"}
    if standing.state == State.CRASHED:
        return _suspect(life, Suspicion(EventKind.SERVER_CRASHED, "panic", standing.at + PANIC_GRACE, facts))
    if (standing.state, standing.reason) == (State.PAUSED, Paused.WATCHDOG):
        suspicion = Suspicion(EventKind.SERVER_HUNG, "watchdog", standing.at + WATCHDOG_GRACE, facts)
        return _suspect(life, replace(suspicion, facts={**facts, "paused": "yes"}))
    if (standing.state, standing.reason) == (State.PAUSED, Paused.IOERROR):
        return _paused_by_disk(life, facts)
    incoming = life.incoming and standing.state == State.PAUSED
    return replace(_without_what_is_over(life), incoming=incoming), NotAnEvent(f"{facts['state']}: no failure")


def _without_what_is_over(life: Life) -> Life:
    """Drop the suspicion of what would have left the server paused or off: it was found otherwise."""
    suspicion = life.suspicion
    over = suspicion and (suspicion.cause in {"panic", "disk"} or suspicion.facts.get("paused") == "yes")
    return replace(life, suspicion=None) if over else life


def gone(life: Life) -> Judgement:
    """Return what it means that libvirt knows the server no more."""
    ended = replace(life, running=False, domain=-1, suspicion=None, incoming=False)
    return ended, NotAnEvent("it was deleted or moved while nobody listened")
