"""Placement, as far as questions about room go: providers, inventories, usages, allocations.  It only reads.

A resource provider is a compute host; its uuid is the hypervisor's, as nova-compute makes it.
"""

from __future__ import annotations

from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.keystone import require_token
from medevac.sandbox.cloud.model.catalog import Flavor
from medevac.sandbox.cloud.model.errors import not_found
from medevac.sandbox.cloud.model.host import Host

_DISK_GB = 10_000
"""Of every host; the model counts no disks."""


def _versions(call: Call) -> Answer:
    links = [{"rel": "self", "href": f"{call.base}/placement/"}]
    version = {"id": "v1.0", "status": "CURRENT", "min_version": "1.0", "max_version": "1.39", "links": links}
    return Answer({"versions": [version]})


def _provider(call: Call, host: Host) -> dict[str, object]:
    root = f"{call.base}/placement/resource_providers/{host.hypervisor_id}"
    links = [{"rel": rel, "href": f"{root}/{rel}"} for rel in ("inventories", "usages", "allocations")]
    return {"uuid": host.hypervisor_id, "name": host.name, "generation": 1, "links": links}


def _providers(call: Call) -> Answer:
    require_token(call)
    name = call.query.get("name")
    found = [_provider(call, host) for host in call.world.hosts.values() if name in (None, host.name)]
    return Answer({"resource_providers": found})


def _host(call: Call) -> Host:
    require_token(call)
    wanted = call.parts["id"]
    for host in call.world.hosts.values():
        if host.hypervisor_id == wanted:
            return host
    raise not_found(f"No resource provider with uuid {wanted} found")


def _inventories(call: Call) -> Answer:
    host = _host(call)
    totals = {"VCPU": host.vcpus, "MEMORY_MB": host.ram_mb, "DISK_GB": _DISK_GB}
    inventories = {name: _inventory(total) for name, total in totals.items()}
    return Answer({"resource_provider_generation": 1, "inventories": inventories})


def _inventory(total: int) -> dict[str, object]:
    return {"total": total, "reserved": 0, "min_unit": 1, "max_unit": total, "step_size": 1, "allocation_ratio": 1.0}


def _usages(call: Call) -> Answer:
    used = {"VCPU": 0, "MEMORY_MB": 0, "DISK_GB": 0}
    for server_id, flavor in _host(call).allocations.items():
        for name, amount in _resources(call, server_id, flavor).items():
            used[name] += amount
    return Answer({"resource_provider_generation": 1, "usages": used})


def _provider_allocations(call: Call) -> Answer:
    host = _host(call)
    allocations = {
        server_id: {"resources": _resources(call, server_id, flavor)} for server_id, flavor in host.allocations.items()
    }
    return Answer({"resource_provider_generation": 1, "allocations": allocations})


def _consumer_allocations(call: Call) -> Answer:
    require_token(call)
    server_id = call.parts["id"]
    allocations = {
        host.hypervisor_id: {"generation": 1, "resources": _resources(call, server_id, host.allocations[server_id])}
        for host in call.world.hosts.values()
        if server_id in host.allocations
    }
    return Answer({"allocations": allocations})


def _resources(call: Call, server_id: str, flavor: Flavor) -> dict[str, int]:
    """Return what a server takes up; one that boots from a volume takes no disk of the host."""
    server = call.world.servers.get(server_id)
    disk = {"DISK_GB": flavor.disk_gb} if flavor.disk_gb and server is not None and server.image_id else {}
    return {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.ram_mb, **disk}


ROUTES: tuple[Route, ...] = (
    ("GET", "", _versions),
    ("GET", "/resource_providers", _providers),
    ("GET", "/resource_providers/{id}/inventories", _inventories),
    ("GET", "/resource_providers/{id}/usages", _usages),
    ("GET", "/resource_providers/{id}/allocations", _provider_allocations),
    ("GET", "/allocations/{id}", _consumer_allocations),
)
