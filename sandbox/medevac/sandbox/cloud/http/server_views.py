"""Servers as the API shows them, by microversion (api/openstack/compute/views/servers.py)."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from medevac.sandbox.cloud.http.call import Call
from medevac.sandbox.cloud.http.stamps import naive, zulu
from medevac.sandbox.cloud.model import services
from medevac.sandbox.cloud.model.server import Server

_PROGRESS = frozenset(("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))


def links(call: Call, server_id: str) -> list[dict[str, str]]:
    """Return a server's links."""
    return [
        {"rel": "self", "href": f"{call.base}/compute/v2.1/servers/{server_id}"},
        {"rel": "bookmark", "href": f"{call.base}/compute/servers/{server_id}"},
    ]


def brief(call: Call, server: Server) -> dict[str, object]:
    """Return a server as GET /servers shows it."""
    return {"id": server.id, "name": server.name, "links": links(call, server.id)}


def unknown(call: Call, server: Server, *, detail: bool) -> dict[str, object]:
    """Return what little is known of a server whose cell is down (2.69)."""
    body: dict[str, object] = {"id": server.id, "status": "UNKNOWN", "links": links(call, server.id)}
    if detail:
        body |= {"tenant_id": server.project_id, "created": zulu(server.created_at)}
    return body


def full(call: Call, server: Server, *, groups: bool = False) -> dict[str, object]:
    """Return a server in full; *groups* adds its server group (2.71, and only for one server)."""
    body = _always(call, server)
    body |= _extended(call, server)
    body |= _by_version(call, server)
    if groups and call.version >= (2, 71):
        body["server_groups"] = [server.group_id] if server.group_id else []
    return body


def _always(call: Call, server: Server) -> dict[str, object]:
    status = server.status
    body: dict[str, object] = {
        "id": server.id,
        "name": server.name,
        "status": status,
        "tenant_id": server.project_id,
        "user_id": server.user_id,
        "metadata": server.metadata,
        "hostId": _host_id(server.project_id, server.host or ""),
        "image": _image(call, server),
        "flavor": _flavor(call, server),
        "created": zulu(server.created_at),
        "updated": zulu(server.updated_at),
        "addresses": _networks(server),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": links(call, server.id),
        "OS-DCF:diskConfig": "MANUAL",
    }
    if status in _PROGRESS:
        body["progress"] = 0
    if server.shows_fault and server.fault is not None:
        fault = server.fault
        body["fault"] = {"code": fault.code, "created": zulu(fault.created_at), "message": fault.message, "details": ""}
    return body


def _extended(call: Call, server: Server) -> dict[str, object]:
    body: dict[str, object] = {
        "OS-EXT-AZ:availability_zone": call.world.zone_of(server.host) if server.host else "",
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": server.host,
        "OS-EXT-SRV-ATTR:instance_name": f"instance-{server.number:08x}",
        "OS-EXT-STS:task_state": server.task_state,
        "OS-EXT-STS:vm_state": server.vm_state,
        "OS-EXT-STS:power_state": server.power_state,
        "OS-SRV-USG:launched_at": naive(server.launched_at),
        "OS-SRV-USG:terminated_at": naive(server.terminated_at),
        "os-extended-volumes:volumes_attached": [],
        "config_drive": "",
        "key_name": None,
        "security_groups": [{"name": "default"}],
    }
    if call.version >= (2, 3):
        body |= {
            "OS-EXT-SRV-ATTR:hostname": server.name,
            "OS-EXT-SRV-ATTR:kernel_id": "",
            "OS-EXT-SRV-ATTR:launch_index": 0,
            "OS-EXT-SRV-ATTR:ramdisk_id": "",
            "OS-EXT-SRV-ATTR:reservation_id": f"r-{server.number:08x}",
            "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda",
            "OS-EXT-SRV-ATTR:user_data": None,
        }
    return body


def _by_version(call: Call, server: Server) -> dict[str, object]:
    added = (
        ((2, 9), "locked", server.locked),
        ((2, 16), "host_status", services.host_status(call.world, server.host)),
        ((2, 19), "description", None),
        ((2, 26), "tags", server.tags),
        ((2, 63), "trusted_image_certificates", None),
        ((2, 73), "locked_reason", server.locked_reason),
        ((2, 96), "pinned_availability_zone", server.pinned_zone),
    )
    return {key: value for since, key, value in added if call.version >= since}


def _networks(server: Server) -> dict[str, object]:
    if not server.addresses:
        return {}
    kinds = {"OS-EXT-IPS:type": "fixed", "OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}
    return {"net": [{"addr": at, "version": 6 if ":" in at else 4, **kinds} for at in server.addresses]}


@lru_cache(maxsize=4096)
def _host_id(project_id: str, host: str) -> str:
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest() if host else ""


def _image(call: Call, server: Server) -> object:
    if not server.image_id:
        return ""
    href = f"{call.base}/compute/images/{server.image_id}"
    return {"id": server.image_id, "links": [{"rel": "bookmark", "href": href}]}


def _flavor(call: Call, server: Server) -> dict[str, object]:
    flavor = server.flavor
    if call.version < (2, 47):
        href = f"{call.base}/compute/flavors/{flavor.id}"
        return {"id": flavor.id, "links": [{"rel": "bookmark", "href": href}]}
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.ram_mb,
        "disk": flavor.disk_gb,
        "ephemeral": 0,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": {},
    }
