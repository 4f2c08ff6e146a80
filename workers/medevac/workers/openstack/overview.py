"""Overview: what tools ask of the whole cloud, and recoveries never do.  It only reads."""

from __future__ import annotations

from collections.abc import Mapping

from medevac.flows.ports import HostService, Server
from medevac.workers.openstack.client import NovaClient
from medevac.workers.openstack.convert import to_server, to_service
from medevac.workers.openstack.session import CloudSession


class Overview:
    """Questions to Nova about all hosts, and about servers by name.  Raises as the Cloud port's reads do."""

    def __init__(self, cloud: CloudSession) -> None:
        """Ask Nova over *cloud*; nothing is sent before the first call."""
        self._nova = NovaClient(cloud)

    def services(self) -> tuple[HostService, ...]:
        """Return the nova-compute service of every host, by the hosts' names: one request."""
        found = self._nova.get("/os-services?binary=nova-compute", "services", "list the nova-compute services")
        return tuple(sorted(map(to_service, found), key=lambda service: service.host))

    def providers(self) -> Mapping[str, str]:
        """Return host to the uuid of its hypervisor, which is its resource provider's: one request a page.

        A host of several hypervisors (ironic) is given its first.
        """
        pages = self._nova.pages("/os-hypervisors/detail", "hypervisors", {}, "id", "list the hypervisors")
        found: dict[str, str] = {}
        for page in pages:
            for hypervisor in page:
                found.setdefault(hypervisor["service"]["host"], str(hypervisor["id"]))
        return found

    def servers_named(self, name: str) -> tuple[Server, ...]:
        """Return the servers of all projects whose name is exactly *name*: one request a page."""
        query = {"all_tenants": "True", "name": f"^{_escaped(name)}$"}
        pages = self._nova.pages("/servers/detail", "servers", query, "id", f"look for a server named {name}")
        return tuple(to_server(found) for page in pages for found in page if found["name"] == name)


def _escaped(name: str) -> str:
    """Return *name* as a pattern for Nova's database, of which every dialect knows a dot for any character."""
    return "".join(char if char.isalnum() or char in "-_ " else "." for char in name)
