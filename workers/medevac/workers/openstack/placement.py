"""Placement, as far as the question goes whether servers would fit elsewhere.  It only reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import requests

from medevac.core.errors import CloudUnavailableError
from medevac.flows.fit import Demand, Inventory, Room
from medevac.flows.ports import HostService, Server
from medevac.workers.openstack.answers import answered
from medevac.workers.openstack.convert import Json
from medevac.workers.openstack.session import CloudSession

MICROVERSION = "placement 1.10"
"""Of Pike, as the oldest Nova that we speak with: nothing newer is needed, and what it answers does not change."""
COUNTED = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})
"""The resource classes that are compared; others (GPUs, bandwidth) hang on providers below the host's."""


class Placement:
    """Questions to Placement over the cloud's session.  Raises as the Cloud port's reads do."""

    def __init__(self, cloud: CloudSession) -> None:
        """Speak with the placement service of *cloud*; nothing is sent before the first call."""
        self._cloud = cloud

    def room(self, service: HostService, provider: str) -> Room:
        """Return what the host of *service* has; *provider* is the uuid of its hypervisor: two requests."""
        host, root = service.host, f"/resource_providers/{provider}"
        stock = self._get(f"{root}/inventories", "inventories", f"read the inventories of {host}")
        used = self._get(f"{root}/usages", "usages", f"read the usages of {host}")
        inventories = {name: _inventory(given, used.get(name, 0)) for name, given in stock.items() if name in COUNTED}
        return Room(host, service.zone, inventories)

    def demands(self, host: str, provider: str, servers: Iterable[Server]) -> tuple[Demand, ...]:
        """Return what *servers* of *host* take up there, without those that Placement does not know: one request."""
        path = f"/resource_providers/{provider}/allocations"
        known = self._get(path, "allocations", f"read the allocations of {host}")
        return tuple(
            Demand(server.id, server.name, _amounts(known[server.id])) for server in servers if server.id in known
        )

    def _get(self, path: str, key: str, doing: str) -> Json:
        where = {"service_type": "placement", "interface": self._cloud.interface, "region_name": self._cloud.region}
        with answered(doing):
            answer = self._cloud.session.get(
                path,
                endpoint_filter=where,
                user_agent=self._cloud.agent,
                headers={"Accept": "application/json", "OpenStack-API-Version": MICROVERSION},
            )
        return _read(answer, key, doing)


def _read(answer: requests.Response, key: str, doing: str) -> Json:
    try:
        body = answer.json()
    except ValueError:
        body = None
    found = body.get(key) if isinstance(body, dict) else None
    if not isinstance(found, dict):
        message = f"{doing}: this is not Placement's answer (a proxy's page, or cut short)"
        raise CloudUnavailableError(message)
    return found


def _inventory(given: Json, used: int) -> Inventory:
    return Inventory(
        total=int(given["total"]),
        reserved=int(given.get("reserved", 0)),
        ratio=float(given.get("allocation_ratio", 1.0)),
        largest=int(given.get("max_unit", 0)),
        used=int(used),
    )


def _amounts(allocation: Json) -> Mapping[str, int]:
    return {name: int(amount) for name, amount in allocation["resources"].items() if name in COUNTED}
