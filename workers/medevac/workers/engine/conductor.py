"""Conductor: TaskFlow's conductor, one name per process start, which ends every job where people can see it."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from kazoo.client import KazooClient, TransactionRequest
from kazoo.protocol.states import KazooState
from taskflow import engines, logging, states
from taskflow import exceptions as taskflow_errors
from taskflow.conductors.backends.impl_nonblocking import NonBlockingConductor
from taskflow.engines.base import Engine
from taskflow.persistence.models import FlowDetail

from medevac.core.errors import ClaimLostError, StoreUnreachableError
from medevac.workers.engine import outcome as outcomes
from medevac.workers.engine.board import Board
from medevac.workers.engine.claim import AbortJobError, Claim, FencedOutError
from medevac.workers.engine.job import BoardJob
from medevac.workers.engine.outcome import GivenBack, Outcome
from medevac.workers.engine.persistence import FencedBackend
from medevac.workers.engine.reverting import revert
from medevac.workers.engine.waking import WakingTimeout

LOG = logging.getLogger(__name__)

POLL = 10.0
"""Seconds between two looks at the board when nothing wakes the conductor; a safety net, not the way it notices."""
BACK_OFF = (1.0, 60.0)
"""Seconds, first and longest, before this conductor claims again a job that it had to give back."""
CLAIM_LIMIT = 100
"""Claims of one job, by all conductors together, after which it is ended as failed: it kills its conductors."""

Prepare = Callable[[BoardJob, Claim], Mapping[str, object]]
Finish = Callable[[Outcome, TransactionRequest], None]
MayClaim = Callable[[BoardJob], bool]
BetweenAtoms = Callable[[BoardJob, Claim], None]

_GIVE_BACK = (
    taskflow_errors.ExecutionFailure,
    taskflow_errors.StorageFailure,
    ClaimLostError,
    StoreUnreachableError,
)


class TooManyClaimsError(Exception):
    """A job has been claimed again and again without coming to an end."""


def unique_name() -> str:
    """Return a name that no other process start has had: claims under it are never taken for one's own."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


