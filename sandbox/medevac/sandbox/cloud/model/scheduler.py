"""The scheduler: where an evacuated server may go (nova/scheduler/filters, as far as recovery meets them)."""

from __future__ import annotations

from medevac.sandbox.cloud.model.control import SCHEDULER
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import LIVE
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.services import is_up
from medevac.sandbox.cloud.model.world import World


def choose(world: World, server: Server, requested: str | None) -> Host | None:
    """Return the host with the most free memory on which *server* may run; None: no valid host, or no scheduler."""
    if not world.control[SCHEDULER]:
        return None
    candidates = [host for host in world.hosts.values() if requested in (None, host.name)]
    fitting = [host for host in candidates if _passes(world, server, host)]
    return max(fitting, key=lambda host: host.ram_mb - host.used_ram_mb, default=None)


def late_check(world: World, server: Server, host: Host) -> str | None:
    """Return why the server's group forbids *host*, as the destination finds out just before the rebuild.

    Source: compute/manager.py, _validate_instance_group_policy: servers that are on their way to the host count.
    """
    if server.group_id is None:
        return None
    group = world.groups[server.group_id]
    others = group.members - {server.id}
    if group.policy == "anti-affinity" and others & (_ids_on(world, host.name) | _ids_bound_for(world, host.name)):
        return "Anti-affinity instance group policy was violated"
    if group.policy == "affinity" and (homes := _homes(world, others)) and host.name not in homes:
        return "Affinity instance group policy was violated"
    return None


def _passes(world: World, server: Server, host: Host) -> bool:
    source = world.hosts.get(server.host or "")
    return (
        host is not source
        and not host.disabled
        and is_up(world, host)
        and (source is None or host.cell == source.cell)
        and (server.pinned_zone is None or world.zone_of(host.name) == server.pinned_zone)
        and host.fits(server.flavor)
        and _group_allows(world, server, host)
    )


def _group_allows(world: World, server: Server, host: Host) -> bool:
    if server.group_id is None:
        return True
    group = world.groups[server.group_id]
    homes = _homes(world, group.members - {server.id})
    if group.policy == "anti-affinity":
        return host.name not in homes
    if group.policy == "affinity":
        return not homes or host.name in homes
    return True


def _homes(world: World, server_ids: set[str]) -> set[str]:
    members = (world.servers[server_id] for server_id in server_ids)
    return {member.host for member in members if member.host is not None and not member.deleted}


def _ids_on(world: World, host: str) -> set[str]:
    return {server.id for server in world.servers_on(host)}


def _ids_bound_for(world: World, host: str) -> set[str]:
    return {m.server_id for m in world.migrations.values() if m.destination == host and m.status in LIVE}
