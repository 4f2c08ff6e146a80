"""A fake of the Services port: a cluster manager that starts services of the simulated hosts again."""

from __future__ import annotations

import functools

from medevac.core.errors import ServiceControlError
from medevac.flows.guests import LIBVIRT, NOVA_COMPUTE
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.world import World


class FakeServices:
    """Implements Services on a World: a service runs again after service_seconds, unless the world has other orders."""

    def __init__(self, world: World) -> None:
        """Supervise the hosts of *world*."""
        self.world = world
        self.restarts: list[tuple[str, str]] = []
        """Every order: host and service."""

    def restart(self, host: str, service: str) -> None:
        """Order a restart; on a host without power or network the order fails."""
        self.restarts.append((host, service))
        with self.world.settled() as world:
            known = self._known(host, service)
            if not known.powered or not known.reachable:
                message = f"the cluster cannot reach {host}: {service} is not started there"
                raise ServiceControlError(message)
            if not take(world.mishaps.fail_restarts, host):
                self._stop(known, service)
                world.after(world.settings.service_seconds, functools.partial(self._start, known, service))

    def state(self, host: str, service: str) -> bool | None:
        """Tell whether the service runs; one that is frozen is found to be down by its monitor."""
        with self.world.settled():
            known = self._known(host, service)
            if not known.powered or not known.reachable:
                return False
            return known.compute_running if service == NOVA_COMPUTE else known.libvirt == "running"

    def _known(self, host: str, service: str) -> Host:
        if service not in (NOVA_COMPUTE, LIBVIRT):
            message = f"the cluster supervises no service {service}: {NOVA_COMPUTE} or {LIBVIRT}"
            raise ServiceControlError(message)
        if host not in self.world.hosts:
            message = f"the cluster knows no node {host}"
            raise ServiceControlError(message)
        return self.world.hosts[host]

    def _stop(self, host: Host, service: str) -> None:
        stop = machines.kill_compute if service == NOVA_COMPUTE else machines.stop_libvirt
        stop(self.world, host.name)

    def _start(self, host: Host, service: str) -> None:
        start = machines.start_compute if service == NOVA_COMPUTE else machines.start_libvirt
        start(self.world, host.name)
