"""FencedBackend: TaskFlow's ZooKeeper persistence for one claim, where a zombie's first write fails.

What it writes is what TaskFlow writes, in TaskFlow's format.  It leaves out what carries no news: reading before each
write (a claim has a single writer), the automatic 0 % and 100 % progress marks, rewriting all atoms at every change of
the flow's state, and everything before the engine says RUNNING (then one write stores it all).  That a step has
succeeded is written together with the beginning of the next, unless the engine has to wait before that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from kazoo.client import KazooClient, TransactionRequest
from oslo_serialization import jsonutils
from taskflow import exceptions as taskflow_errors
from taskflow import states
from taskflow.persistence import models
from taskflow.persistence.backends.impl_zookeeper import ZkBackend, ZkConnection
from taskflow.persistence.path_based import PathBasedConnection

from medevac.core import layout
from medevac.core.errors import StoreUnreachableError
from medevac.workers.engine.claim import Claim, FencedOutError, fenced_commit
from medevac.workers.zookeeper import bounded

PATIENCE = 30.0
"""Seconds for which a write is tried again while ZooKeeper is away; the worker usually ends itself sooner."""
RETRY_DELAY = 0.2
MOST_HELD = 100_000
"""Bytes of results that are held back for the next write; what is larger is written at once."""

_BEFORE_RUNNING = (None, states.PENDING, states.RESUMING, states.SUSPENDED)


class FencedBackend(ZkBackend):
    """Where flows are stored.  Without a claim it only reads; `bound` gives the one that may write for a claim."""

    def __init__(
        self,
        client: KazooClient,
        *,
        path: str = layout.BOOKS,
        claim: Claim | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Use *client*, which must be started; writes are tried for *patience* seconds."""
        super().__init__({"path": path}, client=client)
        self.claim = claim
        self.patience = patience
        self.stored: dict[str, bytes] = {}
        """What ZooKeeper holds, by path, as far as this claim has read or written it."""
        self.marks: dict[str, bytes] = {}
        """The last write of each atom without its progress, to tell automatic progress from news."""
        self.held: dict[str, bytes] = {}
        """What is to be written together with the next write, by path."""
        self.running = False
        """Whether the engine has said RUNNING."""

    def bound(self, claim: Claim) -> FencedBackend:
        """Return a backend for the one engine run that *claim* is for."""
        return FencedBackend(self._client, path=self.path, claim=claim, patience=self.patience)

    def get_connection(self) -> FencedConnection:
        """Return a connection; it costs nothing."""
        return FencedConnection(self, self._client)

    def flush(self) -> None:
        """Write what is held back for the next write.  Raises as all writes do."""
        if self.held:
            self.get_connection().write({})


