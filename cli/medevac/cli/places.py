"""Places: whether a scope that somebody types covers any host, asked of the cloud where a command can reach it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path

from medevac.cli import output, silence
from medevac.core.errors import MedevacError
from medevac.workers.brakes import domains
from medevac.workers.brakes.marks import CLOUD, Place
from medevac.workers.openstack import nova
from medevac.workers.site import read_site
from medevac.workers.site_brakes import BrakeSettings

HOST = "host:"
"""How the scope of one host begins."""


class NoSuchPlaceError(MedevacError):
    """No host is there."""


def check(scope: str, site_file: Path | None) -> None:
    """Raise NoSuchPlaceError when *scope* covers no host; say so where it cannot be told, which stops nobody."""
    silence.keep()
    try:
        known = _places(site_file)
    except MedevacError as error:
        said = str(error).partition("\n")[0]
        output.remark(f"Whether there is any host in {scope} was not checked: {said}")
        return
    if not any(place.within(scope) for place in known):
        raise NoSuchPlaceError(_unknown(scope, known))


def _places(site_file: Path | None) -> Sequence[Place]:
    site = read_site(site_file) if site_file else None
    settings = site.brakes if site else BrakeSettings()
    cloud = nova.connect((site.cloud or None) if site else None)
    aggregates = cloud.aggregates()
    return [domains.place_of(service, aggregates, settings) for service in cloud.compute_services()]


def _unknown(scope: str, known: Sequence[Place]) -> str:
    names = {name for place in known for name in (place.host, place.zone, place.rack, *place.aggregates) if name}
    near = _near(scope.rpartition(":")[2], {CLOUD, *names})
    hint = f"Did you mean {' or '.join(near)}?" if near else "`openstack compute service list` has hosts and zones."
    if scope.startswith(HOST):
        return f"Nova knows no compute host {scope.removeprefix(HOST)!r}. {hint}"
    return f"{scope} covers no host: it is no zone, aggregate, rack or host of this cloud. {hint}"


def _near(wanted: str, names: Collection[str]) -> Sequence[str]:
    """Return the *names* that may be meant: the same in another case, or without its domain, else what looks alike."""
    same = [name for name in sorted(names) if _bare(name) == _bare(wanted)]
    return same or difflib.get_close_matches(wanted, sorted(names))


def _bare(name: str) -> str:
    return name.casefold().partition(".")[0]
