"""The language of expectations as values: given a site, when something fails, then this order and outcome."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Allow, Match
from medevac.flows.policy.wishes import Owners
from medevac.flows.policy.words import said
from medevac.flows.reserved import Reserved


class Storage(enum.StrEnum):
    """What a server's disk was made from."""

    VOLUME = "volume"
    IMAGE = "image"


class FenceMishap(enum.StrEnum):
    """What the fence device of the host does instead of fencing."""

    REFUSES = "refuses"
    HANGS = "hangs"
    UNREACHABLE = "unreachable"


class Outcome(enum.StrEnum):
    """How the incident ends."""

    RECOVERED = "recovered"
    PARKED = "parked"
    HELD = "held"
    IGNORED = "ignored"
    """No policy wants anything to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenHost:
    """A compute host."""

    name: str = field(metadata=said("Its name."))
    az: str = field(default="az1", metadata=said("Its availability zone."))
    aggregates: tuple[str, ...] = field(default=(), metadata=said("The host aggregates that it is in."))
    vcpus: int = field(default=64, metadata=said("How many it gives to servers.", least=0, most=100_000))
    ram_mb: int = field(default=262_144, metadata=said("How much it gives to servers.", least=0, most=999_999_999))
    disabled: bool = field(default=False, metadata=said("Whether it takes no servers, as reserved hosts do."))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFlavor:
    """A size of servers."""

    name: str = field(metadata=said("Its name."))
    vcpus: int = field(default=1, metadata=said("Processors.", least=1, most=1000))
    ram_mb: int = field(default=512, metadata=said("Memory.", least=1, most=99_999_999))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenServer:
    """A server, or several that are alike."""

    name: str = field(metadata=said("Its name; with count, the names are NAME-1, NAME-2 and so on."))
    host: str = field(metadata=said("The host on which it is."))
    count: int = field(default=0, metadata=said("How many there are.", least=1, most=2000))
    project: str = field(default="demo", metadata=said("Name of the project that owns it."))
    metadata: Mapping[str, str] = field(default_factory=dict, metadata=said("Its metadata."))
    tags: tuple[str, ...] = field(default=(), metadata=said("Its tags."))
    flavor: str = field(default="m1.small", metadata=said("Name of its flavor."))
    state: str = field(default="active", metadata=said("Its vm_state: active, stopped, error, paused ..."))
    boots_from: Storage = field(default=Storage.VOLUME, metadata=said("What its disk was made from."))
    task: str = field(default="", metadata=said("Its task_state: what was being done to it, such as rebooting."))
    locked: bool = field(default=False, metadata=said("Whether its owner has locked it."))
    ready_in: Duration = field(
        default=Duration(0),
        metadata=said("How long after its start its guest and its ports answer.", least=0, most=86_400),
    )
    group: str = field(default="", metadata=said("Name of its server group."))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the servers that are meant."""
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1)) if self.count else (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A site, as small as the question allows."""

    hosts: tuple[GivenHost, ...] = field(metadata=said("The compute hosts: names, or lines with more about each."))
    servers: tuple[GivenServer, ...] = field(metadata=said("The servers on them."))
    flavors: tuple[GivenFlavor, ...] = field(default=(), metadata=said("Sizes of servers, beside m1.small."))
    groups: Mapping[str, str] = field(
        default_factory=dict, metadata=said("Server groups: a name, and affinity, anti-affinity or soft-...")
    )
    projects: tuple[str, ...] = field(default=(), metadata=said("Projects that own no server here."))
    shared_storage: tuple[str, ...] = field(
        default=(), metadata=said("Zones in which disks made from images are shared, as in the site file.")
    )
    allow: Allow = field(default=Allow.EVACUATE, metadata=said("The site's ceiling, as in the site file."))
    exclude: Match | None = field(default=None, metadata=said("Servers that are never touched, as in the site file."))
    owners: Owners = field(default=Owners(), metadata=said("What owners may ask for, as in the site file."))
    reserved: Reserved = field(
        default=Reserved(), metadata=said("Hosts that stand in for one that died, as in the site file.")
    )
    evacuation: Duration = field(
        default=Duration(2),
        metadata=said("How long Nova takes to move one server, more or less.", least=0, most=86_400),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What fails, and what goes wrong besides."""

    host_down: str = field(default="", metadata=said("The host that dies.", key="host.down"))
    host_network_down: str = field(default="", metadata=said("The host that is cut off.", key="host.network.down"))
    host_network_management_down: str = field(
        default="",
        metadata=said("The host whose management network is gone.", key="host.network.management.down"),
    )
    host_network_storage_down: str = field(
        default="", metadata=said("The host whose storage network is gone.", key="host.network.storage.down")
    )
    host_network_tenant_down: str = field(
        default="", metadata=said("The host whose tenants' network is gone.", key="host.network.tenant.down")
    )
    nova_compute_down: str = field(
        default="", metadata=said("The host on which nova-compute dies.", key="nova-compute.down")
    )
    libvirt_down: str = field(default="", metadata=said("The host on which libvirt dies.", key="libvirt.down"))
    host_degraded: str = field(default="", metadata=said("The host that has a fault.", key="host.degraded"))
    server_crashed: str = field(
        default="", metadata=said("The server whose process ends, by its name.", key="server.crashed")
    )
    server_hung: str = field(default="", metadata=said("The server that hangs.", key="server.hung"))
    server_io_error: str = field(
        default="", metadata=said("The server that is paused because of its disk.", key="server.io-error")
    )
    workload_failed: str = field(default="", metadata=said("The server that runs for nothing.", key="workload.failed"))
    over_after: Duration | None = field(
        default=None,
        metadata=said("How long after its begin the failure ends by itself.", key="over-after", most=604_800),
    )
    no_libvirt: bool = field(
        default=False, metadata=said("Whether libvirt on the host does not answer either.", key="no-libvirt")
    )
    fence: FenceMishap | None = field(default=None, metadata=said("What its fence device does instead of fencing."))
    no_valid_host: tuple[str, ...] = field(
        default=(), metadata=said("Servers for which Nova finds no host.", key="no-valid-host")
    )
    claim_refused: tuple[str, ...] = field(
        default=(), metadata=said("Hosts that refuse the servers which Nova sends them.", key="claim-refused")
    )
    cloud_away: Duration | None = field(
        default=None, metadata=said("How long the cloud does not answer at first.", key="cloud-away", most=86_400)
    )


@dataclass(frozen=True, slots=True)
class Group:
    """Servers that come back side by side, in any order among themselves."""

    servers: tuple[str, ...]
    """Names; `*` is a wildcard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """What must come of it.  What is not said may be as it likes; two copies of a server are never right."""

    outcome: Outcome | None = field(default=None, metadata=said("How the incident ends."))
    order: tuple[Group, ...] = field(
        default=(), metadata=said("Servers in the order in which they are back; those in a list in any order.")
    )
    back: tuple[str, ...] = field(default=(), metadata=said("Servers that are back."))
    left: Mapping[str, str] = field(
        default_factory=dict, metadata=said("Servers that are not back: a part of the reason that is given.")
    )
    not_moved: tuple[str, ...] = field(default=(), metadata=said("Servers that Nova still has on their host."))
    not_touched: tuple[str, ...] = field(
        default=(), metadata=said("Servers whose guests run all the time, on the host where they were.")
    )
    killed: tuple[str, ...] = field(
        default=(), metadata=said("Servers that are killed alone, on their host; no others are.")
    )
    fenced: bool | None = field(default=None, metadata=said("Whether the host is fenced."))
    told: tuple[str, ...] = field(
        default=(), metadata=said("Targets of the site file that are told something: page, or another.")
    )
    within: Duration | None = field(
        default=None, metadata=said("How soon every server that comes back is back.", least=0, most=604_800)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One sentence about policies, and how to try it."""

    expect: str = field(metadata=said("The sentence, for people."))
    policies: Path | None = field(
        default=None, metadata=said("The policies meant, seen from this file; without it, those beside it.")
    )
    given: Given = field(metadata=said("The site."))
    when: When = field(metadata=said("What fails."))
    then: Then = field(metadata=said("What must come of it."))
