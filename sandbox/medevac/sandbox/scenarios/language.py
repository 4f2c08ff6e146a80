"""The language of scenarios as values: a site, and what happens on it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import said
from medevac.sandbox.expectations.language import GivenHost, GivenServer


class Plain(dict[str, object]):
    """A part of a file that is read by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSite:
    """site.yaml: what a scenario begins with."""

    policies: Path = field(metadata=said("The directory of policies, seen from this file."))
    hosts: tuple[GivenHost, ...] = field(metadata=said("The compute hosts: names, or lines with more about each."))
    servers: tuple[GivenServer, ...] = field(metadata=said("The servers on them."))
    groups: Mapping[str, str] = field(
        default_factory=dict, metadata=said("Server groups: a name, and affinity, anti-affinity or soft-...")
    )
    workers: int = field(default=2, metadata=said("How many workers run.", least=0, most=10))
    abreast: bool = field(
        default=False, metadata=said("Whether each recovers several hosts at once, as many as limits say; else one.")
    )
    evacuation: Duration = field(default=Duration(2), metadata=said("How long Nova takes to move one server."))
    two_devices: bool = field(
        default=False,
        metadata=said("Whether each host has a pdu beside its bmc, and both must say off.", key="two-devices"),
    )
    medevac: Plain = field(
        default_factory=Plain, metadata=said("What the site file says, but for ZooKeeper, cloud and policies.")
    )


class Mood(enum.StrEnum):
    """How a fence device behaves."""

    OBEY = "obey"
    REFUSE = "refuse"
    HANG = "hang"
    LIE = "lie"
    UNREACHABLE = "unreachable"
    REBOOT = "reboot"
    BOUNCE = "bounce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The fence device of a host, and how it behaves from now on."""

    host: str = field(metadata=said("Whose it is."))
    does: Mood = field(metadata=said("What it does."))
    via: str = field(default="bmc", metadata=said("Which device: bmc or pdu."))


