"""What clients read about the cloud besides servers: hypervisors, flavors, aggregates, zones, groups, images."""

from __future__ import annotations

from medevac.sandbox.cloud.http.call import Answer, Call, Route
from medevac.sandbox.cloud.http.stamps import naive, zulu
from medevac.sandbox.cloud.model import services
from medevac.sandbox.cloud.model.catalog import Aggregate, Flavor, ServerGroup
from medevac.sandbox.cloud.model.errors import not_found
from medevac.sandbox.cloud.model.host import Host


def _hypervisor(call: Call, host: Host, *, detail: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "id": host.hypervisor_id if call.version >= (2, 53) else host.number,
        "hypervisor_hostname": host.name,
        "state": "up" if services.is_up(call.world, host) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }
    if call.query.get("with_servers", "").lower() == "true":
        body["servers"] = [{"name": s.name, "uuid": s.id} for s in call.world.servers_on(host.name)]
    return body | _hypervisor_detail(call, host) if detail else body


def _hypervisor_detail(call: Call, host: Host) -> dict[str, object]:
    service_id = host.service_id if call.version >= (2, 53) else host.number
    body: dict[str, object] = {
        "hypervisor_type": "QEMU",
        "hypervisor_version": 7002000,
        "host_ip": "127.0.0.1",
        "service": {"id": service_id, "host": host.name, "disabled_reason": host.disabled_reason},
    }
    if call.version >= (2, 88):
        return body | {"uptime": None}
    return body | {
        "vcpus": host.vcpus,
        "vcpus_used": host.used_vcpus,
        "memory_mb": host.ram_mb,
        "memory_mb_used": host.used_ram_mb,
        "free_ram_mb": host.ram_mb - host.used_ram_mb,
        "local_gb": 1000,
        "local_gb_used": 0,
        "free_disk_gb": 1000,
        "disk_available_least": 1000,
        "current_workload": 0,
        "running_vms": len(call.world.servers_on(host.name)),
        "cpu_info": {} if call.version >= (2, 28) else "{}",
    }


def _hypervisors(call: Call) -> Answer:
    return _listed_hypervisors(call, detail=False)


def _hypervisors_detail(call: Call) -> Answer:
    return _listed_hypervisors(call, detail=True)


def _listed_hypervisors(call: Call, *, detail: bool) -> Answer:
    pattern = call.query.get("hypervisor_hostname_pattern")
    found = [host for host in call.world.hosts.values() if pattern is None or pattern in host.name]
    if pattern is not None and not found:
        raise not_found(f"No hypervisor matching '{pattern}' could be found.")
    shown = [_hypervisor(call, host, detail=detail) for host in found if host.cell not in call.world.down_cells]
    marker = call.query.get("marker")
    return Answer({"hypervisors": shown if marker is None else []})


def _one_hypervisor(call: Call) -> Answer:
    wanted = call.parts["id"]
    for host in call.world.hosts.values():
        if wanted in (host.hypervisor_id, str(host.number)):
            return Answer({"hypervisor": _hypervisor(call, host, detail=True)})
    raise not_found(f"Hypervisor with ID '{wanted}' could not be found.")


def _flavor(call: Call, flavor: Flavor, *, detail: bool) -> dict[str, object]:
    link = {"rel": "self", "href": f"{call.base}/compute/v2.1/flavors/{flavor.id}"}
    body: dict[str, object] = {"id": flavor.id, "name": flavor.name, "links": [link]}
    if call.version >= (2, 55):
        body["description"] = None
    if detail:
        body |= {
            "ram": flavor.ram_mb,
            "vcpus": flavor.vcpus,
            "disk": flavor.disk_gb,
            "swap": 0 if call.version >= (2, 75) else "",
            "rxtx_factor": 1.0,
            "os-flavor-access:is_public": True,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "OS-FLV-DISABLED:disabled": False,
        }
        if call.version >= (2, 61):
            body["extra_specs"] = {}
    return body


def _flavors(call: Call) -> Answer:
    detail = call.path.endswith("/detail")
    found = [] if "marker" in call.query else [_flavor(call, f, detail=detail) for f in call.world.flavors.values()]
    return Answer({"flavors": found})


def _one_flavor(call: Call) -> Answer:
    flavor = call.world.flavors.get(call.parts["id"])
    if flavor is None:
        raise not_found(f"Flavor {call.parts['id']} could not be found.")
    return Answer({"flavor": _flavor(call, flavor, detail=True)})


def _extra_specs(_call: Call) -> Answer:
    return Answer({"extra_specs": {}})


def _aggregate(call: Call, aggregate: Aggregate) -> dict[str, object]:
    body: dict[str, object] = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.zone,
        "hosts": aggregate.hosts,
        "metadata": aggregate.metadata,
        "created_at": naive(0.0),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    if call.version >= (2, 41):
        body["uuid"] = aggregate.uuid
    return body


def _aggregates(call: Call) -> Answer:
    return Answer({"aggregates": [_aggregate(call, aggregate) for aggregate in call.world.aggregates.values()]})


