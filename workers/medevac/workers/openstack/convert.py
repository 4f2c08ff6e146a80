"""Nova's JSON to the nouns of the Cloud port.

Nova leaves out what the caller's policies hide, and most of a record whose cell is down; both are told apart from
a value that is not set, because acting on the difference could empty a live host.
"""

from __future__ import annotations

from typing import Any

from medevac.core.errors import CellDownError, RefusedError
from medevac.flows.estate import EVACUATION
from medevac.flows.ports import HostService, Migration, Server, ServerGroup, Stop
from medevac.workers.openstack.times import to_epoch, to_epoch_or_none

Json = dict[str, Any]

UNKNOWN = "UNKNOWN"
"""What Nova gives as the status of anything in a cell that does not answer (microversion 2.69)."""


def to_service(found: Json) -> HostService:
    """Return the service that an entry of GET /os-services stands for; state unknown when its cell is down."""
    if found["status"] == UNKNOWN:
        return HostService(
            id="",
            host=found["host"],
            zone="",
            enabled=False,
            state="unknown",
            forced_down=False,
            disabled_reason="",
            updated_at=None,
        )
    return HostService(
        id=str(found["id"]),
        host=found["host"],
        zone=found.get("zone") or "",
        enabled=found["status"] == "enabled",
        state=found["state"],
        forced_down=bool(found.get("forced_down")),
        disabled_reason=found.get("disabled_reason") or "",
        updated_at=to_epoch_or_none(found.get("updated_at")),
    )


def to_server(found: Json) -> Server:
    """Return the server that an entry of GET /servers/detail stands for.

    Raises CellDownError for the stub that Nova shows of a server in a down cell; RefusedError when the caller is
    not shown hosts.
    """
    if found.get("status") == UNKNOWN and "OS-EXT-STS:vm_state" not in found:
        message = f"Nova cannot reach the cell of server {found['id']}: its state is unknown"
        raise CellDownError(message)
    if "OS-EXT-SRV-ATTR:host" not in found:
        message = (
            "Nova hides the hosts of servers from this user: give it the administrator's role, "
            "or the policy os_compute_api:os-extended-server-attributes"
        )
        raise RefusedError(message)
    image = found.get("image") or {}
    return Server(
        id=found["id"],
        name=found["name"],
        project_id=found["tenant_id"],
        host=found["OS-EXT-SRV-ATTR:host"] or "",
        vm_state=found["OS-EXT-STS:vm_state"],
        task_state=found.get("OS-EXT-STS:task_state") or "",
        power_state=found.get("OS-EXT-STS:power_state") or 0,
        image_id=image.get("id", ""),
        flavor=found["flavor"].get("original_name", ""),
        zone=found.get("OS-EXT-AZ:availability_zone") or "",
        locked=bool(found.get("locked")),
        launched=bool(found.get("OS-SRV-USG:launched_at")),
        fault=(found.get("fault") or {}).get("message") or "",
        metadata=dict(found.get("metadata") or {}),
        updated_at=to_epoch(found["updated"]),
        tags=tuple(found.get("tags") or ()),
        addresses=_addresses(found.get("addresses") or {}),
    )


def _addresses(networks: Json) -> tuple[str, ...]:
    """Return the addresses on all *networks*, floating ones first."""
    found = [entry for entries in networks.values() for entry in entries]
    kinds = sorted(found, key=lambda entry: entry.get("OS-EXT-IPS:type") != "floating")
    return tuple(str(entry["addr"]) for entry in kinds)


def to_group(found: Json) -> ServerGroup:
    """Return the server group that an entry of GET /os-server-groups stands for; before 2.64 it has a list."""
    policy = found["policy"] if "policy" in found else next(iter(found.get("policies") or ()), "")
    return ServerGroup(id=found["id"], policy=str(policy), members=tuple(found.get("members") or ()))


def to_stop(found: Json) -> Stop:
    """Return the order that an entry of GET /servers/{id}/os-instance-actions stands for."""
    return Stop(at=to_epoch(found["start_time"]), by_user=bool(found.get("user_id")))


def to_migration(found: Json) -> Migration:
    """Return the record that an entry of GET /os-migrations stands for.

    Raises RefusedError when the caller is not shown hosts.
    """
    if not found["source_compute"]:
        message = (
            "Nova hides the hosts of migrations from this user: give it the administrator's role, "
            "or the policy os_compute_api:os-migrations:index:host"
        )
        raise RefusedError(message)
    created = to_epoch(found["created_at"])
    changed = to_epoch_or_none(found.get("updated_at"))
    return Migration(
        id=int(found["id"]),
        server_id=found["instance_uuid"],
        status=found["status"],
        source=found["source_compute"],
        destination=found.get("dest_compute") or "",
        created_at=created,
        updated_at=created if changed is None else changed,
        kind=found.get("migration_type") or EVACUATION,
    )
