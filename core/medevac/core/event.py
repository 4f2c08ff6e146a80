"""Event: what was seen, by whom and when, about which subject."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass, field


class EventKind(enum.StrEnum):
    """What a trigger can have seen; see the tables of what is an event in docs/triggers.md."""

    HOST_DOWN = "host.down"
    """Somebody says that the host is dead, without proof that it is off."""
    HOST_FENCED = "host.fenced"
    """The host was fenced, on the word of the fence device or of a human (facts: by, client, action, ref)."""
    HOST_FENCING_FAILED = "host.fencing-failed"
    """Pacemaker wanted the host fenced and could not: its servers may be running."""
    HOST_LOST = "host.lost"
    """The cluster lost its connection to the host; a planned stop looks the same."""
    HOST_MEMBER = "host.member"
    """The cluster reaches the host (again)."""
    HOST_NETWORK_DOWN = "host.network.down"
    """One network of a host that lives is gone (facts: role management, storage or tenant; interface)."""
    HOST_NETWORK_UP = "host.network.up"
    """That network of the host is back (facts as above)."""
    HOST_DEGRADED = "host.degraded"
    """Monitoring says that the host will not last, or does badly (facts: what, detail)."""
    NOVA_COMPUTE_DOWN = "nova-compute.down"
    """The host's nova-compute is away or does nothing; its servers run on."""
    NOVA_COMPUTE_UP = "nova-compute.up"
    """The host's nova-compute runs again."""
    SERVER_CRASHED = "server.crashed"
    """The server's qemu died, its kernel panicked, or its watchdog switched it off: it does not run."""
    SERVER_HUNG = "server.hung"
    """Nobody feeds the server's watchdog, or its qemu answers nobody; it exists, and does not work."""
    SERVER_IO_ERROR = "server.io-error"
    """Requests of the server's disk fail (facts: paused, reason, device)."""
    SERVER_RESTARTED = "server.restarted"
    """The server failed, and its hypervisor restarted it in place at once: to be counted."""
    SERVER_STOPPED = "server.stopped"
    """The server is off, and only Nova can tell whether somebody wanted that: libvirt was not asked, or forgot."""
    LIBVIRT_DOWN = "libvirt.down"
    """The host's libvirt is away or answers nobody; its servers run on."""
    LIBVIRT_UP = "libvirt.up"
    """The host's libvirt answers again."""
    WORKLOAD_FAILED = "workload.failed"
    """What the server is there for does not work, though the server runs (facts: probe, detail)."""
    WORKLOAD_OK = "workload.ok"
    """What the server is there for works again."""
    CONTROL_PLANE_DOWN = "control-plane.down"
    """A service that serves the whole cloud is away (facts: service)."""
    CONTROL_PLANE_UP = "control-plane.up"
    """That service of the cloud is back (facts: service)."""
    TEST = "test"
    """Somebody tries whether events arrive; nothing has happened."""
    UNCLASSIFIED = "unclassified"
    """It could be an event, but its parts could not be understood; kept for a human."""


class SubjectKind(enum.StrEnum):
    """What can fail."""

    HOST = "host"
    SERVICE = "service"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event or incident is about: a host by its nova host name, a server by its uuid."""

    kind: SubjectKind
    name: str

    def __str__(self) -> str:
        """Return "host compute-3"."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """One observation.  Its id is unique and sorts by time, so that posting it twice is seen."""

    id: str
    kind: EventKind
    subject: Subject
    source: str
    """The component that saw it: pacemaker, libvirt, probe, operator."""
    reporter: str
    """The machine on which it was seen."""
    seen_at: float
    """Seconds since the epoch, on the reporter's clock, at which it happened."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """The evidence: parsed fields and raw values, never secrets."""


def new_event_id(now: float) -> str:
    """Return an id that sorts by *now* (seconds since the epoch) and is unique by 32 random bits."""
    return f"{int(now * 1_000_000):016x}-{os.urandom(4).hex()}"