class Trouble(enum.StrEnum):
    """What becomes of requests to Nova."""

    RESET = "reset"
    """Nothing is done, and no answer comes."""
    LOST = "lost"
    """It is done, and no answer comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Requests to Nova that come to nothing, or whose answers are lost."""

    does: Trouble = field(default=Trouble.RESET, metadata=said("What becomes of them."))
    method: str = field(default=".*", metadata=said("A regular expression for the method."))
    path: str = field(default=".*", metadata=said("A regular expression for the path."))
    body: str = field(default="", metadata=said("A regular expression for the body."))
    seconds: Duration | None = field(default=None, metadata=said("For how long.", key="for"))
    count: int = field(default=0, metadata=said("How many of them; 0: all.", least=0, most=10_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An event, as a trigger posts it."""

    kind: str = field(metadata=said("host.fenced, host.down, nova-compute.down ..."))
    host: str = field(default="", metadata=said("The host that it is about."))
    server: str = field(default="", metadata=said("The server that it is about, by name."))
    facts: Mapping[str, str] = field(default_factory=dict, metadata=said("What else was seen."))
    copies: int = field(default=1, metadata=said("How many copies come.", least=1, most=1000))
    old: Duration = field(default=Duration(0), metadata=said("How long ago it was seen when it comes."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Disarmed:
    """An operator tells medevac to begin nothing."""

    scope: str = field(default="cloud", metadata=said("cloud, or a zone, an aggregate, a rack, a host."))
    mode: str = field(default="freeze", metadata=said("freeze or ignore."))
    seconds: Duration | None = field(default=None, metadata=said("For how long; without it, until armed.", key="for"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A worker that stands still, as after SIGSTOP or on a machine that swaps."""

    who: str = field(default="busy", metadata=said("The worker; busy is the one that has claimed a job."))
    seconds: Duration = field(metadata=said("For how long.", key="for"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An operator disables the compute service of a host."""

    host: str = field(metadata=said("The host."))
    reason: str = field(default="operator", metadata=said("Why, as Nova keeps it."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One line of a script: when, and what happens then."""

    at: Duration | None = field(default=None, metadata=said("When, counted from the beginning."))
    before: str = field(default="", metadata=said("Instead: before a worker makes this call, such as evacuate web-1."))
    behind: str = field(default="", metadata=said("Instead: after it was made, before the answer.", key="after"))

    host_dies: tuple[str, ...] = field(default=(), metadata=said("Hosts lose their power.", key="host-dies"))
    host_cut: tuple[str, ...] = field(default=(), metadata=said("Hosts lose their network.", key="host-cut"))
    host_mended: tuple[str, ...] = field(default=(), metadata=said("Their network is back.", key="host-mended"))
    host_starts: tuple[str, ...] = field(default=(), metadata=said("Hosts are switched on.", key="host-starts"))
    compute_dies: tuple[str, ...] = field(default=(), metadata=said("nova-compute dies there.", key="compute-dies"))
    compute_starts: tuple[str, ...] = field(default=(), metadata=said("It is started.", key="compute-starts"))
    compute_freezes: tuple[str, ...] = field(
        default=(), metadata=said("nova-compute stands still there.", key="compute-freezes")
    )
    compute_thaws: tuple[str, ...] = field(default=(), metadata=said("It goes on.", key="compute-thaws"))
    libvirt_dies: tuple[str, ...] = field(default=(), metadata=said("libvirt dies there.", key="libvirt-dies"))
    libvirt_starts: tuple[str, ...] = field(default=(), metadata=said("It is started.", key="libvirt-starts"))
    crashes: tuple[str, ...] = field(default=(), metadata=said("Servers' processes end though nobody asked for it."))
    hangs: tuple[str, ...] = field(default=(), metadata=said("Servers run and do nothing."))
    loses_disk: tuple[str, ...] = field(
        default=(), metadata=said("Servers are paused because their disks return errors.", key="loses-disk")
    )
    hangs_busy: tuple[str, ...] = field(
        default=(), metadata=said("The agents of servers fall silent, while their disks move.", key="hangs-busy")
    )
    shuts_down: tuple[str, ...] = field(
        default=(), metadata=said("Servers are shut down from within, as their users want it.", key="shuts-down")
    )
    storage_breaks: tuple[str, ...] = field(
        default=(), metadata=said("Hosts lose the disks of their servers, which are paused.", key="storage-breaks")
    )
    storage_mends: tuple[str, ...] = field(default=(), metadata=said("The disks are back.", key="storage-mends"))
    kills_fail: Mapping[str, int] = field(
        default_factory=dict, metadata=said("How many guests hypervisors cannot end.", key="kills-fail")
    )
    restarts_fail: Mapping[str, int] = field(
        default_factory=dict, metadata=said("How many restarts of hosts' services fail.", key="restarts-fail")
    )
    bmc: tuple[Device, ...] = field(default=(), metadata=said("Fence devices behave otherwise."))
    fenced: tuple[str, ...] = field(default=(), metadata=said("Pacemaker switches hosts off and says so."))
    alert: tuple[Alert, ...] = field(default=(), metadata=said("A trigger posts an event."))

    control_dies: tuple[str, ...] = field(
        default=(), metadata=said("All nova-conductor or nova-scheduler are away.", key="control-dies")
    )
    control_starts: tuple[str, ...] = field(default=(), metadata=said("They are back.", key="control-starts"))
    actions_lost: Mapping[str, int] = field(
        default_factory=dict,
        metadata=said("How many of each action, such as reboot, Nova accepts and forgets.", key="actions-lost"),
    )
    nova: tuple[Fault, ...] = field(default=(), metadata=said("Requests to Nova come to nothing."))
    no_room: tuple[str, ...] = field(default=(), metadata=said("Nova finds no host for these servers.", key="no-room"))
    room: tuple[str, ...] = field(default=(), metadata=said("It finds one again."))
    claim_refused: Mapping[str, int] = field(
        default_factory=dict, metadata=said("How many servers hosts refuse.", key="claim-refused")
    )
    evacuations_forgotten: int = field(
        default=0,
        metadata=said("Evacuations that are accepted and forgotten.", key="evacuations-forgotten", least=1, most=1000),
    )
    zookeeper_away: Duration | None = field(
        default=None, metadata=said("ZooKeeper answers nobody for so long.", key="zookeeper-away")
    )

    killed: tuple[str, ...] = field(default=(), metadata=said("Workers die: a name, busy, leader, or all."))
    started: int = field(default=0, metadata=said("So many workers are started.", least=1, most=10))
    frozen: tuple[Still, ...] = field(default=(), metadata=said("Workers stand still."))

    disarm: tuple[Disarmed, ...] = field(default=(), metadata=said("An operator disarms a place."))
    arm: tuple[str, ...] = field(default=(), metadata=said("He arms it."))
    maintenance: tuple[str, ...] = field(default=(), metadata=said("He announces the maintenance of hosts."))
    disable: tuple[Marked, ...] = field(default=(), metadata=said("He disables hosts."))
    force_down: tuple[str, ...] = field(default=(), metadata=said("He forces hosts down.", key="force-down"))
    enable: tuple[str, ...] = field(default=(), metadata=said("He enables hosts, and takes back what he forced."))
    hold: tuple[str, ...] = field(default=(), metadata=said("He holds incidents."))
    release: tuple[str, ...] = field(default=(), metadata=said("He releases them."))
    abort: tuple[str, ...] = field(default=(), metadata=said("He aborts them."))

    live_migrate: tuple[str, ...] = field(
        default=(), metadata=said("He lets running servers move.", key="live-migrate")
    )
    cold_migrate: tuple[str, ...] = field(default=(), metadata=said("He lets servers move.", key="cold-migrate"))

    delete: tuple[str, ...] = field(default=(), metadata=said("Owners delete servers."))
    stop: tuple[str, ...] = field(default=(), metadata=said("Owners stop servers."))
    start: tuple[str, ...] = field(default=(), metadata=said("Owners start servers."))
    lock: tuple[str, ...] = field(default=(), metadata=said("Owners lock servers."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """script.yaml: what happens."""

    lasts: Duration = field(default=Duration(1800), metadata=said("How long the play lasts at most."))
    calm: Duration | None = field(
        default=None, metadata=said("From when on lines that wait for a call do not happen any more.")
    )
    acts: tuple[Act, ...] = field(metadata=said("What happens, line by line."))
