"""Way back, for servers that could not be evacuated: they are where they were, and so they are started there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.core.errors import CloudError, HypervisorUnavailableError
from medevac.flows.brief import Brief
from medevac.flows.estate import POWERED
from medevac.flows.guests import OFF
from medevac.flows.ports import Ports, Server
from medevac.flows.returning import Way
from medevac.flows.steps.return_way import ReturnStep


class ReturnStart(ReturnStep):
    """Start the servers that ran, could not be evacuated and are still here: somebody promised to bring them back.

    What its owner had shut off, and what no policy moved, is not touched.
    """

    def __init__(self, brief: Brief) -> None:
        """Come after return-watch: nova-compute can be relied on."""
        super().__init__("return-start", brief, "return-watch")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it with what became of them; one that does not start keeps the host from nothing."""
        wanted = _not_moved(ports.log.report_of(way.of))
        here = self.patiently(ports, lambda: ports.cloud.servers_on(self.brief.host)) if wanted else ()
        for server in here:
            if server.id in wanted and _is_down(server) and self._is_off(ports, server):
                elsewhere = self._elsewhere(ports, server)
                way = way.missed(elsewhere) if elsewhere else self._start(ports, way, server)
        return way

    def _elsewhere(self, ports: Ports, server: Server) -> str:
        """Return why it cannot be started here: an evacuation that failed may have left its guest at a destination.

        Nova forgets such a guest, and does not look for it before it starts another.
        """
        tried = self.patiently(ports, lambda: ports.cloud.evacuations_from(self.brief.host))
        for host in sorted({record.destination for record in tried if record.server_id == server.id}):
            said = self._left_at(ports, server, host) if host and host != server.host else ""
            if said:
                self.say(ports, said, server.id)
                return said
        return ""

    def _left_at(self, ports: Ports, server: Server, host: str) -> str:
        try:
            domain = ports.hypervisor.domain(host, server.id)
        except HypervisorUnavailableError as error:
            return (
                f"{server.name} is not started: an evacuation may have left it on {host}, which does not say: {error}"
            )
        if domain is None or domain.state == OFF:
            return ""
        return (
            f"{server.name} is not started: an evacuation that failed has left its guest on {host} ({domain.state}). "
            f"End it there (virsh destroy {server.id}), then: openstack server reboot --hard {server.id}"
        )

    def _is_off(self, ports: Ports, server: Server) -> bool:
        """Tell whether its guest is off; where nobody but Nova can be asked, Nova's word counts."""
        try:
            domain = ports.hypervisor.domain(server.host, server.id)
        except HypervisorUnavailableError:
            return True
        return domain is None or domain.state == OFF

    def _start(self, ports: Ports, way: Way, server: Server) -> Way:
        ports.log.assert_owned()
        try:
            ports.cloud.reboot(server.id)
        except CloudError as error:
            said = f"{server.name} could not be started: {error}"
            self.say(ports, said, server.id)
            return way.missed(said)
        said = f"{server.name} was not evacuated and is started here"
        self.say(ports, said, server.id)
        return way.noted(said)


def _not_moved(report: Mapping[str, Any]) -> set[str]:
    """Return the servers that ran and are not back, by the *report* of the recovery."""
    rows = report.get("servers", ())
    return {row["id"] for row in rows if row["result"] == "failed" and row.get("was", "stopped") != "stopped"}


def _is_down(server: Server) -> bool:
    return server.vm_state in ("active", "error") and not server.task_state and server.power_state != POWERED
