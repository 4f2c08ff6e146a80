"""The negative table of issue 4: what must not start a recovery, from its cause to what was decided.

Where the cause was captured from a real Pacemaker or a real libvirt, the row begins with what the trigger makes of
that.  Where a trigger tells nothing, the row lets it tell a failure all the same: triage and Nova must know better.
Each row was seen to fail with the guard removed that is named behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from medevac.core.event import Event, EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import actions, guests, live_migration, machines
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.world import World
from medevac.triggers.libvirt_codes import State
from medevac.triggers.libvirt_events import Standing, begun, compare
from medevac.triggers.pacemaker import NotAnEvent, classify
from medevac.workers.brakes import Brakes, marks
from medevac.workers.brakes.marks import Maintenance
from medevac.workers.names import match
from medevac.workers.site_brakes import BrakeSettings
from tests.component.workers.bench import HOST, HOSTS, SERVERS, WEB, Bench
from tests.fixtures.pacemaker import captured
from tests.unit.triggers.test_libvirt_events import replayed

DAY = 86_400.0
RIG = {f"compute{n}": f"compute-{n}" for n in (1, 2, 3)}
"""The hosts of the captured alerts, and ours."""

Story = list[tuple[str, str]]
"""What happened, and what was made of it."""


class Row:
    """One row while it is told."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.story: Story = []
        self._waiting: list[tuple[str, Event]] = []

    def told(self) -> Iterator[tuple[str, str]]:
        """Yield the story, with what became later of what waited."""
        yield from self.story
        self.bench.triage.settle_waiting()
        for cause, event in self._waiting:
            handled = self.bench.handled(event)
            yield f"later: {cause}", f"{handled.outcome}: {handled.reason}" if handled else "waits on"

    def libvirt(self, stream: str) -> None:
        """Let the listener hear a captured stream; it must not tell a failure."""
        told = replayed(stream).told
        self.story.append((f"libvirt sends {stream}", "no event" if not told else f"EVENT {told}"))
        assert told == []

    def pacemaker(self, pattern: str, age: float = 0.0) -> None:
        """Let the alert agents hear the captured alerts whose names begin with *pattern*, and triage what they post."""
        names = [(name, environment) for name, environment in captured() if name.startswith(pattern)]
        assert names, f"no captured alert {pattern}"
        for name, environment in names:
            found = classify(environment, reporter="node1", now=self.bench.now)
            if isinstance(found, NotAnEvent):
                self.story.append((f"Pacemaker sends {name}", f"no event: {found.reason}"))
            else:
                self.tell(replace(found, seen_at=self.bench.now - age), f"Pacemaker sends {name}")
            self.bench.pass_time(0.5)

    def tell(self, event: Event, cause: str = "") -> None:
        """Post *event* and keep what triage makes of it."""
        cause = cause or f"{event.kind} of {event.subject.name}"
        handled = self.bench.told(event)
        self.story.append((cause, f"{handled.outcome}: {handled.reason}" if handled else "waits"))
        if handled is None:
            self._waiting.append((cause, event))

    def all_the_same(self, *kinds: EventKind, **facts: str) -> None:
        """Let a trigger tell a failure of the server although nothing failed."""
        for kind in kinds or (EventKind.SERVER_CRASHED, EventKind.SERVER_HUNG):
            self.tell(self.bench.server_event(kind, **facts), f"{kind} is told all the same")

    def nova(self, change: Callable[[World, Server], None], then: float = 0.0) -> None:
        """Let somebody use Nova."""
        with self.bench.site.world.settled() as world:
            change(world, world.server(SERVERS[WEB]))
        if then:
            self.bench.pass_time(then)


def standing_as(vm_state: str, task_state: str | None = None, host: str = HOST) -> Callable[[World, Server], None]:
    """Return what makes Nova's record of the server say so."""

    def change(world: World, server: Server) -> None:
        server.vm_state, server.task_state, server.host = vm_state, task_state, host
        world.touch(server)

    return change


def owners_shutdown_from_inside(row: Row) -> None:  # guard: opinion._stopped
    row.libvirt("l01_clean_shutdown")
    row.libvirt("l02_virsh_shutdown_agent")
    row.nova(lambda world, server: guests.shut_down(world, server.id), 20.0)
    event = row.bench.server_event(EventKind.SERVER_STOPPED, cause="forgotten")
    row.tell(replace(event, seen_at=row.bench.now - 20.0), "libvirt forgot why it is off")


def openstack_server_stop(row: Row) -> None:  # guard: opinion._ENDING, opinion._stopped
    row.libvirt("l03_destroy")
    row.nova(standing_as("active", "powering-off"))
    row.all_the_same(boot="1")
    row.nova(standing_as("active"))
    row.nova(lambda world, server: actions.stop(world, server.id, by_owner=True), 2.0)
    row.all_the_same(boot="2")


