"""The nova-compute services: who is up, and what an administrator may set (api/openstack/compute/services.py)."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.sandbox.cloud.model.errors import bad_request, not_found
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import EVACUATION
from medevac.sandbox.cloud.model.world import World


@dataclass(frozen=True, slots=True)
class ServiceUpdate:
    """The body of PUT /os-services/{uuid}; None: not given."""

    status: str | None = None
    disabled_reason: str | None = None
    forced_down: bool | None = None


def is_up(world: World, host: Host) -> bool:
    """Tell whether Nova takes the service for up."""
    if host.forced_down:
        return False
    seen = host.seen_at(world.now, world.settings.report_interval)
    return world.now - seen <= world.settings.service_down_time


def updated_at(world: World, host: Host) -> float:
    """Return when the service's row last changed, by a heartbeat or otherwise."""
    return max(host.changed_at, host.seen_at(world.now, world.settings.report_interval))


def host_status(world: World, name: str | None) -> str:
    """Return what microversion 2.16 shows with a server (compute/api.py: get_instance_host_status)."""
    host = world.hosts.get(name or "")
    if host is None:
        return ""
    if host.forced_down:
        return "DOWN"
    if host.disabled:
        return "MAINTENANCE"
    return "UP" if is_up(world, host) else "UNKNOWN"


def by_service_id(world: World, service_id: str) -> Host:
    """Return the host whose service has this uuid; raise Nova's 404 (also when its cell is down)."""
    for host in world.hosts.values():
        if host.service_id == service_id and host.cell not in world.down_cells:
            return host
    raise not_found(f"Service {service_id} could not be found.")


def update(world: World, host: Host, change: ServiceUpdate) -> float:
    """Change the service, all of it or nothing, and return for how many seconds the call hangs.

    Disabling a dead service that still counts as up waits for it in vain, each time.  Raises Nova's 400s.
    """
    if change.status == "enabled" and change.disabled_reason:
        raise bad_request("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    if change.status is None and change.forced_down is None:
        raise bad_request("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if change.forced_down is False:
        _check_for_evacuations(world, host)
    if change.status is not None:
        host.disabled = change.status == "disabled"
        host.disabled_reason = change.disabled_reason if host.disabled else None
    if change.forced_down is not None:
        host.forced_down = change.forced_down
    host.changed_at = world.now
    in_vain = change.status is not None and is_up(world, host) and not host.alive
    return world.settings.rpc_seconds if in_vain else 0.0


def _check_for_evacuations(world: World, host: Host) -> None:
    if any(m.status == "done" and m.kind == EVACUATION for m in world.migrations.values() if m.source == host.name):
        raise bad_request(
            f"Unable to force up host {host.name} as `done` evacuation migration records remain associated with the"
            " host. Ensure the compute service has been restarted, allowing these records to move to `completed`"
            " before retrying this request."
        )
