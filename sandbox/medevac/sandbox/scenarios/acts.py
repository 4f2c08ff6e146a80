"""Acts: what each line of a script does to the site, its workers and the people around it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.sandbox.clock import START
from medevac.sandbox.cloud.model import actions, cold_migration, control, guests, live_migration, machines
from medevac.sandbox.cloud.model.errors import Refusal
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.scenarios.language import Alert, Device, Disarmed, Fault, Marked, Still
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.stage import Stage
from medevac.workers.brakes import marks, orders
from medevac.workers.brakes.marks import Disarm, Maintenance, Mode
from medevac.workers.brakes.orders import Given

WHO = "alice"
"""The operator."""


def _shut_down(world: World, server_id: str) -> None:
    """Let the guest shut itself down; what its user wants counts from when Nova knows of it, and not before."""
    guests.shut_down(world, server_id)
    server = world.server(server_id)
    server.should_run = True

    def known() -> None:
        server.should_run = server.should_run and server.vm_state != "stopped"

    world.after(world.settings.lifecycle_seconds + 1, known)


_MACHINES: Mapping[str, Callable[..., None]] = {
    "host_dies": machines.power_off,
    "host_cut": machines.cut_network,
    "host_mended": machines.mend_network,
    "host_starts": machines.power_on,
    "compute_dies": machines.kill_compute,
    "compute_starts": machines.start_compute,
    "compute_freezes": machines.freeze_compute,
    "compute_thaws": machines.thaw_compute,
    "libvirt_dies": machines.stop_libvirt,
    "libvirt_starts": machines.start_libvirt,
    "storage_breaks": machines.break_storage,
    "storage_mends": machines.mend_storage,
}
_SERVERS: Mapping[str, Callable[..., None]] = {
    "delete": actions.delete,
    "stop": lambda world, server: actions.stop(world, server, by_owner=True),
    "start": lambda world, server: actions.start(world, server, by_owner=True),
    "lock": actions.lock,
    "crashes": guests.crash,
    "hangs": guests.hang,
    "hangs_busy": functools.partial(guests.hang, busy=True),
    "loses_disk": guests.pause,
    "shuts_down": _shut_down,
    "live_migrate": live_migration.live_migrate,
    "cold_migrate": cold_migration.migrate,
}


class Hands:
    """Whoever does what scripts say."""

    def __init__(self, stage: Stage) -> None:
        """Act on *stage*."""
        self._stage = stage
        self._numbers = itertools.count(1)

    def do(self, verb: str, value: Any) -> None:  # noqa: ANN401 - the value of any field of Act
        """Do what the line *verb* says, with *value*."""
        if verb in _MACHINES:
            with self._stage.world.settled() as world:
                for name in value:
                    _MACHINES[verb](world, name)
        elif verb in _SERVERS:
            self._server(verb, value)
        else:
            getattr(self, f"do_{verb}")(value)

    def _server(self, verb: str, names: tuple[str, ...]) -> None:
        with self._stage.world.settled() as world:
            for name in names:
                server = next((s for s in world.servers.values() if s.name == name and not s.deleted), None)
                if server is None:
                    continue
                if verb == "stop":
                    self._stage.witness.stopped_at[server.id] = world.now
                self._stage.witness.homecomings.spoken_at[server.id] = world.now
                _try(functools.partial(_SERVERS[verb], world, server.id))

    # -- machines and triggers

    def do_bmc(self, devices: tuple[Device, ...]) -> None:
        """Let fence devices behave otherwise."""
        for device in devices:
            self._stage.bmc.order(device.host, device.does.value, via=device.via)

    def do_fenced(self, hosts: tuple[str, ...]) -> None:
        """Let Pacemaker fence *hosts*: they lose their power, and an alert says so."""
        facts = {"action": "off", "by": "fence-device", "client": "pacemaker-controld.1", "result": "OK"}
        for host in hosts:
            with self._stage.world.settled() as world:
                machines.power_off(world, host, "Pacemaker fenced it")
            self.do_alert((Alert(kind="host.fenced", host=host, facts=facts),))

    def do_alert(self, alerts: tuple[Alert, ...]) -> None:
        """Let a trigger post events."""
        for alert in alerts:
            for _ in range(alert.copies):
                self._stage.post(self._event(alert))

    def _event(self, alert: Alert) -> Event:
        seen_at = self._stage.loom.now() - float(alert.old)
        subject = Subject(SubjectKind.HOST, alert.host)
        reporter = "node-1"
        if alert.server:
            server = next(s for s in self._stage.world.servers.values() if s.name == alert.server)
            subject, reporter = Subject(SubjectKind.SERVER, server.id), server.host or ""
        number = next(self._numbers)
        event_id = f"{int((seen_at - START) * 1_000_000):016x}-{number:08x}"
        return Event(event_id, EventKind(alert.kind), subject, "pacemaker", reporter, seen_at, alert.facts)

    # -- Nova and ZooKeeper

    def do_control_dies(self, names: tuple[str, ...]) -> None:
        """Take services of the control plane away."""
        with self._stage.world.settled() as world:
            for name in names:
                control.take_down(world, name)
                self._stage.witness.control_away.setdefault(name, world.now)

    def do_control_starts(self, names: tuple[str, ...]) -> None:
        """Bring them back."""
        with self._stage.world.settled() as world:
            for name in names:
                control.bring_up(world, name)
                self._stage.witness.control_away.pop(name, None)

    def do_nova(self, faults: tuple[Fault, ...]) -> None:
        """Let requests to Nova come to nothing."""
        with self._stage.world.settled() as world:
            for fault in faults:
                until = None if fault.seconds is None else world.now + float(fault.seconds)
                count = fault.count or ANY
                asked = {"method": fault.method, "path": fault.path, "body": fault.body}
                world.mishaps.order(fault.does.value, **asked, count=count, until=until)

    def do_no_room(self, names: tuple[str, ...]) -> None:
        """Let Nova find no host for servers."""
        self._pin(names, "nowhere")

    def do_room(self, names: tuple[str, ...]) -> None:
        """Let it find one again."""
        self._pin(names, None)

    def _pin(self, names: tuple[str, ...], zone: str | None) -> None:
        with self._stage.world.settled() as world:
            for server in world.servers.values():
                if server.name in names:
                    server.pinned_zone = zone

    def do_kills_fail(self, number: Mapping[str, int]) -> None:
        """Let hypervisors be unable to end guests."""
        self._stage.world.mishaps.fail_kills.update(number)

    def do_restarts_fail(self, number: Mapping[str, int]) -> None:
        """Let restarts of services come to nothing."""
        self._stage.world.mishaps.fail_restarts.update(number)

    def do_actions_lost(self, number: Mapping[str, int]) -> None:
        """Let Nova forget what it has accepted."""
        self._stage.world.mishaps.lose_actions.update(number)

    def do_claim_refused(self, refused: Mapping[str, int]) -> None:
        """Let hosts refuse servers."""
        self._stage.world.mishaps.refuse_claims.update(refused)

    def do_evacuations_forgotten(self, number: int) -> None:
        """Let Nova forget evacuations that it has accepted."""
        self._stage.world.mishaps.lose_evacuations = number

    def do_zookeeper_away(self, seconds: float) -> None:
        """Let ZooKeeper answer nobody."""
        self._stage.lose_zookeeper(float(seconds))

    # -- workers

    def do_killed(self, names: tuple[str, ...]) -> None:
        """Kill workers."""
        for name in names:
            for process in self._meant(name):
                process.die()

    def do_started(self, number: int) -> None:
        """Start workers."""
        for _ in range(number):
            self._stage.start_worker()

    def do_frozen(self, stills: tuple[Still, ...]) -> None:
        """Let workers stand still."""
        for still in stills:
            for process in self._meant(still.who):
                process.freeze(float(still.seconds))

    def _meant(self, name: str) -> list[Process]:
        alive = self._stage.alive()
        if name == "all":
            return alive
        if name == "leader":
            leader = (self._stage.read(f"{layout.LEADER}/scenario") or b"").decode()
            return [process for process in alive if process.name == leader]
        if name == "busy":
            return [busy] if (busy := self._stage.busy_worker()) else []
        return [process for process in alive if process.name == name]

    # -- operators

    def do_disarm(self, places: tuple[Disarmed, ...]) -> None:
        """Disarm places."""
        now = self._stage.loom.now()
        for place in places:
            until = 0.0 if place.seconds is None else now + float(place.seconds)
            mark = Disarm(place.scope, Mode(place.mode), WHO, "a scenario", now, until)
            marks.put(self._stage.observer, mark)
        self._stage.witness.storms.forget_what_is_spoken_for()
        self._stage.loom.wake()

    def do_arm(self, scopes: tuple[str, ...]) -> None:
        """Arm them."""
        for scope in scopes:
            marks.remove(self._stage.observer, layout.disarm(scope))
        self._stage.loom.wake()

    def do_maintenance(self, hosts: tuple[str, ...]) -> None:
        """Announce the maintenance of hosts."""
        for host in hosts:
            marks.put(self._stage.observer, Maintenance(host, WHO, "a scenario", self._stage.loom.now()))
        self._stage.witness.storms.forget_what_is_spoken_for()

    def do_disable(self, marked: tuple[Marked, ...]) -> None:
        """Disable hosts, for a reason that nobody else may change."""
        with self._stage.world.settled() as world:
            for each in marked:
                host = world.hosts[each.host]
                host.disabled, host.disabled_reason, host.changed_at = True, each.reason, world.now
                self._stage.witness.mark(each.host, disabled=True, disabled_reason=each.reason)
        self._stage.witness.storms.forget_what_is_spoken_for()

    def do_force_down(self, hosts: tuple[str, ...]) -> None:
        """Force hosts down."""
        with self._stage.world.settled() as world:
            for name in hosts:
                if not world.hosts[name].forced_down:  # where it is already, nobody could tell whose mark it is
                    world.hosts[name].forced_down, world.hosts[name].changed_at = True, world.now
                    self._stage.witness.mark(name, forced_down=True)

    def do_enable(self, hosts: tuple[str, ...]) -> None:
        """Take all of that back."""
        with self._stage.world.settled() as world:
            for name in hosts:
                host = world.hosts[name]
                host.disabled, host.disabled_reason, host.forced_down = False, None, False
                self._stage.witness.marks.pop(name, None)

    def do_hold(self, incidents: tuple[str, ...]) -> None:
        """Hold incidents."""
        self._stage.witness.caps.held.update(incidents)
        self._order(orders.hold, incidents)

    def do_release(self, incidents: tuple[str, ...]) -> None:
        """Release them."""
        self._order(orders.release, incidents)

    def do_abort(self, incidents: tuple[str, ...]) -> None:
        """Abort them."""
        self._order(orders.abort, incidents)

    def _order(self, give: Callable[..., str], incidents: tuple[str, ...]) -> None:
        ids = {server.name: server.id for server in self._stage.world.servers.values()}
        for incident in incidents:
            failure, name, number = incident.split(":")
            said = Given(WHO, "a scenario", self._stage.loom.now())
            _try(functools.partial(give, self._stage.observer, f"{failure}:{ids.get(name, name)}:{number}", said))
        self._stage.witness.dirty = True
        self._stage.loom.wake()


def _try(act: Callable[[], object]) -> None:
    """Do what may be refused: what people order too late is no mistake of the scenario."""
    try:
        act()
    except (MedevacError, Refusal):
        return
