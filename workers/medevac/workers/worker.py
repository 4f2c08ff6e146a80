"""Worker: one process that runs triage, a conductor, or both, until it is told to stop or loses ZooKeeper."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core.errors import StoreUnreachableError
from medevac.flows.caps import Caps
from medevac.flows.plan import Settings
from medevac.flows.ports import Cloud, Fencer, Traffic
from medevac.workers import founding, places, roll, vital
from medevac.workers.brakes import Brakes
from medevac.workers.brakes.cluster import word_of
from medevac.workers.brakes.levels import Watch
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.engine.conductor import Conductor
from medevac.workers.experience import Experience
from medevac.workers.fencing.rounds import Rounds, Schedule
from medevac.workers.hindsight import Hindsight
from medevac.workers.intake import Desk, Intake
from medevac.workers.ladders import fencer_of
from medevac.workers.names import HostNames
from medevac.workers.neighbours import ZookeeperNeighbours
from medevac.workers.notify import AppriseNotifier
from medevac.workers.openstack import nova
from medevac.workers.promises import Promises
from medevac.workers.recovery import Recovery
from medevac.workers.roll import RollEntry
from medevac.workers.site import Site
from medevac.workers.site_prints import prints
from medevac.workers.triage import Triage
from medevac.workers.zookeeper import SESSION_TIMEOUT, SessionWatch, connect, disconnect

log = logging.getLogger(__name__)

LOST = 75
"""Exit code (EX_TEMPFAIL): ZooKeeper stayed away, or a part of the worker ended; the service manager starts another."""
LOOK_EVERY = 2.0
"""Seconds between two looks at the policy files."""
AGAIN = 60.0
"""Seconds after which it says the same again."""
GRACE = 10.0
"""Seconds that a step under way is given when the worker is told to stop; killing it is safe, only less tidy."""
SIDE_BY_SIDE = 4
"""Steps of one recovery that may run at once: what `together` holds beyond that waits for a thread."""


class SystemClock:
    """The Clock port on the machine's own time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Roles:
    """What this worker does."""

    triage: bool = True
    conductor: bool = True
    session_timeout: float = SESSION_TIMEOUT
    """Seconds of silence after which another worker takes over."""


