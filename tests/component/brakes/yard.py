"""Yard: many hosts that can be lost, triage with the product's brakes, and conductors that follow orders."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.cluster import Status
from medevac.core.event import EventKind
from medevac.core.evidence import FenceEvidence
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import CLAIMS, JournalEntry
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.notifier import Sent
from medevac.workers import board_view, incidents
from medevac.workers.brakes import Brakes
from medevac.workers.brakes.cluster import ClusterWord
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.brakes.orders import Given
from medevac.workers.engine.conductor import Conductor
from medevac.workers.recovery import Recovery
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.zookeeper import commit
from tests.component.workers.bench import DEADLINE, Bench
from tests.fixtures.waiting import until

SERVERS = 3
"""On each host."""


QUIET = Status("2.1.5", quorum=True, nodes={}, fencings=())


def zone(count: int, name: str = "az1") -> list[str]:
    """Return the first *count* hosts of the availability zone *name*."""
    return [f"{name}-c{n}" for n in range(1, count + 1)]


@dataclass
class Yard:
    """A site in memory on a real ZooKeeper; its clock moves only when somebody waits."""

    bench: Bench
    settings: BrakeSettings
    cluster: Status = QUIET
    """What Pacemaker says of itself."""

    @classmethod
    def built(cls, client: KazooClient, folder: Path, zones: Mapping[str, int], settings: BrakeSettings) -> Yard:
        """Return a yard with so many hosts in each zone."""
        hosts = [HostSpec(f"{zone}-c{n}", zone=zone) for zone, count in zones.items() for n in range(1, count + 1)]
        servers = [ServerSpec(f"{host.name}-s{n}", host.name) for host in hosts for n in range(1, SERVERS + 1)]
        yard = cls(Bench(client, folder, SiteSpec(tuple(hosts), tuple(servers))), settings)
        yard.new_leader()
        return yard

    @property
    def client(self) -> KazooClient:
        return self.bench.client

    @property
    def now(self) -> float:
        return self.bench.now

    def new_leader(self) -> None:
        """Let another process lead triage: nothing but ZooKeeper knows what was before."""
        site = self.bench.site
        cluster = ClusterWord(lambda: self.cluster, str, site.clock)
        brakes = Brakes(self.client, site.cloud, site.clock, self.settings, cluster=cluster)
        self.bench.sit_at(replace(self.bench.desk, brakes=brakes, storms=self.settings, notifier=site.notifier))

    def lose(self, *hosts: str, kind: EventKind = EventKind.HOST_DOWN) -> None:
        """Cut the power of *hosts* at once, and let triage settle what the cluster tells of them."""
        with self.bench.site.world.settled() as world:
            for host in hosts:
                machines.power_off(world, host)
        self.bench.post(*(self.bench.host_event(kind, host) for host in hosts))
        self.bench.triage.settle_waiting()

    def later(self, seconds: float) -> None:
        """Let time pass, and triage look at what it holds."""
        self.bench.pass_time(seconds)
        self.bench.intake.reconsider()

    def incident(self, host: str) -> Incident:
        return self.bench.incident(f"host.down:{host}:1")

    def going(self) -> list[str]:
        """Return the hosts that are being recovered, sorted."""
        return self._in(IncidentState.RECOVERING)

    def held(self) -> list[str]:
        return self._in(IncidentState.HELD)

    def over(self, host: str) -> Incident:
        """Return the incident of *host* once it is over and its job is gone."""
        assert until(lambda: self.incident(host).state.final and not self._has_job(host)), self.incident(host).reason
        return self.incident(host)

    def over_after(self, seconds: float) -> int:
        """Return how many incidents are over after *seconds*."""
        self.later(seconds)
        return sum(each.state.final for each in self.bench.incidents())

    def begin(self, *hosts: str) -> None:
        """Let a worker have begun the recoveries of *hosts*, all that are let go if none is named, and do no more."""
        for host in hosts or self.going():
            incident = self.incident(host)
            row = board_view.find(self.client, incident.id)
            if not row.claims:
                path = f"{layout.BOARD}/{row.id}"
                line = JournalEntry(self.now, "conductor", "claimed by worker", facts={CLAIMS: str(incident.attempt)})
                transaction = self.client.transaction()
                transaction.set_data(path, self.client.get(path)[0])
                incidents.note(transaction, incident.id, [line])
                commit(transaction)

    def claimed(self) -> list[str]:
        return [row.incident for row in board_view.jobs(self.client) if row.owner]

    def _has_job(self, host: str) -> bool:
        return any(row.incident == f"host.down:{host}:1" for row in board_view.jobs(self.client))

    def _in(self, state: IncidentState) -> list[str]:
        return sorted(each.subject.name for each in self.bench.incidents() if each.state is state)

    def said(self, why: str = "because") -> Given:
        """Return what an operator says now."""
        return Given("alice", why, self.now)

    def pages(self) -> list[Sent]:
        """Return what people were told, when all that is on its way has arrived."""
        for thread in threading.enumerate():
            if thread.name == "page":
                thread.join(30.0)
        return list(self.bench.site.notifier.sent)

    def taken_out(self, host: str) -> None:
        """Take *host* out of service in our name, as its recovery does."""
        service = self.bench.site.cloud.host_service(host)
        assert service is not None
        self.bench.site.cloud.take_out(service, f"medevac host.down:{host}:1: host.down")

    def end(self, host: str, *, off_at: float | None = None, held_by: str = "") -> None:
        """Let the recovery of *host* have succeeded, or be *held_by* something, without doing it.

        With *off_at* the host was fenced for it then.
        """
        stored = incidents.read(self.client, f"host.down:{host}:1")
        over = replace(stored.incident, state=IncidentState.RECOVERED, reason="done", ended_at=self.now)
        if held_by:
            over = replace(over, state=IncidentState.HELD, held_by=held_by, ended_at=None, again_at=self.now)
        if off_at is not None:
            proof = FenceEvidence(host, off_at, "agent:fake", "off", "Status: OFF", over.id)
            over = replace(over, evidence=proof)
        transaction = self.client.transaction()
        for row in board_view.jobs(self.client):
            if row.incident == over.id:
                transaction.delete(f"{layout.BOARD}/{row.id}")
        incidents.replace(transaction, stored, over)
        commit(transaction)

    @contextmanager
    def conducting(
        self, name: str = "conductor", cloud: Any = None, fencer: Any = None, clock: Any = None, slots: int = 2
    ) -> Iterator[Conductor]:
        """Run a conductor that follows orders; *cloud*, *fencer* and *clock* may stand before the simulated ones."""
        site = self.bench.site
        asked, fences, time = cloud or site.cloud, fencer or site.fencer, clock or site.clock
        recovery = Recovery(self.client, asked, fences, time, name, prober=site.prober, notifier=site.notifier)
        orders = Obedience(self.client, asked, site.clock, self.settings, recovery)
        with ThreadPoolExecutor(4) as executor:
            conductor = Conductor(
                self.client,
                executor,
                prepare=orders.prepare,
                finish=orders.finish,
                may_claim=orders.may_claim,
                between_atoms=orders.between_atoms,
                slots=slots,
                name=name,
            )
            orders.wake = conductor.waker.wake
            running = threading.Thread(target=conductor.run, daemon=True)
            running.start()
            try:
                yield conductor
            finally:
                conductor.stop()
                running.join(DEADLINE)
        assert not running.is_alive()
