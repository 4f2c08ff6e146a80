"""Process: one worker of a play, with triage and a conductor, that may die or stand still wherever it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError
from taskflow import exceptions as taskflow_errors

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.sandbox.scenarios.loom import KilledError, Loom, Strand
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.conductor import Conductor
from medevac.workers.engine.job import BoardJob
from medevac.workers.intake import Intake
from medevac.workers.triage import Triage
from medevac.workers.zookeeper import bounded

SESSION = 8.0
"""Seconds after which ZooKeeper gives what a dead process held to others."""
NOTICES = 0.5
"""Seconds after which a process that was frozen notices that its session is over, and ends itself."""
LOOK_EVERY = 3.0
"""Seconds between two looks of triage at what waits and what is held."""
SELDOM = 15.0
"""The same when nothing waits and nothing is held."""
HEARS = 300.0
"""The same for somebody who would lead: a session that ends wakes him."""
POLL = 60.0
"""Seconds between two looks of a conductor at the board, when nothing wakes it and it has given no job back."""
FIRST_BACK_OFF, LONGEST_BACK_OFF = 1.0, 60.0


class SteppedConductor(Conductor):
    """The real conductor, which claims and runs one job in the thread that asks it to."""

    def __init__(self, client: KazooClient, loom: Loom, name: str, **hooks: Any) -> None:  # noqa: ANN401 - as Conductor's
        """Claim as *name*; *hooks* are prepare, finish, may_claim and between_atoms."""
        super().__init__(client, None, name=name, **hooks)  # type: ignore[arg-type]  # the serial engine asks for no executor
        self._engine, self._engine_options = "serial", {"defer_reverts": True}
        self._loom = loom
        self._at_work: dict[Strand, BoardJob] = {}
        self._not_before: dict[str, float] = {}
        self._given_back: dict[str, int] = {}

    def run_one(self) -> bool:
        """Run the most urgent job that may be claimed to its end; tell whether there was one."""
        self.board._postponed.clear()  # noqa: SLF001 - the board's own is on the machine's clock; ours is below
        job = self._claim_one()
        if job is not None:
            self._run(job)
        return job is not None

    def begin_one(self, spawn: Callable[[str, Callable[[], None]], Strand]) -> bool:
        """Let the most urgent job that may be claimed run in a strand of its own; tell whether there was one."""
        job = self._claim_one()
        if job is not None:
            self._at_work[spawn(job.name, lambda: self._run_beside(job))] = job
        return job is not None

    def _run_beside(self, job: BoardJob) -> None:
        strand = self._loom.running
        try:
            with contextlib.suppress(MedevacError, taskflow_errors.JobFailure):
                self._run(job)
        finally:
            self._at_work = {each: other for each, other in self._at_work.items() if each is not strand}

    def running(self) -> list[BoardJob]:
        """Return the jobs that run in strands of their own."""
        return list(self._at_work.values())

    def claims(self) -> list[Claim]:
        """Return the claims under which the strand works whose turn it is: all, where there is one for all jobs."""
        mine = self._at_work.get(self._loom.running) if self._loom.running else None
        return [claim for path, claim in self.board._running.items() if mine is None or path == mine.path]  # noqa: SLF001 - see Stage.busy_worker

    def _claim_one(self) -> BoardJob | None:
        for job in self.board.iterjobs(only_unclaimed=True, ensure_fresh=True):
            if self._not_before.get(job.path, 0.0) <= self._loom.now() and self._claim(job):
                return job
        return None

    @property
    def rest(self) -> float:
        """Return how many seconds there is nothing to claim, unless something changes."""
        waits = [due - self._loom.now() for due in self._not_before.values() if due > self._loom.now()]
        return min([POLL, *waits])

    def _claim(self, job: BoardJob) -> bool:
        try:
            self.board.claim(job, self.name)
        except (taskflow_errors.UnclaimableJob, taskflow_errors.NotFound, taskflow_errors.JobFailure):
            return False
        return True

    def _run(self, job: BoardJob) -> None:
        end = self._dispatch_job(job)
        try:
            self._end_job(job, end)
        finally:
            self.board.release(job)

    def _give_back(self, job: BoardJob, *, postponed: bool) -> None:
        times = self._given_back[job.path] = self._given_back.get(job.path, 0) + 1
        self._not_before[job.path] = self._loom.now() + min(FIRST_BACK_OFF * 2.0 ** (times - 1), LONGEST_BACK_OFF)
        super()._give_back(job, postponed=postponed)


class Process:
    """A worker.  What it is made of comes from *build*: its client, its intake and its conductor."""

    def __init__(self, name: str, loom: Loom, *, conducts: bool = True, abreast: bool = False) -> None:
        """Be known as *name*; without *conducts* it only runs triage, and *abreast* it does several jobs at once."""
        self.name = name
        self.dead = False
        self.expired = False
        """Its session is over, and it has not noticed yet."""
        self.stood_still = False
        """It was frozen: a call that it was about to make comes late."""
        self.client: KazooClient | None = None
        self.conductor: SteppedConductor | None = None
        self.expire: Callable[[], None] = lambda: None
        self._loom = loom
        self._conducts = conducts
        self._abreast = abreast
        self._strands: list[Strand] = []

    def start(
        self, client: KazooClient, expire: Callable[[], None], intake: Intake, conductor: SteppedConductor
    ) -> None:
        """Begin to work with these parts; *expire* ends the session of *client*."""
        self.client, self.conductor, self.expire = client, conductor, expire
        self._spawn("triage", lambda: self._triage(client, intake))
        if self._conducts:
            self._spawn("conductor", lambda: self._conduct(conductor))

    def _spawn(self, name: str, act: Callable[[], None]) -> Strand:
        self._strands.append(self._loom.spawn(f"{self.name} {name}", act))
        return self._strands[-1]

    def owns(self, strand: Strand | None) -> bool:
        """Tell whether *strand* is one of its threads."""
        return strand in self._strands

    def claims(self) -> list[Claim]:
        """Return the claims under which the call is made that is being made, as it believes."""
        return self.conductor.claims() if self.conductor else []

    def all_claims(self) -> list[Claim]:
        """Return what it has claimed, as it believes."""
        return list(self.conductor.board._running.values()) if self.conductor else []  # noqa: SLF001 - see Stage.busy_worker

    def assert_alive(self) -> None:
        """Raise KilledError in a process that is dead: nothing leaves it any more."""
        if self.dead:
            raise KilledError

    def die(self) -> None:
        """End here and now; what it holds in ZooKeeper is free when its session is over."""
        if self.dead:
            return
        self.dead = True
        for strand in self._strands:
            self._loom.kill(strand)
        self._loom.at(self._loom.now() + SESSION, self.expire)

    def freeze(self, seconds: float) -> None:
        """Stand still for *seconds*; thawed, it goes on where it was, until it notices that its session is over."""
        self.stood_still = True
        until = self._loom.now() + seconds
        for strand in self._strands:
            self._loom.freeze(strand, until)
        if seconds > SESSION:
            self._loom.at(self._loom.now() + SESSION, self._lose)
            self._loom.at(until + NOTICES, self.die)

    def _lose(self) -> None:
        self.expired = True
        self.expire()

    def _triage(self, client: KazooClient, intake: Intake) -> None:
        triage = Triage(client, intake, self.name)
        while not self._leads(client):
            self._loom.rest(HEARS)
        while True:
            rest = LOOK_EVERY
            with contextlib.suppress(MedevacError):
                left = triage.settle_waiting()
                due = intake.reconsider()
                rest = LOOK_EVERY if left else SELDOM
                rest = rest if due is None else min(max(due - self._loom.now(), LOOK_EVERY), rest)
            self._loom.rest(rest)

    def _leads(self, client: KazooClient) -> bool:
        """Run for leader, as kazoo's election does: with a znode that ends with the session."""
        try:
            bounded(client.create_async(f"{layout.LEADER}/scenario", self.name.encode(), ephemeral=True))
        except NodeExistsError:
            return False
        except MedevacError:
            return False
        return True

    def _conduct(self, conductor: SteppedConductor) -> None:
        while True:
            try:
                ran = conductor.begin_one(self._spawn) if self._abreast else conductor.run_one()
            except (MedevacError, taskflow_errors.JobFailure):
                ran = False
            self._loom.rest(0.0 if ran else conductor.rest)
