"""Room: whether the servers of hosts that fail would fit on those that remain, asked of Placement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medevac.cli import prose
from medevac.cli.ground import Ground
from medevac.core.errors import CloudError
from medevac.flows.fit import Demand, Fit, fit
from medevac.flows.ports import Server
from medevac.flows.preview import Preview

UPPER_BOUND = (
    "This is an upper bound: amounts alone are counted. Affinity, traits, NUMA, devices, cells, quotas and zones to "
    "which servers are bound may refuse what would fit."
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What Placement says."""

    fit: Fit
    hosts: int
    """How many take servers."""
    uncounted: tuple[str, ...]
    """Names of servers of which Placement knows no allocation."""
    excluded: tuple[str, ...]
    """Hosts that take none: down, forced down or disabled."""


def outlook(found: Ground, seen: Sequence[Preview]) -> Outlook | str:
    """Return whether the planned servers of *seen* would fit elsewhere, or why that cannot be told."""
    dying = {each.host for each in seen}
    try:
        providers = found.overview.providers()
        others = [service for service in found.overview.services() if service.host not in dying]
        able = [s for s in others if s.enabled and s.state == "up" and not s.forced_down and s.host in providers]
        rooms = [found.placement.room(service, providers[service.host]) for service in able]
        demands = [demand for each in seen for demand in _demands(found, each, providers.get(each.host, ""))]
    except CloudError as error:
        return f"whether it would fit is not known: {error}"
    counted = {demand.server for demand in demands}
    return Outlook(
        fit=fit(demands, rooms),
        hosts=len(rooms),
        uncounted=tuple(s.name for each in seen for s in _moved(each) if s.id not in counted),
        excluded=tuple(sorted({service.host for service in others} - {room.host for room in rooms})),
    )


def _demands(found: Ground, seen: Preview, provider: str) -> Sequence[Demand]:
    return found.placement.demands(seen.host, provider, _moved(seen)) if provider else ()


def _moved(seen: Preview) -> list[Server]:
    moving = {policy.name for policy in seen.order if policy.when[seen.failure].relocates}
    moved = {server.id for server in seen.plan.servers if server.goes_with in moving}
    return [server for server in seen.servers if server.id in moved]


def plain(room: Outlook | str) -> dict[str, object]:
    """Return *room* as JSON."""
    if isinstance(room, str):
        return {"known": False, "reason": room}
    return {
        "known": True,
        "upper_bound": True,
        "fits": room.fit.fits,
        "needed": dict(room.fit.needed),
        "free": dict(room.fit.before),
        "hosts": room.hosts,
        "excluded_hosts": list(room.excluded),
        "placed": dict(room.fit.placed),
        "homeless": [{"id": d.server, "name": d.name, "needs": dict(d.amounts)} for d in room.fit.homeless],
        "uncounted": list(room.uncounted),
    }


def text(room: Outlook | str) -> str:
    """Return *room* for people."""
    if isinstance(room, str):
        return prose.folded(room, 2, 0)
    found = room.fit
    total = len(found.placed) + len(found.homeless)
    hosts = f"{prose.count(room.hosts, 'host')} that {'takes' if room.hosts == 1 else 'take'} servers"
    lines = [prose.folded(f"needed: {_amounts(found.needed)}", 2), prose.folded(f"free on {hosts}: {_free(found)}", 2)]
    if room.excluded:
        lines.append(prose.folded(f"not counted, down or disabled: {', '.join(room.excluded)}", 2))
    lines.append(
        f"  {prose.count(len(found.placed), 'server')} of {total} would fit" if total else "  nothing to place"
    )
    lines += [prose.folded(f"no host has room ({size} each): {names}", 4) for size, names in _homeless(found).items()]
    if room.uncounted:
        lines.append(prose.folded(f"Placement knows no allocation of: {', '.join(room.uncounted)}", 2))
    return "\n".join([*lines, prose.folded(UPPER_BOUND, 2, 0)])


def _homeless(found: Fit) -> dict[str, str]:
    """Return what servers need to the names of those that find no room."""
    grouped: dict[str, list[str]] = {}
    for demand in found.homeless:
        grouped.setdefault(_amounts(demand.amounts), []).append(demand.name)
    return {size: ", ".join(names) for size, names in grouped.items()}


def _free(found: Fit) -> str:
    return _amounts({name: found.before.get(name, 0) for name in (found.needed or found.before)})


def _amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amounts[name]} {name}" for name in sorted(amounts, reverse=True)) or "nothing"
