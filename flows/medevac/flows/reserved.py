"""Reserved hosts: kept out of service for the day that another dies, and which of them stand in for it.  Pure.

A reserved host is known by the reason for which it is disabled: one that is disabled for another reason is somebody's
matter, one that is enabled is in use, and neither is touched.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.policy.matching import matches
from medevac.flows.policy.words import said
from medevac.flows.ports import HostService


class Within(enum.StrEnum):
    """How near a reserved host has to be to the one that it stands in for."""

    AGGREGATES = "aggregates"
    """In its zone, and in every aggregate that it is in: the scheduler sends there whatever it sent to that host."""
    ZONE = "zone"
    """In its zone; of several, one that is in as many of its aggregates as possible."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """The reserved hosts of a site; without hosts and aggregates there are none."""

    hosts: tuple[str, ...] = field(default=(), metadata=said("Reserved hosts by name; `*` is a wildcard."))
    aggregates: tuple[str, ...] = field(
        default=(), metadata=said("Aggregates whose hosts are reserved; they do not count as near or far.")
    )
    reason: str = field(
        default="reserved",
        metadata=said("The disabled_reason by which a reserved host is known, and with which it is returned."),
    )
    most: int = field(default=1, metadata=said("How many stand in for one host that died.", least=1, most=100))
    within: Within = field(
        default=Within.AGGREGATES,
        metadata=said("How near: in the same `aggregates` and zone, or only in the same `zone`."),
    )

    @property
    def kept(self) -> bool:
        """Tell whether the site reserves any host."""
        return bool(self.hosts or self.aggregates)

    def taken(self, incident: str) -> str:
        """Return the disabled_reason of a reserved host that *incident* has chosen and not yet enabled."""
        return f"{self.reason} (taken by medevac {incident})"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which reserved hosts stand in, and the sentence that says why."""

    hosts: tuple[str, ...]
    reason: str


def choose(
    reserved: Reserved, failed: HostService, services: Sequence[HostService], aggregates: Mapping[str, Sequence[str]]
) -> Choice:
    """Return which reserved hosts stand in for the host of *failed*; *aggregates* has the hosts of each by its name."""
    free = [service for service in services if _is_free(reserved, service, failed, aggregates)]
    if not free:
        return Choice((), f"no reserved host is free: none that is disabled as '{reserved.reason}' and up")
    here = [service for service in free if service.zone == failed.zone]
    if not here:
        return Choice((), f"no reserved host is free in zone {failed.zone}: {_names(free)} elsewhere")
    wanted = _of(failed.host, reserved, aggregates)
    lacking = {service.host: wanted - _of(service.host, reserved, aggregates) for service in here}
    near = sorted(here, key=lambda service: (len(lacking[service.host]), service.host))
    if reserved.within is Within.AGGREGATES:
        near = [service for service in near if not lacking[service.host]]
    if not near:
        missing = ", ".join(sorted(lacking[here[0].host]))
        return Choice((), f"no reserved host is in the aggregates of {failed.host}: {here[0].host} lacks {missing}")
    chosen = tuple(service.host for service in near[: reserved.most])
    return Choice(chosen, f"{', '.join(chosen)} stands in for {failed.host}, {len(free) - len(chosen)} stay reserved")


def _is_free(
    reserved: Reserved, service: HostService, failed: HostService, aggregates: Mapping[str, Sequence[str]]
) -> bool:
    named = any(matches(glob, service.host) for glob in reserved.hosts)
    member = any(service.host in aggregates.get(name, ()) for name in reserved.aggregates)
    waits = not service.enabled and not service.forced_down and service.disabled_reason == reserved.reason
    return (named or member) and waits and service.state == "up" and service.host != failed.host


def _of(host: str, reserved: Reserved, aggregates: Mapping[str, Sequence[str]]) -> set[str]:
    return {name for name, hosts in aggregates.items() if host in hosts} - set(reserved.aggregates)


def _names(services: Sequence[HostService]) -> str:
    return ", ".join(sorted(service.host for service in services))
