"""Recovery: what a conductor gives to the flows that it runs, and what becomes of an incident when its job ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from kazoo.client import KazooClient, TransactionRequest
from taskflow.jobs.base import Job
from taskflow.persistence.models import FlowDetail

from medevac.core.errors import HostReturnedError, MedevacError, NoEvidenceError
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import CLAIMS, JournalEntry
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import (
    Clock,
    Cloud,
    Fencer,
    Hypervisor,
    JournalOnly,
    NoHypervisor,
    NoServices,
    Notifier,
    Ports,
    Prober,
    Services,
    Traffic,
)
from medevac.workers import incidents
from medevac.workers.attempt import posting_of
from medevac.workers.booked import ZookeeperBookings
from medevac.workers.cases.fallen import RETURN
from medevac.workers.deeds import Deeds
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.outcome import Outcome, park_failures
from medevac.workers.engine.posting import Posting, Priority, add_job
from medevac.workers.guard import guarded
from medevac.workers.logbook import RECENT, FencedLogbook
from medevac.workers.prober import NetworkProber

FIRST_AGAIN = 30.0
LAST_AGAIN = 600.0
"""Seconds, first and longest, before an incident without evidence is tried again."""
EVIDENCE = "evidence"
"""What holds it."""


class SupersededError(MedevacError):
    """The incident has become part of a greater one."""


class OwnersPort:
    """A port that only the owner of the job may use, for reads too: a process that was frozen asks nobody anything.

    Steps prove their ownership before each side effect themselves; this costs a proof only where they have been quiet,
    or where the process was frozen between its proof and its call.
    """

    def __init__(self, port: object, logbook: FencedLogbook) -> None:
        """Pass the calls of *port* on, as long as *logbook* is ours."""
        self._port = port
        self._logbook = logbook

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method of that name, with the guard at everything that it sends."""
        method = getattr(self._port, name)

        def owned(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the method takes and gives
            with guarded(self._logbook.assert_owned_lately):
                return method(*arguments, **named)

        return owned


@dataclass(frozen=True)
class Recovery:
    """The two hooks of the conductor: `prepare` before a flow runs, `finish` in the write that ends its job."""

    client: KazooClient
    cloud: Cloud
    fencer: Fencer
    clock: Clock
    actor: str
    recent: float = RECENT
    prober: Prober = field(default_factory=NetworkProber)
    notifier: Notifier = field(default_factory=JournalOnly)
    hypervisor: Hypervisor = field(default_factory=NoHypervisor)
    services: Services = field(default_factory=NoServices)
    traffic: Traffic = field(default_factory=Traffic)
    """Shared by all recoveries of this process."""

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        """Return what the flow of *job* may touch, never persisted.

        Raises SupersededError, which ends the job, for an incident that has become part of a greater one.
        """
        details = job.details
        self._require_standing(details["incident"])
        logbook = FencedLogbook(
            self.client,
            claim,
            details["incident"],
            details["attempt"],
            self.actor,
            recent=self.recent,
            now=self.clock.now,
        )
        claims = {CLAIMS: str(details["attempt"])}
        logbook.append([replace(self._line(f"claimed by {self.actor}"), facts=claims)])
        cloud = cast("Cloud", OwnersPort(self.cloud, logbook))
        fencer = cast("Fencer", OwnersPort(self.fencer, logbook))
        hypervisor = cast("Hypervisor", OwnersPort(self.hypervisor, logbook))
        services = cast("Services", OwnersPort(self.services, logbook))
        ports = Ports(
            cloud,
            fencer,
            self.clock,
            logbook,
            self.prober,
            self.notifier,
            hypervisor,
            services,
            history=Deeds(self.client),
            traffic=self.traffic,
            bookings=ZookeeperBookings(self.client, details["incident"], self.clock.now),
        )
        return {"ports": ports}

    def _require_standing(self, incident_id: str) -> None:
        try:
            incident = incidents.read(self.client, incident_id).incident
        except incidents.NoSuchIncidentError:
            return  # what the flow writes first will say so
        if incident.state is IncidentState.SUPERSEDED:
            raise SupersededError(incident.reason)

    def finish(self, outcome: Outcome, transaction: TransactionRequest) -> None:
        """Add to *transaction*, which ends the job, the end of the incident where its flow did not set it."""
        details: Mapping[str, Any] = outcome.job.details
        try:
            stored = incidents.read(self.client, details["incident"])
        except incidents.NoSuchIncidentError:
            park_failures(outcome, transaction)
            return
        incident = stored.incident
        if incident.attempt != details["attempt"] or incident.state is not IncidentState.RECOVERING:
            return
        if incident.failure == HOST_DOWN and outcome.failed_with(HostReturnedError):
            now = self.clock.now()
            held = replace(incident, state=IncidentState.HELD, held_by=RETURN, again_at=now, returned_at=now)
            self._end(transaction, stored, held, outcome.reason)
        elif not outcome.failed_with(NoEvidenceError):
            parked = replace(incident, state=IncidentState.PARKED, ended_at=self.clock.now())
            self._end(transaction, stored, parked, outcome.reason or "the flow ended without a report")
        elif incident.evidence is None:
            again_at = self.clock.now() + back_off(incident.attempt)
            held = replace(incident, state=IncidentState.HELD, held_by=EVIDENCE, again_at=again_at)
            self._end(transaction, stored, held, outcome.reason)
        else:
            again = replace(incident, attempt=incident.attempt + 1)
            self._end(transaction, stored, again, "evidence came while the attempt without it was ending")
            add_job(transaction, _next_posting(outcome, again))

    def _end(self, transaction: TransactionRequest, stored: incidents.Stored, incident: Incident, reason: str) -> None:
        ended = replace(incident, reason=reason)
        incidents.replace(transaction, stored, ended)
        incidents.note(transaction, ended.id, [self._line(f"{ended.state}: {reason}")])

    def _line(self, text: str) -> JournalEntry:
        return JournalEntry(at=self.clock.now(), step="conductor", text=text, actor=self.actor)


def back_off(attempt: int) -> float:
    """Return how many seconds pass before what could not be fenced in *attempt* is tried again."""
    doublings = min(max(attempt - 1, 0), 10)  # more would be past the longest by far
    return float(min(FIRST_AGAIN * 2.0**doublings, LAST_AGAIN))


def _next_posting(outcome: Outcome, incident: Incident) -> Posting:
    """Return the job of the next attempt: what was decided for the attempt that has ended in *outcome* still holds."""
    (document,) = cast("FlowDetail", outcome.flow).meta["factory"]["args"]
    return posting_of(incident, document, Priority.of(outcome.job.priority))
