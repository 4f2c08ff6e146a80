"""A fake of the Hypervisor port on the simulated cloud's guests: what it kills has ended in the ledger too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.guests import Activity, Domain, KillProof
from medevac.sandbox.cloud.model import guests
from medevac.sandbox.cloud.model.guests import Guest
from medevac.sandbox.cloud.model.mishaps import take
from medevac.sandbox.cloud.model.world import World

_PER_SECOND = (100_000_000, 10, 20)
"""What a guest that works does in a second: nanoseconds of processor time, requests to disks, packets."""


class FakeHypervisor:
    """Implements Hypervisor on a World: a host without power, network or libvirt does not answer."""

    def __init__(self, world: World) -> None:
        """Ask the hypervisors of *world*."""
        self.world = world
        self.asked: list[tuple[str, str, str]] = []
        """Every call that could change something: method, host, server id."""

    def domain(self, host: str, server_id: str) -> Domain | None:
        """Return the guest on *host*."""
        with self._reached(host) as world:
            guest = guests.find(world, host, server_id)
            return None if guest is None else _domain(guest)

    def domains(self, host: str) -> Mapping[str, Domain]:
        """Return every guest on *host*."""
        with self._reached(host) as world:
            return {server_id: _domain(guest) for server_id, guest in sorted(world.guests.get(host, {}).items())}

    def activity(self, host: str, server_id: str) -> Activity:
        """Return counters that grow while the guest works."""
        with self._reached(host) as world:
            guest = self._running(host, server_id)
            cpu_ns, requests, packets = (int(guest.work(world.now) * rate) for rate in _PER_SECOND)
            return Activity(cpu_ns, requests, packets)

    def ping_guest(self, host: str, server_id: str, timeout: float) -> bool | None:
        """Tell whether the guest's agent answers; silence costs no time here."""
        del timeout
        with self._reached(host):
            guest = self._running(host, server_id)
            return None if not guest.has_agent else guest.state == guests.RUNNING and not guest.silent

    def kill(self, host: str, server_id: str) -> KillProof:
        """End the guest on *host* and prove it."""
        self.asked.append(("kill", host, server_id))
        with self._reached(host) as world:
            guest = guests.find(world, host, server_id)
            if guest is None:
                return self._proof(host, server_id, "absent", "no domain with matching uuid")
            was_off = guest.state == guests.OFF
            if not was_off and take(world.mishaps.fail_kills, host):
                message = f"{host}: Failed to terminate process with SIGKILL: Device or resource busy"
                raise HypervisorUnavailableError(message)
            guests.kill(world, guest)
            action = "already-off" if was_off else "killed"
            return self._proof(host, server_id, action, f"{guest.state} ({guest.reason}), autostart off")

    def resume(self, host: str, server_id: str) -> None:
        """Let a paused guest run on."""
        self.asked.append(("resume", host, server_id))
        with self._reached(host) as world:
            guests.resume(world, self._running(host, server_id))

    @contextmanager
    def _reached(self, host: str) -> Iterator[World]:
        with self.world.settled() as world:
            known = world.hosts.get(host)
            if known is None or not known.manageable:
                message = f"the hypervisor of {host} does not answer"
                raise HypervisorUnavailableError(message)
            yield world

    def _running(self, host: str, server_id: str) -> Guest:
        guest = guests.find(self.world, host, server_id)
        if guest is None or guest.state == guests.OFF:
            message = f"{host}: server {server_id} does not run there"
            raise HypervisorUnavailableError(message)
        return guest

    def _proof(self, host: str, server_id: str, action: str, raw: str) -> KillProof:
        return KillProof(host, server_id, self.world.now, "fake", action, raw)


def _domain(guest: Guest) -> Domain:
    return Domain(guest.server_id, guest.state, guest.reason, persistent=True, autostart=guest.autostart)