def reboot(row: Row) -> None:  # guard: opinion._ENDING
    row.libvirt("l16_reboots")
    row.nova(standing_as("active", "reboot_started_hard"))
    row.all_the_same()


def reboot_that_has_ended(row: Row) -> None:  # guard: opinion._ENDS
    event = row.bench.server_event(EventKind.SERVER_HUNG)
    row.bench.pass_time(10.0)
    row.nova(lambda world, server: actions.reboot(world, server.id, "HARD"), 2.0)
    row.tell(event, "it hung, and its owner has rebooted it since")


def resize(row: Row) -> None:  # guard: opinion._ENDING, opinion._WISHES
    row.nova(standing_as("active", "resize_migrating"))
    row.all_the_same(boot="1")
    row.nova(standing_as("resized"))
    row.all_the_same(boot="2")


def live_migration_out(row: Row) -> None:  # guard: opinion.of_nova, the server's host
    row.libvirt("l19_migrate_src")
    row.nova(lambda world, server: live_migration.live_migrate(world, server.id), 30.0)
    row.all_the_same()


def live_migration_in(row: Row) -> None:  # guard: opinion.of_nova, the server's host
    row.libvirt("l19_migrate_dst")
    row.libvirt("l20_migrate_fails_src")
    row.nova(standing_as("active", "migrating"))
    arriving = row.bench.server_event(EventKind.SERVER_CRASHED, host="compute-2")
    row.tell(arriving, "the copy that arrives on compute-2 ends, as after a failed migration")
    row.nova(standing_as("active"))
    again = row.bench.server_event(EventKind.SERVER_CRASHED, host="compute-2", boot="2")
    row.tell(again, "the same, and Nova has called the migration off already")


def live_migration_under_way(row: Row) -> None:  # guard: opinion._busy, what it does not know
    row.nova(standing_as("active", "migrating"))
    row.all_the_same(EventKind.SERVER_CRASHED)


def rescue(row: Row) -> None:  # guard: opinion._ENDING, opinion._WISHES
    row.nova(standing_as("active", "rescuing"))
    row.all_the_same(boot="1")
    row.nova(standing_as("rescued"))
    row.all_the_same(boot="2")


def suspend(row: Row) -> None:  # guard: opinion._ENDING, opinion._WISHES
    row.libvirt("l17_suspend_resume")
    row.nova(standing_as("active", "suspending"))
    row.all_the_same(boot="1")
    row.nova(standing_as("suspended"))
    row.all_the_same(boot="2")


def shelve(row: Row) -> None:  # guard: opinion._ENDING, opinion._WISHES
    row.nova(standing_as("active", "shelving"))
    row.all_the_same(boot="1")
    row.nova(standing_as("shelved"))
    row.all_the_same(boot="2")
    row.nova(standing_as("shelved_offloaded", host=""))
    row.all_the_same(boot="3")


def deletion(row: Row) -> None:  # guard: opinion.of_nova, no such server
    row.nova(lambda world, server: actions.delete(world, server.id))
    row.all_the_same()


def host_maintenance(row: Row) -> None:  # guard: the brakes
    bench = row.bench
    bench.sit_at(replace(bench.desk, brakes=Brakes(bench.client, bench.site.cloud, bench.site.clock, BrakeSettings())))
    for host in (HOST, "compute-3"):
        marks.put(bench.client, Maintenance(host, "alice", "new fans", bench.now))
        row.tell(bench.host_event(EventKind.HOST_FENCED, host), f"{host} is in maintenance and is fenced")


def service_restarted_by_hand(row: Row) -> None:  # guard: the heartbeat
    row.pacemaker("s09")
    event = row.bench.host_event(EventKind.NOVA_COMPUTE_DOWN)
    row.nova(lambda world, _: machines.kill_compute(world, HOST))
    row.bench.pass_time(3.0)
    row.nova(lambda world, _: machines.start_compute(world, HOST))
    row.bench.pass_time(32.0)
    row.tell(event, "nova-compute was stopped, and has been started again")


def libvirt_restarted_by_hand(row: Row) -> None:  # guard: LiveHost._over_since
    down = row.bench.host_event(EventKind.LIBVIRT_DOWN)
    row.bench.pass_time(2.0)
    row.tell(row.bench.host_event(EventKind.LIBVIRT_UP))
    row.tell(down, "libvirt was away, and is back")


def standby_of_a_node(row: Row) -> None:  # guard: triggers/pacemaker.py, _judge_service
    row.pacemaker("s09.003")
    row.pacemaker("s09.004")
    row.pacemaker("s05.004")
    row.pacemaker("s05.005")


def graceful_stop_of_pacemaker_remote(row: Row) -> None:  # guard: intake._SILENT
    row.pacemaker("s05")


def a_connection_that_moves_to_another_node(row: Row) -> None:  # guard: returning.taken_out_by
    row.pacemaker("s02.011")
    row.pacemaker("s13")


