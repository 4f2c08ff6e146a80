"""Domains: in which failure domains a host is, by the site file and by Nova's aggregates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from medevac.flows.estate import HostService
from medevac.workers.brakes.marks import Place
from medevac.workers.brakes.rules import AGGREGATE, CLOUD, Domain
from medevac.workers.site_brakes import BrakeSettings


def rack_of(host: str, racks: Mapping[str, Sequence[str]]) -> str:
    """Return the first of *racks* one of whose patterns covers *host*; empty when none does."""
    return next((name for name, patterns in racks.items() if _covers(patterns, host)), "")


def place_of(service: HostService, aggregates: Mapping[str, Collection[str]], settings: BrakeSettings) -> Place:
    """Return where the host of *service* is."""
    host = service.host
    within = tuple(name for name, hosts in aggregates.items() if host in hosts)
    return Place(host, service.zone, within, rack_of(host, settings.racks))


def around(place: Place, places: Sequence[Place], settings: BrakeSettings) -> Iterator[Domain]:
    """Yield the failure domains of *place*, the narrowest first; *places* are those of all hosts that count."""
    if place.rack:
        yield Domain("rack", place.rack, frozenset(p.host for p in places if p.rack == place.rack))
    for name in place.aggregates:
        # The aggregate that makes a zone often has its name: it is that zone, unless the site says more about it.
        if name in settings.max_failures or (name != place.zone and _covers(settings.aggregates, name)):
            yield Domain(AGGREGATE, name, frozenset(p.host for p in places if name in p.aggregates))
    if place.zone:
        yield Domain("zone", place.zone, frozenset(p.host for p in places if p.zone == place.zone))
    yield Domain(CLOUD, CLOUD, frozenset(p.host for p in places))


def every(places: Sequence[Place], settings: BrakeSettings) -> list[Domain]:
    """Return all failure domains of a cloud whose hosts that count are at *places*."""
    found = {str(each): each for place in places for each in around(place, places, settings)}
    return [found[name] for name in sorted(found)]


def _covers(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
