"""Live seeds: plays in which hosts live and lack something, servers fail, and hosts may die of it all the same.

Beside what dead_seeds.py draws: nova-compute, libvirt, networks and disks of hosts that come and go, servers that
crash, hang or lose their disks, owners and operators at work, maintenance, disarming of single hosts, reserved hosts,
moves by hand, a control plane that goes away, and policies that kill, fence, keep an order, and do things side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from medevac.flows.failback import Failback
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import FlavorSpec, GroupSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.scenarios.drawing import CALM, LASTS, MOST_TROUBLES, Drawer, When, line
from medevac.sandbox.scenarios.language import Act, Alert, Device, Disarmed, Marked, Mood, Script
from medevac.sandbox.scenarios.stage import BOOTS, Ground
from medevac.workers.site import Site

EARLY = 240.0
"""Failures and troubles come within so many seconds of the beginning, or at a call that a worker makes."""
LIFECYCLE = 20.0
"""Seconds after which Nova knows that a server was shut down from within."""
MOST_FAILURES = 3
PAIR = (1, 2)
"""The numbers of the servers that may be of one strict group."""
SPARE = "spare-1"
SERVER_FAILURES = ("server.crashed", "server.hung", "server.io-error", "workload.failed")
HOST_FAILURES = ("host.down", "nova-compute.down", "libvirt.down", "host.degraded", "host.network.tenant.down")
TO_HOSTS = ("set_enabled", "kill", "take_out", "resume", "restart", "order")
TO_SERVERS = ("reboot", "live_migrate", "evacuate", "start")
"""Calls at which a trouble may come."""


def written(random: Random, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *random* decides."""
    return _Author(random).write(policies)


