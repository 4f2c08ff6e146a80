"""What may stand in a ladder of the site file: each rung is one word, or a word with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import said
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.site_secrets import SecretSource

HOST = "{host}"
_THROUGH = said("The words before Pacemaker's commands where they are not on this machine: ssh -o BatchMode=yes ctl-1.")
_OPTIONS = said("Options for it; {host} stands for the host's name.")
_SECRETS = said("Options that are secret: where each is read from.")


@dataclass(frozen=True, slots=True)
class Plug:
    """What a fence device calls a host: its outlet, slot or domain."""

    template: str = ""
    """For every host; {host} stands for nova's name of it."""
    by_host: Mapping[str, str] = field(default_factory=dict)
    """For each host by its name; the device cannot fence others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSettings:
    """One rung of a ladder."""

    word: ClassVar[str] = ""
    """The key under which it stands."""
    short: ClassVar[str] = ""
    """The setting that the text after that key is."""
    suffices: ClassVar[bool] = True
    """A host can be proven off by it alone."""

    name: str = field(
        default="", metadata=said("What messages and `confirm_by` call it, where two rungs are of the same kind.")
    )
    confirm_by: tuple[str, ...] = field(
        default=(),
        metadata=said(
            "Who must agree with its off: names of rungs of this ladder, or `heartbeat`: nova-compute there is silent."
        ),
    )

    @property
    def default_name(self) -> str:
        """Return what it is called where it is given no name."""
        return self.word


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRung(RungSettings):
    """Pacemaker's own fencing of this incarnation, read back from its history; nothing is ordered."""

    word: ClassVar[str] = "evidence"
    wait: Duration = field(default=Duration(0), metadata=said("How long to wait for it.", most=600))
    through: str = field(default="", metadata=_THROUGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class PacemakerRung(RungSettings):
    """Pacemaker is asked to fence (`stonith_admin --fence`), and its history read back."""

    word: ClassVar[str] = "pacemaker"
    timeout: Duration = field(
        default=Duration(120), metadata=said("How long Pacemaker may take for it.", least=1, most=600)
    )
    through: str = field(default="", metadata=_THROUGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRung(RungSettings):
    """A fence agent of the fence-agents family is run, and the power state read back."""

    word: ClassVar[str] = "agent"
    short: ClassVar[str] = "agent"
    agent: str = field(metadata=said("The fence agent: a name such as fence_ipmilan, or the path of a program."))
    options: Mapping[str, str] = field(
        default_factory=dict,
        metadata=said("Options for the agent; {host} stands for the host's name, {plug} for its plug."),
    )
    secrets: Mapping[str, SecretSource] = field(default_factory=dict, metadata=_SECRETS)
    plug: Plug = field(default=Plug(), metadata=said("What the device calls a host: one text with {host}, or a map."))
    timeout: Duration = field(
        default=Duration(60), metadata=said("How long one call of the agent may take.", least=1, most=600)
    )
    times: int = field(
        default=2, metadata=said("How often in a row, a second apart, the power must read off.", least=1, most=20)
    )
    keeps_off: bool = field(
        default=False,
        metadata=said("Switch off what Pacemaker has fenced by a reboot, so that it does not come back."),
    )

    @property
    def default_name(self) -> str:
        """Return the agent's name without its folder."""
        return self.agent.rpartition("/")[2]

    def device(self, hosts: tuple[str, ...]) -> FenceDevice:
        """Return the device to fence with.  Raises ValueError for options that could pass a host off as dead."""
        plugged = self.plug != Plug()
        return FenceDevice(
            agent=self.agent,
            hosts=hosts,
            options=self.options,
            secret_options={name: source.reference for name, source in self.secrets.items()},
            plugs=self.plug.by_host,
            plug=self.plug.template if plugged else HOST,
            plug_option="plug" if plugged else "",
            timeout=float(self.timeout),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IronicRung(RungSettings):
    """Ironic is told to power the node off, and its power state read back."""

    word: ClassVar[str] = "ironic"
    short: ClassVar[str] = "node"
    node: str = field(default=HOST, metadata=said("Name or uuid of the node; {host} stands for the host's name."))
    cloud: str = field(default="", metadata=said("The cloud in clouds.yaml that Ironic is in; the site's if left out."))
    url: str = field(default="", metadata=said("The address of an Ironic without Keystone, in place of a cloud."))
    timeout: Duration = field(
        default=Duration(60), metadata=said("How long Ironic may take for it.", least=1, most=600)
    )
    keeps_off: bool = field(
        default=False,
        metadata=said("Switch off what Pacemaker has fenced by a reboot, so that it does not come back."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRung(RungSettings):
    """A program of your own fences, such as by taking the host's storage away, and says in JSON how the host is."""

    word: ClassVar[str] = "command"
    short: ClassVar[str] = "run"
    run: str = field(metadata=said("The absolute path of the program."))
    options: Mapping[str, str] = field(default_factory=dict, metadata=_OPTIONS)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict, metadata=_SECRETS)
    timeout: Duration = field(
        default=Duration(30), metadata=said("How long one call of the program may take.", least=1, most=600)
    )
    times: int = field(
        default=2, metadata=said("How often in a row, a second apart, it must say off or fenced.", least=1, most=20)
    )

    @property
    def default_name(self) -> str:
        """Return the program's name without its folder."""
        return self.run.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfRung(RungSettings):
    """The host resets itself when it has lost contact (SBD, a watchdog): it is waited until it must have done so."""

    word: ClassVar[str] = "self"
    short: ClassVar[str] = "watchdog"
    watchdog: Duration = field(
        metadata=said("After how long without contact the host resets itself, at the latest.", least=1, most=3600)
    )
    margin: Duration = field(default=Duration(30), metadata=said("What is waited beyond that.", least=5, most=3600))
    through: str = field(default="", metadata=_THROUGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class KdumpRung(RungSettings):
    """A host that writes its crash dump is left alone until it has finished; a program of yours knows of it."""

    word: ClassVar[str] = "kdump"
    short: ClassVar[str] = "run"
    suffices: ClassVar[bool] = False
    run: str = field(metadata=said("The absolute path of the program that knows."))
    options: Mapping[str, str] = field(default_factory=dict, metadata=_OPTIONS)
    limit: Duration = field(
        default=Duration(300), metadata=said("How long a dump is waited for at the most.", least=1, most=3600)
    )
    timeout: Duration = field(
        default=Duration(15), metadata=said("How long one call of the program may take.", least=1, most=600)
    )
    proves: bool = field(
        default=False,
        metadata=said("Evacuate while it dumps, where policies do not say (`fence: {while_dumping: ...}`)."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanRung(RungSettings):
    """Somebody is told, once; what he says with `medevac incident ack` is evidence."""

    word: ClassVar[str] = "human"
    short: ClassVar[str] = "page"
    suffices: ClassVar[bool] = False
    page: str = field(default="", metadata=said("Who is told that nothing above fenced the host: one of `notify`."))


RUNGS: Mapping[str, type[RungSettings]] = {
    rung.word: rung
    for rung in (
        KdumpRung,
        EvidenceRung,
        PacemakerRung,
        AgentRung,
        IronicRung,
        CommandRung,
        SelfRung,
        HumanRung,
    )
}
"""The words of a ladder, in the order in which one would climb them."""