def _one_aggregate(call: Call) -> Answer:
    for aggregate in call.world.aggregates.values():
        if str(aggregate.id) == call.parts["id"]:
            return Answer({"aggregate": _aggregate(call, aggregate)})
    raise not_found(f"Aggregate {call.parts['id']} could not be found.")


def _zones(call: Call) -> Answer:
    hosts: dict[str, list[Host]] = {}
    for host in call.world.hosts.values():
        hosts.setdefault(call.world.zone_of(host.name), []).append(host)
    return Answer({"availabilityZoneInfo": [_zone(call, name, members) for name, members in sorted(hosts.items())]})


def _zone(call: Call, name: str, members: list[Host]) -> dict[str, object]:
    enabled = [host for host in members if not host.disabled]
    shown = {host.name: {"nova-compute": _zone_service(call, host)} for host in enabled}
    return {
        "zoneName": name,
        "zoneState": {"available": bool(enabled)},
        "hosts": shown if enabled and call.path.endswith("/detail") else None,
    }


def _zone_service(call: Call, host: Host) -> dict[str, object]:
    seen = host.seen_at(call.world.now, call.world.settings.report_interval)
    return {"active": True, "available": services.is_up(call.world, host), "updated_at": naive(seen)}


def _group(call: Call, group: ServerGroup) -> dict[str, object]:
    members = sorted(m for m in group.members if not call.world.servers[m].deleted)
    body: dict[str, object] = {"id": group.id, "name": group.name, "members": members}
    if call.version >= (2, 13):
        body |= {"project_id": group.project_id, "user_id": group.project_id}
    if call.version >= (2, 64):
        return body | {"policy": group.policy, "rules": {}}
    return body | {"policies": [group.policy], "metadata": {}}


def _groups(call: Call) -> Answer:
    everyone = "all_projects" in call.query
    found = [g for g in call.world.groups.values() if everyone or g.project_id == call.project_id]
    first = int(call.query.get("offset", 0))
    most = min(int(call.query.get("limit", call.world.settings.max_limit)), call.world.settings.max_limit)
    return Answer({"server_groups": [_group(call, group) for group in found[first : first + most]]})


def _one_group(call: Call) -> Answer:
    group = call.world.groups.get(call.parts["id"])
    if group is None:
        raise not_found(f"Instance group {call.parts['id']} could not be found.")
    return Answer({"server_group": _group(call, group)})


def _limits(_call: Call) -> Answer:
    absolute = {"maxTotalInstances": -1, "maxTotalCores": -1, "maxTotalRAMSize": -1, "maxServerMeta": 128}
    return Answer({"limits": {"rate": [], "absolute": absolute}})


ROUTES: tuple[Route, ...] = (
    ("GET", "/os-hypervisors", _hypervisors),
    ("GET", "/os-hypervisors/detail", _hypervisors_detail),
    ("GET", "/os-hypervisors/{id}", _one_hypervisor),
    ("GET", "/flavors", _flavors),
    ("GET", "/flavors/detail", _flavors),
    ("GET", "/flavors/{id}", _one_flavor),
    ("GET", "/flavors/{id}/os-extra_specs", _extra_specs),
    ("GET", "/os-aggregates", _aggregates),
    ("GET", "/os-aggregates/{id}", _one_aggregate),
    ("GET", "/os-availability-zone", _zones),
    ("GET", "/os-availability-zone/detail", _zones),
    ("GET", "/os-server-groups", _groups),
    ("GET", "/os-server-groups/{id}", _one_group),
    ("GET", "/limits", _limits),
)


def _image_versions(call: Call) -> Answer:
    links = [{"rel": "self", "href": f"{call.base}/image/v2/"}]
    return Answer({"versions": [{"id": "v2.9", "status": "CURRENT", "links": links}]}, 300)


def _image(call: Call, image_id: str, name: str) -> dict[str, object]:
    return {
        "id": image_id,
        "name": name,
        "status": "active",
        "visibility": "public",
        "protected": False,
        "tags": [],
        "container_format": "bare",
        "disk_format": "qcow2",
        "size": 0,
        "min_disk": 0,
        "min_ram": 0,
        "created_at": zulu(0),
        "updated_at": zulu(0),
        "self": f"{call.base}/image/v2/images/{image_id}",
        "schema": "/v2/schemas/image",
        "file": f"/v2/images/{image_id}/file",
    }


def _images(call: Call) -> Answer:
    wanted = call.query.get("name")
    found = [_image(call, key, name) for key, name in call.world.images.items() if wanted in (None, name)]
    return Answer({"images": found, "schema": "/v2/schemas/images", "first": "/v2/images"})


def _one_image(call: Call) -> Answer:
    image_id = call.parts["id"]
    if image_id not in call.world.images:
        raise not_found(f"Failed to find image {image_id}")
    return Answer(_image(call, image_id, call.world.images[image_id]))


IMAGE_ROUTES: tuple[Route, ...] = (("GET", "/v2/images", _images), ("GET", "/v2/images/{id}", _one_image))
OPEN_IMAGE_ROUTES: tuple[Route, ...] = (("GET", "", _image_versions),)
