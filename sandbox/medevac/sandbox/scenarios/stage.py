"""Stage: one simulated site with its ZooKeeper, its workers and its witness, on one loom."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

from medevac.core import layout
from medevac.core.event import Event
from medevac.core.wire import encode
from medevac.flows.policy.language import PolicySet
from medevac.flows.rung import Rung
from medevac.sandbox.cloud.model import site as cloud_site
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import SiteSpec
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.notifier import FakeNotifier
from medevac.sandbox.power.bmc import BMC, Bmc
from medevac.sandbox.prober import FakeProber
from medevac.sandbox.scenarios.crew import Crew
from medevac.sandbox.scenarios.loom import Loom
from medevac.sandbox.scenarios.process import LOOK_EVERY, Process, SteppedConductor
from medevac.sandbox.scenarios.stores import Store
from medevac.sandbox.scenarios.witness import Witness
from medevac.workers.site import Site
from medevac.workers.zookeeper import bounded, ensure_layout

RESTART = 1.0
"""Seconds after which a worker that died is started again, under a new name, when somebody does that."""
BOOTS = 60.0
"""Seconds from power on to nova-compute: no machine is faster."""
SUSPENDED = 4.0
"""Seconds without ZooKeeper after which workers end themselves."""
_TELLING = (f"{layout.BOARD}/", f"{layout.EVENTS}/", f"{layout.DISARM}/", f"{layout.MAINTENANCE}/")
"""Where a change is news for those who have nothing to do."""


@dataclass(frozen=True)
class Ground:
    """What a play begins with."""

    spec: SiteSpec
    site: Site
    policies: PolicySet
    cloud: CloudSettings
    workers: int = 2
    abreast: bool = False
    """Whether a worker recovers several hosts at once, as many as its site file says; else it does one thing at a time,
    whatever that is."""
    reserved: tuple[str, ...] = ()
    """Hosts that are disabled, and known by that reason as reserved ones."""
    rungs: tuple[Rung, ...] = (Rung(BMC),)
    """The ways to the power of every host."""


class Stage:
    """Everything of one play."""

    def __init__(self, ground: Ground, store: Store, crew: Crew, random: Random | None = None) -> None:
        """Build the site; nobody works on it before `begin`."""
        self.ground = ground
        self.loom = Loom(random)
        self.world = World(self.loom.now, ground.cloud)
        with self.world.settled() as world:
            cloud_site.build(world, ground.spec)
            for name in ground.reserved:
                world.hosts[name].disabled = True
                world.hosts[name].disabled_reason = ground.site.reserved.reason
        self.bmc = Bmc(self.world)
        self.notifier = FakeNotifier()
        self.prober = FakeProber(self.loom)
        self.processes: list[Process] = []
        self.crew = crew
        self._random = random
        self._numbers = itertools.count(1)
        self._store = store
        self._zookeeper_back = 0.0
        self._ahead = 0
        store.open(self.loom.now)
        self.observer: KazooClient = store.client(lambda _: None)
        ensure_layout(self.observer)
        self.witness = Witness(self)

    def begin(self) -> None:
        """Start the workers."""
        for _ in range(self.ground.workers):
            self.start_worker()

    def close(self) -> None:
        """End everything."""
        self.loom.close()
        self._store.close()

    # -- workers

    def start_worker(self) -> Process:
        """Start one more, under a name that no other has had."""
        process = Process(f"worker-{next(self._numbers)}", self.loom, abreast=self.ground.abreast)
        client = self._store.client(lambda request: self._asked(process, request))
        recovery = self.crew.recovery(self, process, client)
        orders = self.crew.obedience(self, process, client, recovery)
        conductor: SteppedConductor = SteppedConductor(
            client,
            self.loom,
            process.name,
            prepare=orders.prepare,
            finish=orders.finish,
            may_claim=lambda job: self.crew.has_place(self, job, conductor.running()) and orders.may_claim(job),
            between_atoms=orders.between_atoms,
        )
        intake = self.crew.intake(self, process, client)
        self.processes.append(process)
        process.start(client, lambda: self._expire(client), intake, conductor)
        return process

    def _expire(self, client: KazooClient) -> None:
        self._store.expire(client)
        self.loom.wake()

    def alive(self) -> list[Process]:
        """Return the workers that have not died."""
        return [process for process in self.processes if not process.dead]

    def process(self, name: str) -> Process:
        """Return the worker *name*; raise KeyError when there is none."""
        return {process.name: process for process in self.processes}[name]

    def busy_worker(self) -> Process | None:
        """Return the first living worker that has claimed a job."""
        return next((p for p in self.alive() if p.conductor and p.conductor.board._running), None)  # noqa: SLF001 - what it holds is nobody else's business but the observer's

    # -- ZooKeeper

    def lose_zookeeper(self, seconds: float) -> None:
        """Let ZooKeeper answer nobody for *seconds*; workers that wait for it too long end, and are started again."""
        now = self.loom.now()
        self._zookeeper_back = max(self._zookeeper_back, now + seconds)
        if seconds <= SUSPENDED:
            return
        suspended = self.alive()

        def end_all() -> None:
            for process in suspended:
                process.die()

        self._later(now + SUSPENDED, end_all)
        for _ in suspended:
            self._later(self._zookeeper_back + RESTART, self.start_worker)

    def _later(self, when: float, act: Callable[[], object]) -> None:
        """Let *act* happen at *when*; until then nobody calls it a day."""
        self._ahead += 1

        def happen() -> None:
            self._ahead -= 1
            act()

        self.loom.at(when, happen)

    def post(self, event: Event) -> None:
        """Store *event* as an alert agent does: at once, or from its spool when ZooKeeper is back."""
        if self.loom.now() < self._zookeeper_back:
            self._later(self._zookeeper_back, lambda: self.post(event))
            return
        try:
            bounded(self.observer.create_async(layout.event(event.id), encode(event)))
        except NodeExistsError:
            return  # the spool posts it a second time
        self.witness.storms.told(event)
        self.loom.wake()

    def _asked(self, process: Process, request: Any) -> None:  # noqa: ANN401 - kazoo has no type hints
        """Let happen to a request of *process* what may happen; raise KilledError for the dead."""
        process.assert_alive()
        own = process.owns(self.loom.running)
        while own and self.loom.now() < self._zookeeper_back:
            self.loom.wait(self._zookeeper_back - self.loom.now())
            process.assert_alive()
        if own and process.expired:
            self.loom.wait(LOOK_EVERY)  # the answer never comes: by then it has noticed, and is no more
        if own and self._random is not None and self._random.random() < self.crew.stir:
            self.loom.wait(0.0)
            process.assert_alive()
        self.witness.asked(process, request)
        if any(_tells(each) for each in getattr(request, "operations", [request])):
            self.loom.wake()

    # -- what is stored

    def read(self, path: str) -> bytes | None:
        """Return what is stored at *path*, or None."""
        try:
            data, _ = bounded(self.observer.get_async(path))
        except NoNodeError:
            return None
        return bytes(data or b"")

    def names(self, path: str) -> list[str]:
        """Return the names of the children of *path*, in order; none where nothing is."""
        try:
            return sorted(bounded(self.observer.get_children_async(path)))
        except NoNodeError:
            return []

    def version(self, path: str) -> int | None:
        """Return the version of what is stored at *path*, or None."""
        stat = bounded(self.observer.exists_async(path))
        return None if stat is None else int(stat.version)

    # -- the play

    def play(self, until: float, over: Callable[[], bool]) -> None:
        """Let time pass until *until*, or until *over* says so; the witness looks after every step."""

        def after_each() -> bool:
            self.witness.look()
            return over()

        self.loom.play(until, after_each)

    def quiet(self) -> bool:
        """Tell whether nothing waits, nothing runs, and nothing is going to be judged again."""
        if self._ahead or self.loom.busy or self.names(layout.EVENTS) or self.names(layout.BOARD):
            return False
        return not any(incident.held_by and incident.again_at for incident in self.witness.incidents())


def _tells(operation: Any) -> bool:  # noqa: ANN401 - kazoo has no type hints
    kind, path = type(operation).__name__, str(getattr(operation, "path", ""))
    if kind == "SetData":
        return path.startswith(f"{layout.INCIDENTS}/")
    return kind in ("Create", "Create2", "Delete") and path.startswith(_TELLING)