class FencedConnection(ZkConnection):
    """Reads and fenced writes.  Raises taskflow's StorageFailure and NotFound on reading, FencedOutError on writing."""

    def __init__(self, backend: FencedBackend, client: KazooClient) -> None:
        """Never start the client: stock does, and on a suspended one that stops kazoo's threads and waits for ever."""
        PathBasedConnection.__init__(self, backend)
        self._client = client
        self._conf: dict[str, object] = {}

    # -- reading

    @contextlib.contextmanager
    def _exc_wrapper(self) -> Iterator[None]:
        with super()._exc_wrapper():
            try:
                yield
            except StoreUnreachableError as error:
                raise taskflow_errors.StorageFailure(str(error)) from error

    def _read(self, path: str, call: Any = None) -> dict[str, Any]:  # noqa: ANN401 - kazoo has no type hints
        with self._exc_wrapper():
            data, _ = bounded(call or self._client.get_async(path))
        self._backend.stored[path] = data
        document: dict[str, Any] = jsonutils.loads(data)
        return document

    def _get_item(self, path: str) -> dict[str, Any]:
        return self._read(path)

    def _get_children(self, path: str) -> list[str]:
        with self._exc_wrapper():
            return list(bounded(self._client.get_children_async(path)))

    def _ensure_path(self, path: str) -> None:
        with self._exc_wrapper():
            bounded(self._client.ensure_path_async(path))

    def get_flow_details(self, flow_uuid: str, lazy: bool = False) -> models.FlowDetail:  # noqa: FBT001, FBT002 - taskflow's
        """Return the flow with its atoms, in two waits however many atoms there are."""
        path = self._join_path(self.flow_path, flow_uuid)
        call, atoms = self._client.get_async(path), self._client.get_children_async(path)
        flow = self._deserialize(models.FlowDetail, self._read(path, call))
        if not lazy:
            with self._exc_wrapper():
                names = list(bounded(atoms))
            for atom in self._read_atoms(names):
                flow.add(atom)
        return flow

    def get_atoms_for_flow(self, flow_uuid: str) -> Iterator[models.AtomDetail]:
        """Return the flow's atoms."""
        return self._read_atoms(self._get_children(self._join_path(self.flow_path, flow_uuid)))

    def _read_atoms(self, names: list[str]) -> Iterator[models.AtomDetail]:
        calls = {path: self._client.get_async(path) for path in (self._join_path(self.atom_path, n) for n in names)}
        for path, call in calls.items():
            document = self._read(path, call)
            yield self._deserialize(models.AtomDetail, document)

    # -- writing

    def update_flow_details(self, flow_detail: models.FlowDetail, ignore_missing: bool = False) -> models.FlowDetail:  # noqa: ARG002, FBT001, FBT002 - TaskFlow's signature
        """Store the flow's state and meta, and those of its atoms that were never stored."""
        backend = self._backend
        if not backend.running and flow_detail.state in _BEFORE_RUNNING:
            return flow_detail
        backend.running = True
        path = self._get_obj_path(flow_detail)
        news = {path: _dump(flow_detail.to_dict())}
        for atom in flow_detail:
            atom_path = self._get_obj_path(atom)
            if atom_path not in backend.stored:
                news[atom_path] = _dump(self._serialize(atom))
                news[self._join_path(path, atom.uuid)] = b""
        self.write(news)
        return flow_detail

    def update_atom_details(self, atom_detail: models.AtomDetail, ignore_missing: bool = False) -> models.AtomDetail:  # noqa: ARG002, FBT001, FBT002 - TaskFlow's signature
        """Store the atom, unless nothing but its automatic progress has changed."""
        backend = self._backend
        path = self._get_obj_path(atom_detail)
        if not backend.running and path not in backend.stored:
            return atom_detail
        document = self._serialize(atom_detail)
        mark = _mark(document)
        automatic = (atom_detail.meta or {}).get("progress") in (None, 0.0, 1.0)
        if not (automatic and backend.marks.get(path) == mark):
            self._write_soon(path, _dump(document), hold=_has_succeeded(atom_detail))
            backend.marks[path] = mark
        return atom_detail

    def save_logbook(self, book: models.LogBook) -> models.LogBook:
        """Refuse: logbooks are stored with their job, by posting.add_job."""
        message = f"store {book.name} with medevac.workers.engine.posting.add_job"
        raise NotImplementedError(message)

    def destroy_logbook(self, book_uuid: str) -> None:
        """Refuse: logbooks are removed by sweep.sweep."""
        message = f"remove {book_uuid} with medevac.workers.engine.sweep.sweep"
        raise NotImplementedError(message)

    def write(self, news: dict[str, bytes]) -> None:
        """Write *news*, by path, and what was held back, in one transaction."""
        stored, held = self._backend.stored, self._backend.held
        changed = {path: data for path, data in {**held, **news}.items() if stored.get(path) != data}
        if changed:
            self._insist(changed)
            stored.update(changed)
        held.clear()

    def _write_soon(self, path: str, data: bytes, *, hold: bool) -> None:
        held = self._backend.held
        if hold and sum(map(len, held.values())) + len(data) <= MOST_HELD:
            held[path] = data
        else:
            self.write({path: data})

    def _insist(self, changed: dict[str, bytes]) -> None:
        """Write *changed* in one fenced transaction; when its outcome is unknown look, and repeat what was not done."""
        claim: Claim | None = self._backend.claim
        if claim is None:
            message = "a flow can only be stored under a claim: use FencedBackend.bound"
            raise NotImplementedError(message)
        until = time.monotonic() + self._backend.patience
        while True:
            left = max(until - time.monotonic(), RETRY_DELAY)
            try:
                fenced_commit(self._client, claim, self._transaction_of(changed), left, revoke_when_unknown=False)
            except StoreUnreachableError as error:
                if self._was_applied(changed, claim, until):
                    return
                if time.monotonic() >= until:
                    # Not StorageFailure: TaskFlow would go on to record a failure of the flow, and that write may work.
                    claim.revoked.set()
                    raise FencedOutError(str(error)) from error
            else:
                return

    def _transaction_of(self, changed: dict[str, bytes]) -> TransactionRequest:
        transaction = self._client.transaction()
        for path, data in changed.items():
            if path in self._backend.stored:
                transaction.set_data(path, data)
            else:
                transaction.create(path, data)
        return transaction

    def _was_applied(self, changed: dict[str, bytes], claim: Claim, until: float) -> bool:
        """Tell whether a write of unknown outcome was made; writes that only set are the same made twice."""
        created = next((path for path in changed if path not in self._backend.stored), None)
        while not claim.revoked.is_set() and time.monotonic() < until:
            time.sleep(RETRY_DELAY)
            try:
                left = max(until - time.monotonic(), RETRY_DELAY)
                if created is None:
                    return False
                # A server that we have just reconnected to may lag behind the one that took the write.
                bounded(self._client.sync_async(created), left)
                return bounded(self._client.exists_async(created), left) is not None
            except StoreUnreachableError:
                continue
        return False


def _dump(document: object) -> bytes:
    data: bytes = jsonutils.dump_as_bytes(document)
    return data


def _has_succeeded(atom: models.AtomDetail) -> bool:
    return isinstance(atom, models.TaskDetail) and atom.state == states.SUCCESS


def _mark(document: dict[str, Any]) -> bytes:
    atom = dict(document["atom"])
    atom["meta"] = {name: value for name, value in (atom.get("meta") or {}).items() if name != "progress"}
    return _dump(atom)
