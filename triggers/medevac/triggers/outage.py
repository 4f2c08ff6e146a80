"""A service that the cluster's status showed failed on a host, as one node remembers it."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.core.event import EventKind


@dataclass(frozen=True, slots=True)
class Outage:
    """It lasts until the service runs there again and no failure of it is listed."""

    kind: EventKind
    """What its alert says: nova-compute.down, libvirt.down or control-plane.down."""
    service: str
    """As in the fact of that name."""
    host: str
    """The name of the Pacemaker node."""
    at: float
    """When it failed: seconds since the epoch."""
