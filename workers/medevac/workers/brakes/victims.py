"""Victims: which hosts were lost, when, and which of them are still out.

A host that failed and has not come back counts on, so that a cascade is seen however slow it is.  It no longer counts
when people have taken it over: disabled it with a reason of their own, announced its maintenance, deleted its service.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from medevac.core.incident import Incident, IncidentState
from medevac.flows.estate import HostService
from medevac.workers.brakes.announced import NOTHING_LOST, OURS, back
from medevac.workers.brakes.facts import Facts
from medevac.workers.brakes.history import Past, risks_a_host
from medevac.workers.brakes.marks import Maintenance
from medevac.workers.brakes.rules import Scene
from medevac.workers.site_brakes import BrakeSettings

NOVAS_OWN = "AUTO: "
"""How a disabled_reason begins that nova-compute wrote by itself (virt/libvirt/driver.py: DISABLE_PREFIX)."""
_FORGOTTEN = (IncidentState.IGNORED, IncidentState.SUPERSEDED)
"""How incidents end of whose host nothing can be said any more."""


def scene(past: Past, facts: Facts, settings: BrakeSettings, maintenances: Iterable[Maintenance], now: float) -> Scene:
    """Return who has failed and who is out at *now*, without what was let go."""
    # Far enough back to know of a storm that ended a cool-down ago.
    since = now - 2 * float(settings.window) - float(settings.cooldown)
    out = _out(past, facts, {mark.host for mark in maintenances})
    failed = _latest([*facts.failed(since).items(), *_recent(past, since), *out.items()])
    return Scene(now, failed, facts.down | facts.not_back(past.dead, failed), frozenset(out))


def _out(past: Past, facts: Facts, in_maintenance: Collection[str]) -> Mapping[str, float]:
    """Return the hosts that have not come back since they failed, and that nobody has taken over."""
    services = {service.host: service for service in facts.services if service.host not in in_maintenance}
    return {host: at for host, at in _newest(past).items() if host in services and _is_out(services[host], at)}


def _newest(past: Past) -> Mapping[str, float]:
    """Return the hosts whose newest failure is not over by itself, with its time; an event that waits tells of one."""
    newest: dict[str, Incident] = {}
    for incident in past.incidents:
        host = incident.subject.name
        if risks_a_host(incident) and (host not in newest or incident.opened_at >= newest[host].opened_at):
            newest[host] = incident
    lasting = {host: each.opened_at for host, each in newest.items() if each.state not in _FORGOTTEN}
    return _latest([*lasting.items(), *((sign.host, sign.at) for sign in past.signs)])


def _is_out(service: HostService, failed_at: float) -> bool:
    taken_over = not service.enabled and not service.disabled_reason.startswith((OURS, NOVAS_OWN))
    return not taken_over and not back(service.host, service, failed_at)


def _recent(past: Past, since: float) -> Iterator[tuple[str, float]]:
    """Yield a host and a time for every failure of a host after *since* that was not announced."""
    for incident in past.incidents:
        planned = incident.state is IncidentState.IGNORED and incident.reason.endswith(NOTHING_LOST)
        if risks_a_host(incident) and incident.opened_at > since and not planned:
            yield incident.subject.name, incident.opened_at
    yield from ((sign.host, sign.at) for sign in past.signs if sign.at > since)


def _latest(failures: list[tuple[str, float]]) -> Mapping[str, float]:
    failed: dict[str, float] = {}
    for host, at in failures:
        failed[host] = max(at, failed.get(host, 0.0))
    return failed
