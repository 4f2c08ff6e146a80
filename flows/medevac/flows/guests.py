"""A live host as recovery flows see it: the guests on its hypervisor, and the services that run them.

Parts of `medevac.flows.ports`, which has all their names.  Adapters: `medevac.workers.hypervisor` and
`medevac.workers.pacemaker`; fakes: `medevac.sandbox.hypervisor` and `medevac.sandbox.services`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from medevac.core.errors import HypervisorUnavailableError, NoHypervisorError, ServiceControlError

NOVA_COMPUTE = "nova-compute"
LIBVIRT = "libvirt"

RUNNING = "running"
PAUSED = "paused"
OFF = "off"


@dataclass(frozen=True, slots=True)
class Domain:
    """A guest as the hypervisor has it (libvirt's virDomainGetState, virDomainIsPersistent, virDomainGetAutostart)."""

    server_id: str
    """The domain's uuid, which Nova makes the server's."""
    state: str
    """running, paused or off.  A guest whose process stands still is running for libvirt too."""
    reason: str
    """libvirt's word for how it came so: booted, user, ioerror, watchdog, crashed, panicked, shutdown, destroyed ..."""
    persistent: bool
    """False: the hypervisor forgets the domain when it goes off."""
    autostart: bool
    """True: the hypervisor starts it by itself when the host boots."""


@dataclass(frozen=True, slots=True)
class KillProof:
    """Proof that a server's guest was seen off on a host, and will not start by itself there.

    It holds for this host and this moment: whoever starts the domain again (Nova, an operator) makes it void.
    """

    host: str
    server_id: str
    at: float
    """Seconds since the epoch of the reading that showed it off, on the clock of the worker."""
    source: str
    """Who was asked: libvirt and the address."""
    action: str
    """killed, already-off, or absent (the hypervisor answers and has no such domain)."""
    raw: str
    """What was read, without secrets."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Counters of what a guest has done since it was started: compare two readings, never one with zero."""

    cpu_ns: int
    """Nanoseconds of processor time of its virtual processors."""
    block_requests: int
    """Reads, writes and flushes that were finished, of all disks."""
    net_packets: int
    """Packets in and out, of all network cards."""


class Hypervisor(Protocol):
    """The hypervisors of live hosts, asked directly and not through Nova.

    Every method raises HypervisorUnavailableError when the host's hypervisor does not answer within the port's own
    deadline, or refuses.  That is never evidence: a guest runs on without libvirtd.
    """

    # Reads: repeat them as often as needed.

    def domain(self, host: str, server_id: str) -> Domain | None:
        """Return the guest of the server on *host*; None when the hypervisor answers and has no such domain."""

    def domains(self, host: str) -> Mapping[str, Domain]:
        """Return every guest on *host*, running or not, by server id: what is left over there after an evacuation."""

    def activity(self, host: str, server_id: str) -> Activity:
        """Return the guest's counters (virConnectGetAllDomainStats).

        Raises also when there is no such domain, or none that runs.
        """

    def ping_guest(self, host: str, server_id: str, timeout: float) -> bool | None:
        """Tell whether the guest's agent answers within *timeout* seconds (guest-ping); None: it has no agent.

        None also when the agent was never connected since the guest's start, so that nothing can be told from its
        silence.
        """

    # Idempotent writes: safe to repeat.

    def kill(self, host: str, server_id: str) -> KillProof:
        """End the guest on *host* at once, keep it from starting by itself, and prove both by reading back.

        Destroy (TERM, after 10 s KILL), autostart off, state read again.  A guest that is off already, or that the
        hypervisor does not know, is proven to be off too.  Without proof it raises HypervisorUnavailableError; the
        guest may have been ended all the same.
        """

    def resume(self, host: str, server_id: str) -> None:
        """Let a paused guest run again (virDomainResume); one that runs is left alone.

        Raises HypervisorUnavailableError also when there is no such domain or it is off: a resume starts nothing.
        """


class Services(Protocol):
    """The services on a live host, in the hands of the cluster manager that supervises them."""

    def restart(self, host: str, service: str) -> None:
        """Let the cluster start *service* (nova-compute or libvirt) on *host* again, whatever it knows of failures.

        Returns when the cluster has taken the order; `state` tells what became of it.  Safe to repeat, although it
        interrupts the service each time.  Raises ServiceControlError.
        """

    def state(self, host: str, service: str) -> bool | None:
        """Tell whether the cluster sees *service* running on *host*; None: the cluster does not supervise it there.

        Raises ServiceControlError when the cluster does not say.
        """


class NoHypervisor:
    """The Hypervisor of a site whose workers reach none: nothing is known and nothing is done."""

    def domain(self, host: str, server_id: str) -> Domain | None:
        """Raise HypervisorUnavailableError."""
        del server_id
        raise _unreached(host)

    def domains(self, host: str) -> Mapping[str, Domain]:
        """Raise HypervisorUnavailableError."""
        raise _unreached(host)

    def activity(self, host: str, server_id: str) -> Activity:
        """Raise HypervisorUnavailableError."""
        del server_id
        raise _unreached(host)

    def ping_guest(self, host: str, server_id: str, timeout: float) -> None:
        """Know nothing of the guest."""
        del host, server_id, timeout

    def kill(self, host: str, server_id: str) -> KillProof:
        """Raise HypervisorUnavailableError."""
        del server_id
        raise _unreached(host)

    def resume(self, host: str, server_id: str) -> None:
        """Raise HypervisorUnavailableError."""
        del server_id
        raise _unreached(host)


class NoServices:
    """The Services of a site without a cluster manager that this worker could ask."""

    def restart(self, host: str, service: str) -> None:
        """Raise ServiceControlError."""
        message = f"this worker knows no cluster that would restart {service} on {host}: set 'services' in medevac.yaml"
        raise ServiceControlError(message)

    def state(self, host: str, service: str) -> None:
        """Know nothing of the service."""
        del host, service


def _unreached(host: str) -> HypervisorUnavailableError:
    message = f"this worker does not know how to reach the hypervisor of {host}: set 'hypervisor' in medevac.yaml"
    return NoHypervisorError(message)