class _Author(Drawer):
    """Writes one play."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.victims = self.hosts[:2]

    def server(self, number: int) -> ServerSpec:
        """Return one that runs or is shut off; the first two may have to stay apart."""
        return ServerSpec(
            name=f"web-{number}",
            host=self.any(self.hosts[:2]),
            image="",
            vm_state=self.any(("active", "active", "active", "active", "stopped")),
            metadata={"ha": "pet"} if self.chance(0.4) else {},
            project=self.any(("demo", "demo", "batch")),
            group="pair" if number in PAIR and self.chance(0.3) else "",
        )

    def write(self, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
        """Return both, by one of *policies*."""
        failures = [act for _ in range(self.random.randint(1, MOST_FAILURES)) for act in self._failure()]
        troubles = [self._trouble() for _ in range(self.random.randint(0, MOST_TROUBLES))]
        acts = (*failures, *troubles, *self._calm())
        return self._ground(policies), Script(lasts=Duration(LASTS), calm=Duration(CALM), acts=acts)

    def _ground(self, policies: Sequence[PolicySet]) -> Ground:
        spare = (SPARE,) if self.chance(0.3) else ()
        spec = SiteSpec(
            hosts=tuple(HostSpec(name, "az1") for name in (*self.hosts, *spare)),
            servers=tuple(self.servers),
            flavors=(FlavorSpec("m1.small"),),
            groups=(GroupSpec("pair", "anti-affinity", "demo"),),
        )
        site = Site(
            zookeeper="127.0.0.1:1/medevac",
            policies=Path(),
            shared_storage=("*",),
            reserved=Reserved(hosts=spare),
            way_back=WayBack(failback=Failback(most=2) if self.chance(0.3) else None),
        )
        cloud = CloudSettings(
            seed=self.random.getrandbits(16), evacuate_seconds=self.any((1.0, 3.0, 20.0, 90.0)), boot_seconds=BOOTS
        )
        return Ground(spec, site, self.any(policies), cloud, self.any((1, 2, 2, 3)), reserved=spare)

    # -- failures

    def _failure(self) -> list[Act]:
        at = self.random.uniform(1, EARLY)
        makers = (self._compute, self._compute, self._libvirt, self._network, self._disks, self._server_fails)
        return self.any((*makers, self._server_fails, self._server_fails, self._host_dies, self._degraded))(at)

    def _later(self, at: float, most: float) -> Duration:
        return Duration(at + self.random.uniform(1, most))

    def _compute(self, at: float) -> list[Act]:
        """Let nova-compute die; it may come back by itself, and libvirt may be dead too."""
        host = self.any(self.victims)
        with_libvirt = (host,) if self.chance(0.25) else ()
        acts = [
            Act(at=Duration(at), compute_dies=(host,), libvirt_dies=with_libvirt),
            Act(at=self._later(at, 90), alert=(Alert(kind="nova-compute.down", host=host),)),
        ]
        if self.chance(0.4):
            up = Alert(kind="nova-compute.up", host=host)
            acts.append(Act(at=self._later(at, 400), compute_starts=(host,), libvirt_starts=with_libvirt, alert=(up,)))
        return acts

    def _libvirt(self, at: float) -> list[Act]:
        host = self.any(self.victims)
        acts = [
            Act(at=Duration(at), libvirt_dies=(host,)),
            Act(at=self._later(at, 30), alert=(Alert(kind="libvirt.down", host=host),)),
        ]
        if self.chance(0.4):
            up = Alert(kind="libvirt.up", host=host)
            acts.append(Act(at=self._later(at, 400), libvirt_starts=(host,), alert=(up,)))
        if self.chance(0.3):
            acts.append(Act(at=Duration(at), restarts_fail={host: self.any((1, 5))}))
        return acts

    def _network(self, at: float) -> list[Act]:
        """Let a network of a host be gone; without that of management the host is cut off."""
        host, role = self.any(self.victims), self.any(("management", "storage", "tenant", ""))
        facts = {"role": role} if role else {}
        cut = (host,) if role == "management" else ()
        acts = [
            Act(at=Duration(at), host_cut=cut, alert=(Alert(kind="host.network.down", host=host, facts=facts),)),
        ]
        if self.chance(0.5):
            up = Alert(kind="host.network.up", host=host, facts=facts)
            acts.append(Act(at=self._later(at, 300), host_mended=cut, alert=(up,)))
        return acts

    def _disks(self, at: float) -> list[Act]:
        """Let a host lose the disks of its servers, and each tell of it."""
        host = self.any(self.victims)
        facts = {"paused": "yes", "reason": "eio"}
        paused = [each.name for each in self.servers if each.host == host and each.vm_state == "active"]
        alerts = tuple(Alert(kind="server.io-error", server=name, facts=facts) for name in paused)
        return [
            Act(at=Duration(at), storage_breaks=(host,)),
            Act(at=self._later(at, 5), alert=alerts),
            Act(at=self._later(at, 200), storage_mends=(host,)),
        ]

    def _server_fails(self, at: float) -> list[Act]:
        name = self.any(self.names)
        verb, kind, facts = self.any(
            (
                ("crashes", "server.crashed", {"boot": "1"}),
                ("crashes", "server.crashed", {}),
                ("crashes", "server.stopped", {"cause": "signal"}),
                ("hangs", "server.hung", {}),
                ("hangs_busy", "server.hung", {}),
                ("loses_disk", "server.io-error", {"paused": "yes", "reason": "eio"}),
                ("hangs", "workload.failed", {}),
                ("shuts_down", "server.stopped", {"cause": "forgotten"}),
            )
        )
        alert = Alert(kind=kind, server=name, facts=facts, copies=self.any((1, 1, 2)))
        # What its user shut down is told when Nova knows of it: before that nobody could tell it from a crash.
        noticed = at + LIFECYCLE if verb == "shuts_down" else at
        acts = [line({"at": Duration(at)}, **{verb: (name,)}), Act(at=self._later(noticed, 20), alert=(alert,))]
        if kind == "workload.failed" and self.chance(0.4):
            acts.append(Act(at=self._later(at, 100), alert=(Alert(kind="workload.ok", server=name),)))
        return acts

    def _host_dies(self, at: float) -> list[Act]:
        host = self.any(self.victims)
        how = self.any(("fenced", "dies", "cut"))
        if how == "fenced":
            return [Act(at=Duration(at), fenced=(host,))]
        first = Act(at=Duration(at), host_dies=(host,)) if how == "dies" else Act(at=Duration(at), host_cut=(host,))
        return [first, Act(at=self._later(at, 70), alert=(Alert(kind="host.down", host=host),))]

    def _degraded(self, at: float) -> list[Act]:
        alert = Alert(kind="host.degraded", host=self.any(self.victims), facts={"what": "memory"})
        return [Act(at=Duration(at), alert=(alert,))]

    # -- troubles

    def _trouble(self) -> Act:
        makers: list[Callable[[When], Act]] = [
            self.device, self.fault, self._forgets, self.zookeeper, self.death, self.stillness, self._control,
            self._disarm, self._mark, self._maintenance, self._orders, self._orders, self._owner, self._owner,
            self.comes_back, self._moves, self._kills_fail,
        ]  # fmt: skip
        return self.any(makers)(self.when(EARLY, self._call))

    def _call(self) -> str:
        deed = self.any((*TO_HOSTS, *TO_SERVERS))
        return f"{deed} {self.any(self.victims if deed in TO_HOSTS else self.names)}"

    def _forgets(self, when: When) -> Act:
        if self.chance(0.5):
            return line(when, evacuations_forgotten=1)
        return line(when, actions_lost={self.any(("reboot", "start", "live-migration", "migration")): 1})

    def _control(self, when: When) -> Act:
        return line(when, control_dies=(self.any(("nova-conductor", "nova-scheduler")),))

    def _disarm(self, when: When) -> Act:
        scope = self.any(("cloud", "az1", f"host:{self.any(self.victims)}"))
        seconds = self.any((None, Duration(120)))
        return line(when, disarm=(Disarmed(scope=scope, mode=self.any(("freeze", "ignore")), seconds=seconds),))

    def _mark(self, when: When) -> Act:
        host = self.any(self.victims)
        if self.chance(0.3):
            return line(when, force_down=(host,))
        return line(when, disable=(Marked(host=host, reason="ask bob"),))

    def _maintenance(self, when: When) -> Act:
        return line(when, maintenance=(self.any(self.victims),))

    def _orders(self, when: When) -> Act:
        return line(when, **{self.any(("hold", "abort", "release")): (self.any(self._incidents()),)})

    def _owner(self, when: When) -> Act:
        return line(when, **{self.any(("delete", "stop", "stop", "start", "lock")): (self.any(self.names),)})

    def _moves(self, when: When) -> Act:
        return line(when, **{self.any(("live_migrate", "cold_migrate")): (self.any(self.names),)})

    def _kills_fail(self, when: When) -> Act:
        return line(when, kills_fail={self.any(self.victims): self.any((1, 3))})

    # -- the end

    def _incidents(self) -> tuple[str, ...]:
        """Return incidents that there may be; those of servers are known by name here."""
        of_hosts = [f"{failure}:{host}:1" for failure in HOST_FAILURES for host in self.victims]
        return (*of_hosts, *(f"{failure}:{name}:1" for failure in SERVER_FAILURES for name in self.names))

    def _calm(self) -> list[Act]:
        """Return the end of all troubles: what can be mended is, and people release what waits for them."""
        obeying = tuple(Device(host=host, does=Mood.OBEY) for host in self.victims)
        scopes = ("cloud", "az1", *(f"host:{host}" for host in self.victims))
        victims = tuple(self.victims)
        return [
            Act(
                at=Duration(CALM),
                compute_starts=victims,
                libvirt_starts=victims,
                storage_mends=victims,
                bmc=obeying,
                control_starts=("nova-conductor", "nova-scheduler"),
                started=1,
                arm=scopes,
            ),
            Act(at=Duration(CALM + 60), release=self._incidents()),
        ]
