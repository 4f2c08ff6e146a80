"""Board: TaskFlow's ZooKeeper job board, with the most urgent job first, fenced claims, and no fear of bad znodes.

The format of what it stores is TaskFlow's.  Every override closes a hole that the tests in tests/component/engine show
in the stock class.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import BadVersionError, KazooException, NoNodeError
from kazoo.recipe.watchers import ChildrenWatch
from oslo_serialization import jsonutils
from taskflow import exceptions as taskflow_errors
from taskflow import logging
from taskflow.jobs.backends.impl_zookeeper import ZookeeperJobBoard
from taskflow.jobs.base import JobPriority

from medevac.core import layout
from medevac.core.errors import StoreUnreachableError
from medevac.workers.engine.claim import Claim, FencedOutError, fenced_commit
from medevac.workers.engine.job import BoardJob, MalformedPostingError, parse
from medevac.workers.engine.parking import ParkedKind, park
from medevac.workers.zookeeper import TransactionRefusedError, bounded, commit

LOG = logging.getLogger(__name__)

CONTENTION_PAUSE = 0.2
"""Seconds before a job that somebody else has just claimed is looked at again; by then the watch has told of it."""

_URGENCY = {
    JobPriority.VERY_HIGH: 0,
    JobPriority.HIGH: 1,
    JobPriority.NORMAL: 2,
    JobPriority.LOW: 3,
    JobPriority.VERY_LOW: 4,
}


class Board(ZookeeperJobBoard):
    """The job board of one conductor.

    *on_change* is called, in one of kazoo's threads, whenever something on the board has changed: set an event in it.
    *may_claim* is asked, in the claiming thread, just before a job is offered; raising counts as no.
    """

    def __init__(
        self,
        client: KazooClient,
        persistence: object,
        *,
        path: str = layout.BOARD,
        on_change: Callable[[], None] = lambda: None,
        may_claim: Callable[[BoardJob], bool] = lambda _job: True,
    ) -> None:
        """Use *client*, which must be started, and load logbooks through *persistence*."""
        super().__init__("medevac", {"path": path}, client=client, persistence=persistence, emit_notifications=False)
        self._job_watcher: ChildrenWatch | None = None
        self.on_change = on_change
        self.may_claim = may_claim
        self._locked: frozenset[str] = frozenset()
        self._running: dict[str, Claim] = {}
        self._malformed: dict[str, tuple[bytes, int, str] | None] = {}
        self._postponed: dict[str, float] = {}
        # Set when what we know may be wrong: after a reconnect, after a call whose outcome is unknown.
        self._recheck = threading.Event()
        # Jobs whose end or return has an unknown outcome: their locks may still be there.
        self._doubtful: set[str] = set()

    @property
    def client(self) -> KazooClient:
        """Return the ZooKeeper client."""
        return self._client

    @property
    def persistence(self) -> object:
        """Return the backend that logbooks are loaded from."""
        return self._persistence

    # -- knowing what is on the board

    def connect(self, timeout: float = 10.0) -> None:
        """Start to watch the board.  Never starts the client: on a suspended one that would tear it down for all."""
        bounded(self._client.ensure_path_async(self.path), timeout)
        if self._job_watcher is None:
            self._client.add_listener(self._reconnected)
            self._job_watcher = ChildrenWatch(self._client, self.path, func=self._on_job_posting)
        self._connected = True

    def close(self) -> None:
        """Forget the board; the client stays as it is."""
        # TaskFlow warns of a lost connection unless it is told that the end is meant.
        self._closing = True
        self._client.remove_listener(self._reconnected)
        super().close()

    def _reconnected(self, state: str) -> None:
        if state == "CONNECTED":
            self._recheck.set()
            self.on_change()

    def _on_job_posting(self, children: list[str], delayed: bool = True) -> None:  # noqa: FBT001, FBT002 - taskflow's
        locked, paths = set(), set()
        for name in children:
            path = f"{self.path}/{name}"
            if name.endswith(self.LOCK_POSTFIX):
                locked.add(path.removesuffix(self.LOCK_POSTFIX))
            elif name.startswith(self.JOB_PREFIX):
                paths.add(path)
        self._locked = frozenset(locked)
        self._forget_all_but(paths)
        known = self._known_jobs.keys() | self._malformed.keys()
        calls = {path: self._client.get_async(path) for path in paths - known}
        for path, call in calls.items():
            if delayed:
                call.rawlink(lambda done, path=path: self._process_child(path, done))
            else:
                self._process_child(path, call)
        self.on_change()

    def _forget_all_but(self, paths: set[str]) -> None:
        with self._job_cond:
            for path in self._known_jobs.keys() - paths:
                self._remove_job(path)
        for path in self._malformed.keys() - paths:
            self._malformed.pop(path, None)
        for path in self._postponed.keys() - paths:
            self._postponed.pop(path, None)

    def _process_child(self, path: str, request: Any, quiet: bool = True) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002 - TaskFlow's signature
        try:
            raw, stat = bounded(request)
        except NoNodeError:
            return
        except (KazooException, StoreUnreachableError):
            self._recheck.set()
            return
        raw = raw or b""
        try:
            job = parse(self, path, (raw, stat), client=self._client, backend=self._persistence)
        except MalformedPostingError as error:
            self._malformed[path] = (raw, stat.version, str(error))
        else:
            with self._job_cond:
                self._known_jobs.setdefault(path, job)
                self._job_cond.notify_all()
        self.on_change()

    def _force_refresh(self) -> None:
        self._recheck.clear()
        try:
            self._on_job_posting(bounded(self._client.get_children_async(self.path)), delayed=False)
            self._release_own_locks()
        except (StoreUnreachableError, KazooException) as error:
            self._recheck.set()
            message = f"the board could not be read: {error}"
            raise taskflow_errors.JobFailure(message) from error

    def _release_own_locks(self) -> None:
        # A claim or abandonment whose acknowledgement was lost can leave a lock that belongs to our living session, and
        # that nobody works under.  Only the claiming thread comes here, so none of our claims is under way now.
        session = (self._client.client_id or (None,))[0]
        for path in self._locked - set(self._running):
            stat = bounded(self._client.exists_async(path + self.LOCK_POSTFIX))
            if stat is not None and stat.ephemeralOwner == session:
                LOG.warning("Releasing our own lock on %s: its acknowledgement was lost", path)
                bounded(self._client.delete_async(path + self.LOCK_POSTFIX, version=stat.version))

    # -- choosing

    def iterjobs(self, only_unclaimed: bool = True, ensure_fresh: bool = False) -> Iterator[BoardJob]:  # noqa: FBT001, FBT002 - TaskFlow's signature
        """Return the jobs, most urgent first, then oldest first; each is a copy that is yours.

        With *only_unclaimed* leaves out those that are claimed, run here, or are postponed.  Costs no round trip.
        Raises taskflow's JobFailure when *ensure_fresh* and ZooKeeper does not answer.
        """
        if not self._client.connected:
            return iter(())
        if ensure_fresh or self._recheck.is_set():
            self._force_refresh()
        self._set_malformed_aside()
        with self._job_cond:
            jobs = sorted(self._known_jobs.values(), key=lambda job: (_URGENCY[job.priority], job.sequence))
        # Lazily, so that what was claimed while the caller worked on an earlier one is left out.
        return (copy.copy(job) for job in jobs if not only_unclaimed or self._is_free(job))

    def _is_free(self, job: BoardJob) -> bool:
        if job.path in self._locked or job.path in self._running:
            return False
        if self._postponed.get(job.path, 0.0) > time.monotonic():
            return False
        try:
            return self.may_claim(job)
        except Exception:
            LOG.exception("Whether job %s may be claimed could not be told; it is left alone", job.name)
            return False

    def knows(self, path: str) -> bool:
        """Tell whether a job is at *path*, as far as the watch has told."""
        return path in self._known_jobs

    def postpone(self, job: BoardJob, seconds: float) -> None:
        """Do not offer *job* here again for *seconds*; other conductors are not affected."""
        self._postponed[job.path] = time.monotonic() + seconds

    def next_due(self) -> float | None:
        """Return the seconds until the first postponed job may be offered again; None when none is postponed."""
        now = time.monotonic()
        waits = [due - now for due in list(self._postponed.values()) if due > now]
        return min(waits) if waits else None

    def _set_malformed_aside(self) -> None:
        for path, found in list(self._malformed.items()):
            if found is None:
                continue
            raw, version, reason = found
            transaction = self._client.transaction()
            park(transaction, ParkedKind.MALFORMED, path, raw, reason)
            transaction.delete(path, version=version)
            try:
                commit(transaction)
                LOG.warning("Parked: %s", reason)
            except TransactionRefusedError as error:
                # Another conductor was faster, or it has children: it is no job either way.
                LOG.info("Not parked: %s (%s)", reason, error)
            except StoreUnreachableError:
                self._recheck.set()
                return
            # None: seen to, and ignored until it is gone from the board.
            self._malformed[path] = None

    # -- claiming and ending

    def claim(self, job: BoardJob, who: str) -> None:
        """Claim *job* (from iterjobs) for *who*, a name unique to this process; its `claim` is set then.

        Raises taskflow's UnclaimableJob when somebody else has it, NotFound when it is gone, JobFailure when the
        outcome is unknown: the lock that may exist is released by the next look at the board.
        """
        try:
            try:
                self._claim_once(job, who)
            except BadVersionError:
                job.raw, stat = bounded(self._client.get_async(job.path))
                job.version = stat.version
                self._claim_once(job, who)
        except StoreUnreachableError as error:
            self._recheck.set()
            message = f"whether {job.path} was claimed is unknown"
            raise taskflow_errors.JobFailure(message) from error
        except NoNodeError as error:
            self._remove_job(job.path)
            message = f"{job.path} is gone"
            raise taskflow_errors.NotFound(message) from error
        except KazooException as error:
            # Not noted as locked: the watch may already have told us that it is free again.
            self.postpone(job, CONTENTION_PAUSE)
            message = f"{job.path} is already claimed"
            raise taskflow_errors.UnclaimableJob(message) from error

    def _claim_once(self, job: BoardJob, who: str) -> None:
        token = job.version + 1
        transaction = self._client.transaction()
        transaction.set_data(job.path, job.raw, version=job.version)
        lock = jsonutils.dump_as_bytes({"owner": who, "token": token})
        transaction.create(job.lock_path, lock, ephemeral=True)
        try:
            commit(transaction)
        except TransactionRefusedError as error:
            raise error.cause from error
        job.version = token
        job.claim = self._running[job.path] = Claim(job.path, token, job.name, who)
        known = self._known_jobs.get(job.path)
        if known is not None:
            known.version = token

    def conclude(self, job: BoardJob, transaction: TransactionRequest) -> None:
        """Take *job* off the board for good, together with the other writes of *transaction*: all or nothing.

        Raises FencedOutError when the claim is lost, TransactionRefusedError when another of the writes is refused,
        StoreUnreachableError when the outcome is unknown (then the job, if still there, is offered again).
        """
        transaction.delete(job.lock_path)
        transaction.delete(job.path, version=cast("Claim", job.claim).token)
        self._end(job, transaction)
        self._remove_job(job.path)

    def consume(self, job: BoardJob, who: str) -> None:  # noqa: ARG002 - the token says who
        """Take *job* off the board.  Raises as conclude does."""
        self.conclude(job, self._client.transaction())

    def abandon(self, job: BoardJob, who: str) -> None:  # noqa: ARG002 - the token says who
        """Give *job* back to all conductors, also under a claim that was revoked.  Raises as conclude does."""
        claim = cast("Claim", job.claim)
        claim.revoked.set()
        transaction = self._client.transaction()
        claim.guard(transaction)
        transaction.delete(job.lock_path)
        try:
            commit(transaction)
        except StoreUnreachableError:
            self._doubtful.add(job.path)
            raise
        except TransactionRefusedError as error:
            raise FencedOutError from error

    def trash(self, job: BoardJob, who: str) -> None:  # noqa: ARG002 - the token says who
        """Park *job* instead of TaskFlow's .trash, where nobody looks.  Raises as conclude does."""
        transaction = self._client.transaction()
        park(transaction, ParkedKind.FAILED, job.path, job.raw, "It could not be run.")
        self.conclude(job, transaction)

    def _end(self, job: BoardJob, transaction: TransactionRequest) -> None:
        claim = cast("Claim", job.claim)
        try:
            fenced_commit(self._client, claim, transaction)
        except StoreUnreachableError:
            self._doubtful.add(job.path)
            raise
        except TransactionRefusedError as error:
            if error.path != job.lock_path:
                raise
            # Our lock is gone although nobody claimed after us: our session ended, and with it the claim.
            claim.revoked.set()
            raise FencedOutError from error

    def release(self, job: BoardJob) -> None:
        """Forget that this process works on *job*: call it when its engine has ended, however it ended."""
        self._running.pop(job.path, None)
        if job.path in self._doubtful:
            # Only now can a look at the board tell that nobody works under the lock.
            self._doubtful.discard(job.path)
            self._recheck.set()
        self.on_change()

    def revoke_all(self) -> None:
        """Revoke every claim of this process: its session is lost."""
        for claim in list(self._running.values()):
            claim.revoked.set()

    # -- what TaskFlow offers and we do otherwise

    def post(self, name: str, **_: object) -> None:
        """Refuse: jobs are posted with posting.add_job, in the transaction that stores their incident."""
        message = f"post {name} with medevac.workers.engine.posting.add_job"
        raise NotImplementedError(message)

    def register_entity(self, entity: object) -> None:
        """Do nothing: living workers are listed in layout.WORKERS, and come back there after a session loss."""
