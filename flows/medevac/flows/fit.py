"""Fit: whether servers have room on other hosts, by amounts alone.  Pure.

It is an upper bound: affinity, traits, NUMA, pinned zones, cells and quotas may refuse what the amounts allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SHARED = frozenset({"DISK_GB"})
"""What a host need not have itself: a provider of shared storage may give it."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """How much of one resource class a host has, as Placement keeps it."""

    total: int
    reserved: int = 0
    ratio: float = 1.0
    """Placement's allocation_ratio."""
    largest: int = 0
    """Placement's max_unit: the most that one server may have; 0: no bound."""
    used: int = 0

    @property
    def free(self) -> int:
        """Return what may still be given away; less than nothing where more was given than there is."""
        return int((self.total - self.reserved) * self.ratio) - self.used


@dataclass(frozen=True, slots=True)
class Room:
    """A host that takes servers, and what it has by resource class (VCPU, MEMORY_MB, DISK_GB ...)."""

    host: str
    zone: str
    inventories: Mapping[str, Inventory]


@dataclass(frozen=True, slots=True)
class Demand:
    """A server, and the amounts that it needs by resource class."""

    server: str
    """Its id."""
    name: str
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fit:
    """Where the servers would find room."""

    placed: Mapping[str, str]
    """Server id to a host with room for it; Nova's scheduler may choose otherwise."""
    homeless: tuple[Demand, ...]
    """Those for which no host has room."""
    before: Mapping[str, int]
    """Resource class to what all hosts have free now."""
    needed: Mapping[str, int]
    """Resource class to what all servers need."""

    @property
    def fits(self) -> bool:
        """Tell whether every server finds room."""
        return not self.homeless


@dataclass(slots=True)
class _Host:
    name: str
    free: dict[str, int]
    largest: dict[str, int] = field(default_factory=dict)

    def takes(self, amounts: Mapping[str, int]) -> bool:
        return all(self._has(resource, amount) for resource, amount in amounts.items())

    def _has(self, resource: str, amount: int) -> bool:
        if resource not in self.free:
            return resource in SHARED or not amount
        bound = self.largest[resource]
        return amount <= self.free[resource] and (not bound or amount <= bound)

    def give(self, amounts: Mapping[str, int]) -> None:
        for resource in amounts.keys() & self.free.keys():
            self.free[resource] -= amounts[resource]


def fit(demands: Sequence[Demand], rooms: Iterable[Room]) -> Fit:
    """Return where *demands* find room in *rooms*: the largest first, each on the first host that has room."""
    hosts = [
        _Host(
            room.host,
            {resource: inventory.free for resource, inventory in room.inventories.items()},
            {resource: inventory.largest for resource, inventory in room.inventories.items()},
        )
        for room in rooms
    ]
    before = _sum(host.free for host in hosts)
    placed, homeless = {}, []
    for demand in sorted(demands, key=lambda each: _share(each.amounts, before), reverse=True):
        host = next((host for host in hosts if host.takes(demand.amounts)), None)
        if host is None:
            homeless.append(demand)
        else:
            host.give(demand.amounts)
            placed[demand.server] = host.name
    return Fit(placed, tuple(homeless), before, _sum(demand.amounts for demand in demands))


def _share(amounts: Mapping[str, int], before: Mapping[str, int]) -> float:
    """Return the largest part that *amounts* take of any one resource: what is scarce counts most."""
    return max((amount / max(before.get(resource, 0), 1) for resource, amount in amounts.items()), default=0.0)


def _sum(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for resource, amount in part.items():
            total[resource] = total.get(resource, 0) + max(amount, 0)
    return total