def alert_replayed_a_day_later(row: Row) -> None:  # guard: shared.too_old
    row.pacemaker("s01.007", age=DAY)
    for kind in (EventKind.SERVER_CRASHED, EventKind.WORKLOAD_FAILED):
        event = row.bench.server_event(kind)
        row.tell(replace(event, seen_at=row.bench.now - DAY), f"{kind} of yesterday")
    for kind in (EventKind.LIBVIRT_DOWN, EventKind.HOST_DEGRADED):
        event = row.bench.host_event(kind)
        row.tell(replace(event, seen_at=row.bench.now - DAY), f"{kind} of yesterday")


def fencing_of_a_host_that_is_back(row: Row) -> None:  # guard: HostDown, _over_since
    fenced = row.bench.host_event(EventKind.HOST_FENCED)
    row.bench.pass_time(30.0)
    row.tell(row.bench.host_event(EventKind.HOST_MEMBER))
    row.tell(fenced, "a spool posts the fencing from before that")


def fencing_of_a_cluster_node(row: Row) -> None:  # guard: HostDown._new, no compute service
    row.tell(row.bench.host_event(EventKind.HOST_FENCED, "node2"))


def fencing_that_a_person_asked_for_and_that_failed(row: Row) -> None:  # guard: host_down.asks_for_nothing
    row.tell(row.bench.host_event(EventKind.HOST_FENCING_FAILED, facts={"client": "stonith_admin.64"}))


def a_test_alert(row: Row) -> None:  # guard: intake._SILENT
    row.tell(row.bench.host_event(EventKind.TEST))


def listener_restart(row: Row) -> None:  # guard: libvirt_events.compare
    row.libvirt("l21_libvirtd_killed")
    row.libvirt("l27_libvirtd_sigterm")
    life = begun(SERVERS[WEB], row.bench.now, 1)
    _, found = compare(life, Standing(SERVERS[WEB], row.bench.now + 1, State.RUNNING, 1, domain=1))
    row.story.append(("the listener starts again, and finds the server running", str(found)))
    assert type(found).__name__ == "NotAnEvent"


def all_services_stale_at_once(row: Row) -> None:  # guard: LiveHost._all_silent
    for host in HOSTS:
        with row.bench.site.world.settled() as world:
            machines.kill_compute(world, host)
    row.bench.pass_time(120.0)
    for host in HOSTS:
        row.tell(row.bench.host_event(EventKind.NOVA_COMPUTE_DOWN, host))
    row.bench.pass_time(20.0)


def control_plane_away(row: Row) -> None:  # guard: ControlPlane opens nothing
    for service in ("nova-api", "rabbitmq"):
        row.tell(row.bench.host_event(EventKind.CONTROL_PLANE_DOWN, service, {"service": service}))


def nova_api_away(row: Row) -> None:  # guard: what Nova's silence raises, and the event stays
    row.bench.site.world.mishaps.order("reset", path="/servers/")
    row.all_the_same(EventKind.SERVER_CRASHED)
    row.bench.site.world.mishaps.order("reset")
    row.tell(row.bench.host_event(EventKind.NOVA_COMPUTE_DOWN))


def a_name_that_could_be_two_hosts(row: Row) -> None:  # guard: names.match
    bench = row.bench
    bench.sit_at(replace(bench.desk, host_names=lambda name: match(name, ("c1.a.example", "c1.b.example")) and HOST))
    row.tell(bench.host_event(EventKind.HOST_FENCED, "c1"))


ROWS = (
    *(owners_shutdown_from_inside, openstack_server_stop, reboot, reboot_that_has_ended, resize, live_migration_out),
    *(live_migration_in, live_migration_under_way, rescue, suspend, shelve, deletion, host_maintenance),
    *(service_restarted_by_hand, libvirt_restarted_by_hand, standby_of_a_node, graceful_stop_of_pacemaker_remote),
    *(a_connection_that_moves_to_another_node, alert_replayed_a_day_later, fencing_of_a_host_that_is_back),
    *(fencing_of_a_cluster_node, fencing_that_a_person_asked_for_and_that_failed, a_test_alert, listener_restart),
    *(all_services_stale_at_once, control_plane_away, nova_api_away, a_name_that_could_be_two_hosts),
)


@pytest.mark.parametrize("tell", ROWS, ids=[row.__name__.replace("_", " ") for row in ROWS])
def test_no_recovery_is_started_by(tell: Callable[[Row], None], bench: Bench) -> None:
    bench.sit_at(replace(bench.desk, host_names=lambda name: RIG.get(name, name)))
    row = Row(bench)
    tell(row)
    sys.stdout.write("".join(f"\n  {cause} → {decision}" for cause, decision in row.told()))
    assert row.story
    assert bench.jobs == 0
    assert [each.id for each in bench.incidents() if each.state is IncidentState.RECOVERING] == []


def test_the_table_has_all_rows_of_the_issue() -> None:
    assert len(ROWS) >= 15
    assert len({row.__name__ for row in ROWS}) == len(ROWS)
