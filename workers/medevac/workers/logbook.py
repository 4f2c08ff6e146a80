"""Logbook: what a flow writes about its incident, each write under the claim of the job; the Logbook port."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from kazoo.client import KazooClient, TransactionRequest

from medevac.core import layout
from medevac.core.errors import ClaimLostError, StoreUnreachableError
from medevac.core.evidence import FenceEvidence
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import INTENDS, JournalEntry
from medevac.flows.policy.words import HOST_DOWN
from medevac.workers import incidents
from medevac.workers.engine.claim import Claim, FencedOutError, check, fenced_commit
from medevac.workers.zookeeper import TransactionRefusedError

log = logging.getLogger(__name__)
T = TypeVar("T")

PAUSE = 0.25
"""Seconds between two tries of a read that is not answered."""
FIRST_CLAIM = 1
"""The token of a job's first claim: nobody had it before."""
RECENT = 1.0
"""Seconds for which a proof of ownership allows calls that change nothing."""


def until_answered(call: Callable[[], T]) -> T:
    """Return what the read *call* returns, repeating it while ZooKeeper does not answer.

    It has no deadline of its own: the worker's SessionWatch ends the process when ZooKeeper stays away.  An error
    here would make TaskFlow revert a recovery because of an outage that may last a second.  (A write that is not
    answered revokes the claim, and so ends the run without recording a failure.)
    """
    while True:
        try:
            return call()
        except StoreUnreachableError as error:
            log.warning("waiting for ZooKeeper: %s", error)
            time.sleep(PAUSE)


class FencedLogbook:
    """The Logbook port of one claim: every write checks that the claim still holds."""

    def __init__(  # noqa: PLR0913 - one for each thing that a line of a journal stands on
        self,
        client: KazooClient,
        claim: Claim,
        incident_id: str,
        attempt: int,
        actor: str,
        *,
        recent: float = RECENT,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Write for *incident_id*, as *actor*, under *claim*; a proof of it is good for *recent* seconds of reading."""
        self._now = now
        self._client = client
        self._claim = claim
        self._id = incident_id
        self._attempt = attempt
        self._actor = actor
        self._recent = recent
        self._begun_at = now()
        self._proven_at = 0.0
        self._intended: dict[str, list[float]] | None = None
        self._last: incidents.Stored | None = None

    def assert_owned(self) -> None:
        """Raise ClaimLostError unless this process still owns the job, and the incident is not part of a greater one.

        Whatever ends with its host is looked up before each side effect; a host's death itself is never superseded.
        """
        if not self._id.startswith(f"{HOST_DOWN}:") and self._read().incident.state is IncidentState.SUPERSEDED:
            self._claim.revoked.set()
            raise FencedOutError(f"{self._id} has been superseded: nothing more is done for it")
        check(self._client, self._claim)
        self._proven_at = time.monotonic()

    def heed(self) -> None:
        """Obey nobody: who listens to operators stands in front (medevac.workers.brakes.obedience)."""

    def assert_owned_lately(self) -> None:
        """Raise ClaimLostError unless this process has owned the job lately."""
        if self._claim.revoked.is_set() or time.monotonic() - self._proven_at > self._recent:
            self.assert_owned()

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Add *entries* to the journal, signed by this worker."""
        signed = [replace(entry, actor=self._actor) for entry in entries]
        self._commit(lambda transaction: incidents.note(transaction, self._id, signed))

    def attempt(self) -> int:
        """Return the number of this job among those of the incident."""
        return self._attempt

    def intentions(self) -> Mapping[str, Sequence[float]]:
        """Return for which servers earlier owners were about to ask Nova; read once, before this one asks."""
        if self._intended is None:
            self._intended = self._read_intentions() if self._claim.token > FIRST_CLAIM else {}
        return self._intended

    def evidence(self) -> FenceEvidence | None:
        """Return the evidence that is stored with the incident now."""
        return self._read().incident.evidence

    def add_evidence(self, evidence: FenceEvidence) -> None:
        """Store *evidence* with the incident."""
        self._change(lambda incident: replace(incident, evidence=evidence))

    def drop_evidence(self, evidence: FenceEvidence) -> None:
        """Forget *evidence*; other that has come since stays."""

        def without(incident: Incident) -> Incident:
            return replace(incident, evidence=None) if incident.evidence == evidence else incident

        self._change(without)

    def state_of(self, incident: str) -> str:
        """Return the state of another incident; empty when there is none of that id any more."""
        try:
            return until_answered(lambda: incidents.read(self._client, incident)).incident.state.value
        except incidents.NoSuchIncidentError:
            return ""

    def report_of(self, incident: str) -> Mapping[str, Any]:
        """Return the report of another incident; empty when there is none."""
        return until_answered(lambda: incidents.report(self._client, incident)) or {}

    def finish(
        self, state: str, reason: str, report: Mapping[str, object], *, held_by: str = "", again_at: float = 0.0
    ) -> None:
        """Store state, reason and report in one write."""
        ended = IncidentState(state)
        at = self._now() if ended.final else None

        def end(incident: Incident) -> Incident:
            return replace(incident, state=ended, reason=reason, ended_at=at, held_by=held_by, again_at=again_at)

        if not report:
            self._change(end)
            return
        path, data = layout.report(self._id), json.dumps(report, separators=(",", ":")).encode()
        try:
            self._change(end, lambda transaction: transaction.create(path, data))
        except TransactionRefusedError as error:
            if error.path != path:
                raise
            self._change(end, lambda transaction: transaction.set_data(path, data))  # over an earlier attempt's

    def _read_intentions(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for entry in until_answered(lambda: incidents.journal(self._client, self._id)):
            if INTENDS in entry.facts and (entry.actor != self._actor or entry.at < self._begun_at):
                found.setdefault(entry.server, []).append(entry.at)
        return found

    def _read(self) -> incidents.Stored:
        self._last = until_answered(lambda: incidents.read(self._client, self._id))
        return self._last

    def _change(
        self, change: Callable[[Incident], Incident], also: Callable[[TransactionRequest], None] = lambda _: None
    ) -> None:
        """Write the changed incident; triage may add evidence at the same time, so a refused version is read again.

        What was read last is good enough to begin with: ZooKeeper refuses it if anybody has written since.
        """
        while True:
            stored, self._last = self._last or self._read(), None
            if stored.incident.attempt != self._attempt:
                message = f"{self._id} is being recovered by attempt {stored.incident.attempt} now"
                raise ClaimLostError(message)
            if stored.incident.state is IncidentState.SUPERSEDED:
                self._claim.revoked.set()
                raise FencedOutError(f"{self._id} has been superseded: its flow says nothing more")

            def write(transaction: TransactionRequest, stored: incidents.Stored = stored) -> None:
                incidents.replace(transaction, stored, change(stored.incident))
                also(transaction)

            try:
                self._commit(write)
            except TransactionRefusedError as error:
                if error.path != layout.incident(self._id):
                    raise
            else:
                return

    def _commit(self, write: Callable[[TransactionRequest], None]) -> None:
        transaction = self._client.transaction()
        write(transaction)
        fenced_commit(self._client, self._claim, transaction)
        self._proven_at = time.monotonic()