class Conductor(NonBlockingConductor):
    """Claims jobs, runs their flows, and ends each job together with what *finish* wants stored.

    *executor* runs the steps of all flows (a pool per flow would cost a second each); *slots* flows run at once.
    *prepare* returns what steps may ask for by name beyond results; it is never stored.
    *finish* adds writes to the one transaction that removes the job; the default parks failed jobs.
    *may_claim* is asked before each claim (a hold marker; call waker.wake() when it is lifted).
    *between_atoms* is called, in the job's own thread, before steps are started: raising AbandonJobError in it gives
    the job back, AbortJobError reverts what was done and ends the job as failed, raising anything else ends it without
    reverting anything; in each case running steps end first.
    """

    def __init__(  # noqa: PLR0913 - each is one choice of the worker that owns it
        self,
        client: KazooClient,
        executor: ThreadPoolExecutor,
        *,
        prepare: Prepare = lambda _job, _claim: {},
        finish: Finish = outcomes.park_failures,
        may_claim: MayClaim = lambda _job: True,
        between_atoms: BetweenAtoms = lambda _job, _claim: None,
        slots: int = 4,
        poll: float = POLL,
        claim_limit: int = CLAIM_LIMIT,
        name: str | None = None,
    ) -> None:
        """Use *client*, which must be started; nothing is claimed before run()."""
        self.waker = WakingTimeout(poll)
        backend = FencedBackend(client)
        self.board = Board(client, backend, on_change=self.waker.wake, may_claim=may_claim)
        self.waker.due = self.board.next_due
        super().__init__(
            name or unique_name(),
            self.board,
            persistence=backend,
            engine="parallel",
            engine_options={"executor": executor, "defer_reverts": True},
            wait_timeout=self.waker,
            max_simultaneous_jobs=slots,
            executor_factory=lambda: ThreadPoolExecutor(slots, "job"),
        )
        self._client = client
        self._prepare = prepare
        self._finish = finish
        self._between_atoms = between_atoms
        self._claim_limit = claim_limit
        self._failures: dict[str, int] = {}
        self.lost = False
        """Whether the session was lost: this conductor then makes no further call, and run() returns."""

    @property
    def name(self) -> str:
        """Return the name under which it claims."""
        return str(self._name)

    def run(self, max_dispatches: int | None = None) -> None:
        """Claim and run jobs until stop() is called or the session is lost; steps under way end first.

        Raises StoreUnreachableError when the board cannot be watched at the start.
        """
        self._client.add_listener(self._session_changed)
        try:
            self.board.connect()
            super().run(max_dispatches)
        finally:
            self._client.remove_listener(self._session_changed)

    def _session_changed(self, state: str) -> None:
        if state == KazooState.LOST:
            self.lost = True
            self.board.revoke_all()
            self.stop()

    def running(self) -> list[BoardJob]:
        """Return the jobs that it has claimed and not ended yet."""
        return [future.job for future in list(self._dispatched)]

    # -- claiming

    def _can_claim_more_jobs(self, job: BoardJob) -> bool:
        return not self.lost and bool(super()._can_claim_more_jobs(job))

    # -- running one job, in a thread of its own

    def _dispatch_job(self, job: BoardJob) -> Outcome | GivenBack:
        claim = cast("Claim", job.claim)
        if self.lost:
            # Lost between the claim and here: revoke_all did not know of it yet.
            claim.revoked.set()
        try:
            return self._run_flow(job, claim)
        except _GIVE_BACK as error:
            return GivenBack(f"{type(error).__name__}: {error}")
        except Exception as error:
            LOG.warning("Job %s cannot be run", job.name, exc_info=True)
            return outcomes.of_error(job, claim, error)

    def _run_flow(self, job: BoardJob, claim: Claim) -> Outcome | GivenBack:
        if claim.token > self._claim_limit:
            message = f"claimed {claim.token} times without coming to an end."
            raise TooManyClaimsError(message)
        backend = self._persistence.bound(claim)
        flow = self._load_flow(job, backend)
        if flow.state in outcomes.FINAL:
            # Its conductor died between the flow's end and the job's.  TaskFlow would run a REVERTED one all over.
            return outcomes.of_flow(job, claim, flow)
        engine = self._load_engine(job, flow, backend)
        engine.storage.inject(dict(self._prepare(job, claim)), transient=True)
        with contextlib.ExitStack() as stack:
            for listener in self._listeners_from_job(job, engine):
                stack.enter_context(listener)
            return self._run_engine(job, claim, engine, backend)

    def _load_flow(self, job: BoardJob, backend: FencedBackend) -> FlowDetail:
        flow_id = job.details.get("flow_uuid")
        if flow_id is None:
            return self._flow_detail_from_job(job)
        # Straight to the flow: the logbook around it says nothing more, and would cost two more round trips.
        with contextlib.closing(backend.get_connection()) as connection:
            return connection.get_flow_details(flow_id)

    def _load_engine(self, job: BoardJob, flow: FlowDetail, backend: FencedBackend) -> Engine:
        store = {**(flow.meta or {}).get("store", {}), **job.details.get("store", {})}
        return engines.load_from_detail(flow, store=store, engine=self._engine, backend=backend, **self._engine_options)

    def _run_engine(self, job: BoardJob, claim: Claim, engine: Engine, backend: FencedBackend) -> Outcome | GivenBack:
        stopped_by: Exception | None = None
        raised: Exception | None = None
        try:
            stopped_by = self._step_through(job, claim, engine, backend)
            if isinstance(stopped_by, AbortJobError) and not claim.revoked.is_set():
                revert(engine, stopped_by)
        except Exception as error:  # noqa: BLE001 - sorted out below, by what the engine has stored
            raised = error
        if claim.revoked.is_set():
            raise FencedOutError from raised
        flow = engine.storage._flowdetail  # noqa: SLF001 - the only way to what was stored without reading it again
        state = engine.storage.get_flow_state()
        if state in outcomes.FINAL:
            outcomes.log_unforeseen(job, flow)
            return outcomes.of_flow(job, claim, flow, raised)
        trouble = raised or stopped_by
        if trouble is None:
            return GivenBack("The conductor is stopping.", postponed=False)
        if isinstance(trouble, _GIVE_BACK):
            raise trouble
        return outcomes.of_error(job, claim, trouble, state)

    def _step_through(self, job: BoardJob, claim: Claim, engine: Engine, backend: FencedBackend) -> Exception | None:
        """Run the engine; return what the hook raised if it stopped it, None otherwise."""
        self._notify("running_start", job, engine)
        stopped_by: Exception | None = None
        suspended = False
        for state in engine.run_iter():
            if state == states.WAITING:
                self._store_what_is_held(engine, backend)
            if suspended:
                continue
            if state == states.SCHEDULING:
                stopped_by = self._ask_hook(job, claim)
            if stopped_by is not None or self.waker.is_stopped():
                suspended = True
                # Left running when it is fenced out: it waits for its running steps, and ends at its first write.
                with contextlib.suppress(FencedOutError):
                    engine.suspend()
        self._notify("running_end", job, engine)
        return stopped_by

    def _store_what_is_held(self, engine: Engine, backend: FencedBackend) -> None:
        """Store results that the beginning of a next step has not taken along: no next step has begun."""
        # Fenced out, the engine goes on to its next write: leaving it here would leave its running steps alone.
        with contextlib.suppress(FencedOutError), engine.storage.lock.write_lock():
            backend.flush()

    def _ask_hook(self, job: BoardJob, claim: Claim) -> Exception | None:
        try:
            self._between_atoms(job, claim)
        except Exception as error:  # noqa: BLE001 - whatever it raises stops this job, and only this one
            return error
        return None

    # -- ending one job

    def _on_job_done(self, job: BoardJob, future: Future[Outcome | GivenBack]) -> None:
        try:
            self._end_job(job, future.result())
        except Exception:
            LOG.exception("Job %s could not be ended; it will be claimed again", job.name)
        finally:
            self._dispatched.discard(future)
            self.board.release(job)

    def _end_job(self, job: BoardJob, end: Outcome | GivenBack) -> None:
        if self.lost:
            LOG.warning("Job %s is left to others: the session is lost", job.name)
        elif isinstance(end, Outcome):
            self._conclude(job, end)
        else:
            LOG.warning("Job %s is given back: %s", job.name, end.reason)
            self._give_back(job, postponed=end.postponed)

    def _conclude(self, job: BoardJob, outcome: Outcome) -> None:
        transaction = self._client.transaction()
        try:
            self._finish(outcome, transaction)
            self.board.conclude(job, transaction)
        except (ClaimLostError, StoreUnreachableError) as error:
            # Done by somebody else, or unknown: if the job is still there it is claimed again and only ended then.
            LOG.warning("Job %s was not ended here: %s", job.name, error)
        except Exception:
            LOG.exception("Job %s could not be ended; it is given back", job.name)
            self._give_back(job, postponed=True)
        else:
            self._failures.pop(job.path, None)
            self._notify("job_consumed", job)

    def _give_back(self, job: BoardJob, *, postponed: bool) -> None:
        if postponed:
            self.board.postpone(job, self._back_off(job.path))
        try:
            self.board.abandon(job, self.name)
        except (ClaimLostError, StoreUnreachableError) as error:
            LOG.warning("Job %s was not given back: %s", job.name, error)
        else:
            self._notify("job_abandoned", job)

    def _try_finish_job(self, job: BoardJob, consume: bool, trash: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - TaskFlow's signature
        # TaskFlow calls this only when a claimed job could not be handed to its thread.
        self._give_back(job, postponed=True)
        self.board.release(job)

    def _back_off(self, path: str) -> float:
        shortest, longest = BACK_OFF
        self._failures = {each: count for each, count in self._failures.items() if self.board.knows(each)}
        failures = self._failures[path] = self._failures.get(path, 0) + 1
        return min(shortest * 2.0 ** (failures - 1), longest)

    def _notify(self, event: str, job: BoardJob, engine: Engine | None = None) -> None:
        self._notifier.notify(
            event, {"job": job, "conductor": self, "engine": engine, "persistence": self._persistence}
        )
