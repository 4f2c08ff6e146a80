"""What the site file says of hosts that live: how hypervisors are reached, and who starts services again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from medevac.flows.guests import LIBVIRT, NOVA_COMPUTE
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import said
from medevac.flows.ports import Hypervisor, NoHypervisor, NoServices, Services
from medevac.workers.hypervisor.libvirt_hypervisor import LibvirtHypervisor
from medevac.workers.hypervisor.program_hypervisor import ProgramHypervisor
from medevac.workers.pacemaker.services import PacemakerServices


@dataclass(frozen=True, slots=True)
class HypervisorSettings:
    """How the hypervisors of live hosts are reached."""

    uri: str = field(
        default="",
        metadata=said(
            "libvirt's address of a host, {host} standing for nova's name of it: qemu+tls://{host}/system. Without it "
            "no guest is killed, resumed or pinged."
        ),
    )
    program: str = field(
        default="",
        metadata=said("A program that speaks to hypervisors instead, by its absolute path (docs/live-hosts.md)."),
    )
    timeout: Duration = field(
        default=Duration(15), metadata=said("How long a question to a hypervisor may take.", least=1, most=300)
    )
    kill_timeout: Duration = field(
        default=Duration(60), metadata=said("How long ending a guest may take.", least=15, most=600)
    )

    @property
    def reaches(self) -> bool:
        """Tell whether it says how."""
        return bool(self.uri or self.program)

    def port(self) -> Hypervisor:
        """Return the port; the program, where there are both."""
        read_limit, kill_limit = float(self.timeout), float(self.kill_timeout)
        if self.program:
            return ProgramHypervisor(self.program, read_limit=read_limit, kill_limit=kill_limit)
        if self.uri:
            return LibvirtHypervisor(self.uri, read_limit=read_limit, kill_limit=kill_limit)
        return NoHypervisor()


@dataclass(frozen=True, slots=True)
class ServicesSettings:
    """Pacemaker's resources that are the services of compute nodes: a primitive's id, or its clone's."""

    nova_compute: str = field(
        default="", metadata=said("The resource that is nova-compute; without it nobody restarts it.", key=NOVA_COMPUTE)
    )
    libvirt: str = field(default="", metadata=said("The resource that is libvirt; without it nobody restarts it."))
    through: str = field(
        default="",
        metadata=said("The words before crm_resource and crm_mon where they are not on this machine: ssh ctl-1."),
    )
    timeout: Duration = field(
        default=Duration(30), metadata=said("How long one of Pacemaker's commands may take.", least=1, most=300)
    )

    @property
    def resources(self) -> Mapping[str, str]:
        """Return the resource of each service that has one."""
        named = {NOVA_COMPUTE: self.nova_compute, LIBVIRT: self.libvirt}
        return {service: resource for service, resource in named.items() if resource}

    def port(self, name_of: Callable[[str], str]) -> Services:
        """Return the port; *name_of* returns Pacemaker's name of a host by nova's."""
        if not self.resources:
            return NoServices()
        words = self.through.split()
        return PacemakerServices(self.resources, through=words, name_of=name_of, limit=float(self.timeout))
