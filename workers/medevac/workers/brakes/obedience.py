"""Obedience: how conductors follow orders: before a claim, between steps, and before calls that cannot be undone."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from kazoo.client import KazooClient, TransactionRequest
from taskflow.jobs.base import Job

from medevac.core import layout
from medevac.flows.ports import Clock, Cloud, Ports
from medevac.workers import incidents
from medevac.workers.brakes import domains, marks, orders, undone
from medevac.workers.brakes.marks import Place
from medevac.workers.brakes.order_watch import OrderWatch
from medevac.workers.brakes.orders import Order
from medevac.workers.engine.claim import AbandonJobError, AbortJobError, Claim, FencedOutError
from medevac.workers.engine.job import BoardJob
from medevac.workers.engine.outcome import Outcome
from medevac.workers.guard import guarded
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.zookeeper import bounded

FORWARD: Mapping[str, frozenset[str]] = {
    "cloud": frozenset(("take_out", "evacuate", "reboot", "live_migrate", "cold_migrate", "rebuild")),
    "fencer": frozenset(("order",)),
    "hypervisor": frozenset(("kill",)),
    "services": frozenset(("restart",)),
    "log": frozenset(("heed",)),
}
"""The calls of each port that are not made once an incident is on hold or aborted; what undoes them still is."""


class Hooks(Protocol):
    """What a recovery does for the conductor (medevac.workers.recovery)."""

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        """Return what the flow of *job* may touch."""

    def finish(self, outcome: Outcome, transaction: TransactionRequest) -> None:
        """Add the end of the incident to *transaction*."""


class Obedience:
    """The hooks of one conductor; it stands between the conductor and the hooks of its recovery."""

    def __init__(
        self, client: KazooClient, cloud: Cloud, clock: Clock, settings: BrakeSettings, recovery: Hooks
    ) -> None:
        """Pass on to *recovery* what no order is about."""
        self._client = client
        self._cloud = cloud
        self._clock = clock
        self._settings = settings
        self._recovery = recovery
        # By incident; each lives as long as the ports of the flow that asks it.
        self._watches: weakref.WeakValueDictionary[str, OrderWatch] = weakref.WeakValueDictionary()
        self.wake: Callable[[], None] = lambda: None
        """Set it to the conductor's waker: called when an order or a mark that kept a job from it has changed."""

    # -- before a claim

    def may_claim(self, job: BoardJob) -> bool:
        """Tell whether *job* may be claimed: not while on hold, nor before its first claim while its place is disarmed.

        A recovery that was begun is finished, also by another conductor: half a recovery is worse than a whole one.
        """
        incident_id = job.details.get("incident", "")
        if not incident_id:
            return True
        standing = orders.given(self._client, incident_id)
        if Order.HOLD in standing:
            self._tell_of_changes(layout.incident(incident_id))
            # Again: it may have been released before the watch was there, and then nobody would tell of it.
            standing = orders.given(self._client, incident_id)
            if Order.HOLD in standing:
                return False
        if Order.ABORT in standing or not marks.disarms(self._client, self._clock.now()):
            return True
        self._tell_of_changes(layout.DISARM)
        return self._begun(job) or not self._disarmed(incident_id)

    def _tell_of_changes(self, path: str) -> None:
        # The same method each time: kazoo keeps one watch however often it is set.
        bounded(self._client.get_children_async(path, watch=self._changed))

    def _changed(self, _event: object) -> None:
        self.wake()

    def _begun(self, job: BoardJob) -> bool:
        stat = bounded(self._client.exists_async(job.path))
        return stat is not None and stat.version > 0

    def _disarmed(self, incident_id: str) -> bool:
        incident = incidents.read(self._client, incident_id).incident
        host = incident.host or incident.subject.name
        service = self._cloud.host_service(host)
        place = domains.place_of(service, self._cloud.aggregates(), self._settings) if service else Place(host)
        return any(place.within(mark.scope) for mark in marks.disarms(self._client, self._clock.now()))

    # -- while it runs

    def between_atoms(self, job: BoardJob, claim: Claim) -> None:
        """Raise AbandonJobError when the incident is on hold, AbortJobError when it is to be aborted."""
        del claim
        standing = self._watch(job).standing()
        if Order.ABORT in standing:
            raise _aborted(standing)
        if Order.HOLD in standing:
            raise AbandonJobError(f"on hold by {standing[Order.HOLD]}")

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        """Return what the recovery gives to the flow, with ports that make no further call against an order."""
        given = self._recovery.prepare(job, claim)
        ports = cast("Ports", given["ports"])
        watch = self._watch(job)

        def ask() -> None:
            standing = watch.standing()
            if Order.ABORT in standing:
                raise _aborted(standing)
            if Order.HOLD in standing:
                # As when the claim is lost: the step ends, nothing is recorded as failed, and the job is resumed later.
                claim.revoked.set()
                raise FencedOutError(f"on hold by {standing[Order.HOLD]}")

        changed = {
            name: ObedientPort(getattr(ports, name), forward, ask)
            for name, forward in FORWARD.items()
            if hasattr(ports, name)
        }
        return {**given, "ports": dataclasses.replace(ports, **cast("Any", changed))}

    def _watch(self, job: Job) -> OrderWatch:
        incident_id = job.details.get("incident", "")
        watch = self._watches.get(incident_id)
        if watch is None:
            watch = self._watches[incident_id] = OrderWatch(self._client, incident_id)
        return watch

    # -- at its end

    def finish(self, outcome: Outcome, transaction: TransactionRequest) -> None:
        """Add the end of an aborted incident, with what was undone and what was not; else what the recovery adds."""
        incident_id = outcome.job.details.get("incident", "")
        said = orders.given(self._client, incident_id).get(Order.ABORT) if incident_id else None
        stored = self._open(incident_id) if said else None
        if said is None or stored is None or stored.incident.attempt != outcome.job.details.get("attempt"):
            self._recovery.finish(outcome, transaction)
            return
        ended = undone.ended(stored.incident, said, self._cloud, self._clock.now())
        incidents.replace(transaction, stored, ended)
        incidents.note(transaction, incident_id, [undone.line(ended, self._clock.now())])

    def _open(self, incident_id: str) -> incidents.Stored | None:
        try:
            stored = incidents.read(self._client, incident_id)
        except incidents.NoSuchIncidentError:
            return None
        return None if stored.incident.state.final else stored


class ObedientPort:
    """A port that asks before each of its calls that cannot be undone, and again at the moment it is sent.

    The second time counts for a process that was frozen between the two: it proves its claim anew by then.
    """

    def __init__(self, port: object, forward: frozenset[str], ask: Callable[[], None]) -> None:
        """Pass the calls of *port* on; before those named *forward*, *ask*, which raises for no."""
        self._port = port
        self._forward = forward
        self._ask = ask

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        """Return the method of that name."""
        method = getattr(self._port, name)
        if name not in self._forward:
            return method

        def asked(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the method takes and gives
            self._ask()
            with guarded(self._ask):
                return method(*arguments, **named)

        return asked


def _aborted(standing: Mapping[Order, orders.Given]) -> AbortJobError:
    return AbortJobError(f"aborted by {standing[Order.ABORT]}")
