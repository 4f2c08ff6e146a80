"""Bench: triage and a conductor of the product on a real ZooKeeper, with the simulated cloud and a clock of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.handled import Handled
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import decode, encode
from medevac.flows.plan import Settings
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers import incidents
from medevac.workers.engine.conductor import Conductor
from medevac.workers.intake import Desk, Intake
from medevac.workers.promises import Promises
from medevac.workers.recovery import Recovery
from medevac.workers.triage import Triage
from medevac.workers.zookeeper import commit
from tests.fixtures.waiting import until

HOSTS = ("compute-1", "compute-2", "compute-3")
HOST = "compute-1"
WEB, DATABASE, OTHER = "web", "database", "other"
DEADLINE = 60.0
SPEC = SiteSpec(
    tuple(HostSpec(name, zone="az1") for name in HOSTS),
    (
        ServerSpec(WEB, HOST, id="11111111-1111-4111-8111-111111111111"),
        ServerSpec(DATABASE, HOST, id="22222222-2222-4222-8222-222222222222"),
        ServerSpec(OTHER, "compute-2", id="33333333-3333-4333-8333-333333333333"),
    ),
)
SERVERS = {server.name: server.id for server in SPEC.servers}
SETTINGS = Settings(shared_storage=("*",), fence_timeout=5.0)
POLICY = """policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate, verify]
  server.crashed: [restart]
  server.hung: [reset]
  server.io-error: [resume]
  workload.failed: [restart]
  nova-compute.down: [restart_service: {service: nova-compute}]
  libvirt.down: [restart_service: {service: libvirt}]
  host.network.down: [notify: {to: oncall, text: a network is gone}]
  host.degraded: [notify: {to: oncall, text: it will not last}]
"""


@dataclass
class Bench:
    """One site, and what works on it."""

    client: KazooClient
    folder: Path
    spec: SiteSpec = SPEC
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.site = FakeSite(self.spec, CloudSettings(evacuate_seconds=0.5, rpc_seconds=0.0))
        policies = self.folder / "policies"
        policies.mkdir()
        (policies / "90-everyone.yaml").write_text(POLICY)
        self.promises = Promises(policies)
        desk = Desk(
            self.client,
            self.site.cloud,
            self.site.clock,
            self.promises,
            SETTINGS,
            lambda name: name,
            actor="triage",
            hypervisor=self.site.hypervisor,
        )
        self.sit_at(desk)

    def sit_at(self, desk: Desk) -> None:
        """Triage at *desk* from now on, as a new leader."""
        self.desk = desk
        self.intake = Intake(desk)
        self.triage = Triage(self.client, self.intake, "triage")

    @property
    def now(self) -> float:
        return self.site.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.site.clock.wait(seconds)
        with self.site.world.settled():
            pass

    def server_event(self, kind: EventKind, server: str = WEB, host: str = HOST, **facts: str) -> Event:
        """Return what the libvirt listener of *host* tells now."""
        subject = Subject(SubjectKind.SERVER, SERVERS[server])
        told = {"host": host, "cause": "qemu", "boot": "1", **facts}
        return Event(new_event_id(self.now), kind, subject, "libvirt", host, self.now, told)

    def host_event(self, kind: EventKind, host: str = HOST, facts: Mapping[str, str] | None = None) -> Event:
        subject = Subject(SubjectKind.HOST, host)
        return Event(new_event_id(self.now), kind, subject, "pacemaker", "node1", self.now, facts or {})

    def post(self, *events: Event) -> None:
        for event in events:
            self.client.create(layout.event(event.id), encode(event))

    def told(self, event: Event, seen_at: float | None = None) -> Handled | None:
        """Post *event*, let triage settle what waits, and return what became of it: None when it waits."""
        if seen_at is not None:
            event = replace(event, seen_at=seen_at)
        self.post(event)
        self.triage.settle_waiting()
        return self.handled(event)

    def settled(self, event: Event, seen_at: float | None = None) -> Handled:
        """As `told`, for events that are settled at once."""
        handled = self.told(event, seen_at)
        assert handled is not None, "the event waits"
        return handled

    def handled(self, event: Event) -> Handled | None:
        path = layout.handled(event.id)
        if self.client.exists(path) is None:
            return None
        return decode(Handled, self.client.get(path)[0])

    def incident(self, incident_id: str) -> Incident:
        return incidents.read(self.client, incident_id).incident

    def incidents(self) -> list[Incident]:
        return list(incidents.read_all(self.client))

    def journal(self, incident_id: str) -> str:
        return "\n".join(entry.text for entry in incidents.journal(self.client, incident_id))

    def end(self, incident_id: str) -> None:
        """Let an incident be recovered, without a conductor."""
        stored = incidents.read(self.client, incident_id)
        over = replace(stored.incident, state=IncidentState.RECOVERED, ended_at=self.now)
        transaction = self.client.transaction()
        incidents.replace(transaction, stored, over)
        commit(transaction)

    @property
    def jobs(self) -> int:
        return len([name for name in self.client.get_children(layout.BOARD) if not name.endswith(".lock")])

    def work(self, name: str = "conductor") -> None:
        """Let a conductor do all there is to do."""
        site = self.site
        recovery = Recovery(
            self.client,
            site.cloud,
            site.fencer,
            site.clock,
            name,
            prober=site.prober,
            notifier=site.notifier,
            hypervisor=site.hypervisor,
            services=site.services,
        )
        with conducting(recovery):
            ended = until(lambda: not self.client.get_children(layout.BOARD), DEADLINE)
        assert ended, "a job is left on the board"

    def fenced(self, *hosts: str) -> None:
        """Let the power of *hosts* be cut, as the cluster tells it."""
        with self.site.world.settled() as world:
            for host in hosts:
                machines.power_off(world, host)
        for host in hosts:
            self.settled(self.host_event(EventKind.HOST_FENCED, host, {"action": "off", "by": "ipmi", "result": "OK"}))


@contextlib.contextmanager
def conducting(recovery: Recovery) -> Iterator[None]:
    """Run a conductor that does one job at a time, with the session of *recovery*."""
    with ThreadPoolExecutor(2) as executor:
        conductor = Conductor(
            recovery.client,
            executor,
            prepare=recovery.prepare,
            finish=recovery.finish,
            slots=1,
            name=recovery.actor,
        )
        running = threading.Thread(target=conductor.run)
        running.start()
        try:
            yield
        finally:
            conductor.stop()
            running.join(DEADLINE)
