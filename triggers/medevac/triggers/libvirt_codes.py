"""The numbers of libvirt's events, details, states and reasons that we tell apart.

Source: libvirt's include/libvirt/libvirt-domain.h, where they are a stable interface.  Kept here, so that judging
what was seen needs no libvirt.
"""

from __future__ import annotations

import enum


class EventId(enum.IntEnum):
    """Kinds of events of a domain (virDomainEventID), those that we register for."""

    LIFECYCLE = 0
    REBOOT = 1
    WATCHDOG = 3
    IO_ERROR_REASON = 6
    CONTROL_ERROR = 7
    AGENT_LIFECYCLE = 18
    MEMORY_FAILURE = 25


class Lifecycle(enum.IntEnum):
    """First code of a lifecycle event (virDomainEventType)."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    SUSPENDED = 3
    RESUMED = 4
    STOPPED = 5
    SHUTDOWN = 6
    PMSUSPENDED = 7
    CRASHED = 8


class Started(enum.IntEnum):
    """Second code of STARTED."""

    BOOTED = 0
    MIGRATED = 1


class Suspended(enum.IntEnum):
    """Second code of SUSPENDED."""

    PAUSED = 0
    MIGRATED = 1
    IOERROR = 2
    WATCHDOG = 3
    API_ERROR = 6


class Stopped(enum.IntEnum):
    """Second code of STOPPED."""

    SHUTDOWN = 0
    DESTROYED = 1
    CRASHED = 2
    MIGRATED = 3
    SAVED = 4
    FAILED = 5
    FROM_SNAPSHOT = 6


class Shutdown(enum.IntEnum):
    """Second code of SHUTDOWN: who asked qemu to end."""

    FINISHED = 0
    GUEST = 1
    HOST = 2


class Crashed(enum.IntEnum):
    """Second code of CRASHED."""

    PANICKED = 0
    CRASHLOADED = 1


class Watchdog(enum.IntEnum):
    """What qemu does when nobody feeds the guest's watchdog (virDomainEventWatchdogAction)."""

    NONE = 0
    PAUSE = 1
    RESET = 2
    POWEROFF = 3
    SHUTDOWN = 4
    DEBUG = 5
    INJECTNMI = 6


class IoError(enum.IntEnum):
    """What qemu does about a failed request of a disk (virDomainEventIOErrorAction)."""

    NONE = 0
    PAUSE = 1
    REPORT = 2


class State(enum.IntEnum):
    """virDomainState."""

    NOSTATE = 0
    RUNNING = 1
    BLOCKED = 2
    PAUSED = 3
    SHUTDOWN = 4
    SHUTOFF = 5
    CRASHED = 6
    PMSUSPENDED = 7


class Shutoff(enum.IntEnum):
    """Reason of SHUTOFF (virDomainShutoffReason)."""

    UNKNOWN = 0
    SHUTDOWN = 1
    DESTROYED = 2
    CRASHED = 3
    MIGRATED = 4
    SAVED = 5
    FAILED = 6
    FROM_SNAPSHOT = 7
    DAEMON = 8


class Paused(enum.IntEnum):
    """Reason of PAUSED (virDomainPausedReason), those that we tell apart."""

    MIGRATION = 2
    IOERROR = 5
    WATCHDOG = 6


_DETAILS: dict[int, type[enum.IntEnum]] = {
    Lifecycle.STARTED: Started,
    Lifecycle.SUSPENDED: Suspended,
    Lifecycle.STOPPED: Stopped,
    Lifecycle.SHUTDOWN: Shutdown,
    Lifecycle.CRASHED: Crashed,
}
_FIRST: dict[int, type[enum.IntEnum]] = {
    EventId.LIFECYCLE: Lifecycle,
    EventId.WATCHDOG: Watchdog,
    EventId.IO_ERROR_REASON: IoError,
}


def spelled(event: int, codes: tuple[int, ...]) -> str:
    """Return "STOPPED/FAILED" or "WATCHDOG/RESET"; numbers stay for codes that we have no name for."""
    words = [_word(_FIRST.get(event), codes[0])] if codes else []
    if event == EventId.LIFECYCLE:
        words += [_word(_DETAILS.get(codes[0]), code) for code in codes[1:2]]
    else:
        words.insert(0, _word(EventId, event))
    return "/".join(words)


def state_spelled(state: int, reason: int) -> str:
    """Return "SHUTOFF/CRASHED"; numbers stay for codes that we have no name for."""
    reasons: dict[int, type[enum.IntEnum]] = {State.SHUTOFF: Shutoff, State.PAUSED: Paused}
    return f"{_word(State, state)}/{_word(reasons.get(state), reason)}"


def _word(names: type[enum.IntEnum] | None, code: int) -> str:
    try:
        return names(code).name if names else str(code)
    except ValueError:
        return str(code)