class Worker:
    """Puts the parts together; every one of them gets what it needs in its constructor."""

    def __init__(self, site: Site, roles: Roles) -> None:
        """Read the policies and open the cloud's session; nothing is claimed before run()."""
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._site = site
        self._roles = roles
        self._promises = Promises(site.policies)
        cloud = nova.connect(site.cloud or None)
        self._cloud: Cloud = cloud
        self._prints = prints(site, cloud.home)
        self._fencer: Fencer = fencer_of(site)
        self._clock = SystemClock()
        self._started_at = self._clock.now()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until SIGTERM or SIGINT.

        Raises StoreUnreachableError when ZooKeeper does not answer at the start, or has sites, and none at this path.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        client = connect(self._site.zookeeper, session_timeout=self._roles.session_timeout)
        watch = SessionWatch(client, self._lost, limit=self._roles.session_timeout / 2)
        try:
            founding.enter(client, self._site.zookeeper)
            told = self._entry()
            roll.enter(client, told)
            stops = [start(client) for start in self._parts()]
            log.info("worker %s is ready", self.name)
            self._keep_telling(client, told)
            log.info("worker %s stops", self.name)
            for stop in stops:
                stop()
        finally:
            watch.close()
            disconnect(client)

    def _keep_telling(self, client: KazooClient, told: RollEntry) -> None:
        """Read the policies again when their files change, also while nothing fails, until told to stop.

        Now and then it says the same again: readers see how its clock stands by the time at which it is written.
        """
        due = time.monotonic() + AGAIN
        while not self._stopping.wait(LOOK_EVERY):
            self._promises.current()
            news = self._entry()
            if news != told or time.monotonic() >= due:
                try:
                    roll.change(client, news)
                except (StoreUnreachableError, NoNodeError):
                    continue  # SessionWatch ends the process if ZooKeeper stays away
                told, due = news, time.monotonic() + AGAIN

    def _entry(self) -> RollEntry:
        return RollEntry(
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            triage=self._roles.triage,
            conductor=self._roles.conductor,
            policy_set=self._promises.current().digest,
            policy_problem=self._promises.problem,
            site=self._prints,
        )

    def _parts(self) -> list[Callable[[KazooClient], Callable[[], None]]]:
        parts: list[Callable[[KazooClient], Callable[[], None]]] = []
        if self._roles.triage:
            parts.append(self._start_triage)
        if self._roles.conductor:
            parts.append(self._start_conductor)
        return parts

    def _start_triage(self, client: KazooClient) -> Callable[[], None]:
        names = HostNames(self._site.host_names, self._cloud, self._clock)
        desk = Desk(
            client=client,
            cloud=self._cloud,
            clock=self._clock,
            promises=self._promises,
            settings=settings(self._site),
            host_names=names,
            actor=self.name,
            brakes=Brakes(
                client,
                self._cloud,
                self._clock,
                self._site.brakes,
                names,
                cluster=word_of(self._site.brakes.cluster, self._site.pacemaker_name, self._clock),
            ),
            rules=self._site.triage,
            storms=self._site.brakes,
            notifier=AppriseNotifier(self._site.notify),
            hypervisor=self._site.hypervisor.port(),
        )
        triage = Triage(client, Intake(desk), self.name)
        thread = vital.start("triage", triage.run, self._part_ended)

        rounds = self._start_rounds(client, triage)
        watch = Watch(client, self._cloud, self._clock, self._site.brakes, names)
        threading.Thread(target=watch.run, args=(triage.leading.is_set,), name="levels", daemon=True).start()
        memory = Hindsight(client, self._cloud, self._clock)
        threading.Thread(target=memory.run, args=(triage.leading.is_set,), name="hindsight", daemon=True).start()

        def stop() -> None:
            rounds()
            watch.stop()
            memory.stop()
            triage.stop()
            thread.join(GRACE)

        return stop

    def _start_rounds(self, client: KazooClient, triage: Triage) -> Callable[[], None]:
        """Prove fence paths while this process leads; a site without ladders has none to prove."""
        told = self._site.fence_rounds
        every = float(told.every) if self._site.fencing else 0.0
        schedule = Schedule(every, told.hosts, told.page)
        rounds = Rounds(client, self._cloud, self._clock, fencer_of(self._site), schedule)
        notifier = AppriseNotifier(self._site.notify)
        thread = threading.Thread(
            target=rounds.run, args=(triage.leading.is_set, notifier), name="fence-rounds", daemon=True
        )
        thread.start()
        return rounds.stop

    def _start_conductor(self, client: KazooClient) -> Callable[[], None]:
        notifier = AppriseNotifier(self._site.notify)
        recovery = Recovery(
            client,
            self._cloud,
            self._fencer,
            self._clock,
            self.name,
            notifier=notifier,
            hypervisor=self._site.hypervisor.port(),
            services=self._site.services.port(self._site.pacemaker_name),
            traffic=Traffic(Experience(client), ZookeeperNeighbours(client, self.name)),
        )
        hosts = self._site.limits.parallel_hosts
        slots = places.slots(hosts)
        executor = ThreadPoolExecutor(max_workers=slots * SIDE_BY_SIDE, thread_name_prefix="step")
        orders = Obedience(client, self._cloud, self._clock, self._site.brakes, recovery)
        conductor = Conductor(
            client,
            executor,
            prepare=orders.prepare,
            finish=orders.finish,
            may_claim=lambda job: places.has_place(job, conductor.running(), hosts) and orders.may_claim(job),
            between_atoms=orders.between_atoms,
            slots=slots,
            name=self.name,
        )
        orders.wake = conductor.waker.wake
        thread = vital.start("conductor", conductor.run, self._part_ended)

        def stop() -> None:
            conductor.stop()
            thread.join(GRACE)

        return stop

    def _part_ended(self, sentence: str) -> None:
        """End the process with a part that ended by itself: it would be told as working, and nothing would be done."""
        if not self._stopping.is_set():
            self._lost(sentence)

    def _lost(self, sentence: str) -> None:
        log.critical("worker %s ends: %s", self.name, sentence)
        logging.shutdown()
        # Not sys.exit: this is not the main thread, and no step may make another call.
        os._exit(LOST)


def settings(site: Site) -> Settings:
    """Return what the site file says about every recovery."""
    return Settings(
        patience=float(site.limits.patience),
        fence_timeout=float(site.limits.fence_timeout),
        shared_storage=site.shared_storage,
        allow=site.allow,
        exclude=site.exclude,
        owners=site.owners,
        reserved=site.reserved,
        way_back=site.way_back,
        capacity_again=float(site.limits.capacity_again),
        caps=Caps(cloud=site.limits.evacuations, host=site.limits.evacuations_per_host),
    )
