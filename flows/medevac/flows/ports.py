"""The world as recovery flows see it: a few small ports, and the values that pass through them.

Adapters live in `medevac.workers`; fakes in `medevac.sandbox.fakes`.  One contract suite (tests/contract) runs
on both.  Methods are grouped by what a caller may do when the answer does not come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from medevac.core.errors import NotificationError
from medevac.core.evidence import FenceEvidence
from medevac.core.journal import JournalEntry
from medevac.flows.bookings import Bookings, NoBookings
from medevac.flows.estate import HostService, Migration, Server, ServerGroup, Stop
from medevac.flows.guests import Activity, Domain, Hypervisor, KillProof, NoHypervisor, NoServices, Services
from medevac.flows.history import History, NoHistory
from medevac.flows.rung import Answer, Case, Rung
from medevac.flows.traffic import Traffic

__all__ = [
    "Activity",
    "Blind",
    "Bookings",
    "Clock",
    "Cloud",
    "Domain",
    "Fencer",
    "History",
    "HostService",
    "Hypervisor",
    "JournalOnly",
    "KillProof",
    "Logbook",
    "Migration",
    "NoBookings",
    "NoHistory",
    "NoHypervisor",
    "NoServices",
    "Notifier",
    "Ports",
    "Prober",
    "Server",
    "ServerGroup",
    "Services",
    "Stop",
    "Traffic",
]


class Cloud(Protocol):
    """Nova, as far as recovery needs it.

    Every method may raise CloudUnavailableError (no answer; certainly or harmlessly not done), RefusedError,
    NotFoundError.  Times are seconds since the epoch on Nova's clock.
    """

    # Reads: repeat them as often as needed.

    def host_service(self, host: str) -> HostService | None:
        """Return the nova-compute service of *host*, or None when Nova knows no such host."""

    def compute_services(self) -> tuple[HostService, ...]:
        """Return the nova-compute services of all hosts (GET /os-services?binary=nova-compute).

        All of them down at once says more about whoever reports than about the hosts: see `control_services`.
        """

    def control_services(self) -> Mapping[str, bool]:
        """Tell of nova-scheduler and nova-conductor whether any of each is up (GET /os-services): both are keys.

        "Up" is Nova's word, from heartbeats that nova-conductor writes.
        """

    def host_aggregates(self, host: str) -> tuple[str, ...]:
        """Return the names of the aggregates that *host* is in."""

    def aggregates(self) -> Mapping[str, tuple[str, ...]]:
        """Return the hosts of every aggregate, by its name (GET /os-aggregates)."""

    def servers_on(self, host: str) -> tuple[Server, ...]:
        """Return all servers whose host is *host*, of all projects.

        Raises CellDownError when the host's cell does not answer: an empty list would not mean an empty host.
        """

    def servers_changed_since(self, at: float) -> tuple[Server, ...]:
        """Return all servers of the cloud that changed after *at*, deleted ones included (vm_state deleted)."""

    def server(self, server_id: str) -> Server | None:
        """Return one server, or None when it is gone."""

    def stops(self, server_id: str) -> tuple[Stop, ...]:
        """Return the orders to stop the server since it was last started or rebooted, carried out or not, newest first.

        GET /servers/{id}/os-instance-actions.  What its vm_state owes to its owner, and what to Nova, is told by that;
        Nova may give an order of its own after one of its owner's that has failed.
        """

    def evacuations_from(self, host: str, since: float | None = None) -> tuple[Migration, ...]:
        """Return the evacuation records with source *host*, oldest first; only those changed after *since*."""

    def evacuations_under_way(self) -> tuple[Migration, ...]:
        """Return the evacuations of the whole cloud that are accepted or under way, whoever asked for them.

        Without those of which their servers show that Nova has left them behind: see medevac.flows.caps.
        """

    def evacuations_since(self, at: float, most: int) -> tuple[Migration, ...]:
        """Return the evacuations of the whole cloud that were accepted at *at* or later, newest first, *most* at most.

        Whoever asked for them, and whatever became of them (GET /os-migrations?migration_type=evacuation).  Those of a
        server that was deleted are gone with it.
        """

    def arrived_at(self, record: Migration) -> float | None:
        """Return when the server of an evacuation arrived; None where it has not, or Nova knows no more.

        The record tells it while it is `done`.  When nova-compute on its source is started again, that sets it to
        `completed`, as it does with one that never arrived, and `updated_at` says when that was.  Then the server's
        instance actions have it (GET /servers/{id}/os-instance-actions): the event of the destination's nova-compute
        under the action `evacuate` that the record belongs to.
        """

    def migrations_of(self, server_id: str, since: float | None = None) -> tuple[Migration, ...]:
        """Return the records of one server, of every kind, oldest first; only those changed after *since*.

        GET /os-migrations?instance_uuid=; a server that Nova does not know has none.
        """

    def project_names(self) -> Mapping[str, str]:
        """Return project id to project name (Keystone)."""

    def image_properties(self, image_id: str) -> Mapping[str, str]:
        """Return the properties of an image, by name (Glance); none when there is no such image any more."""

    def server_groups(self) -> tuple[ServerGroup, ...]:
        """Return the server groups of all projects."""

    def can_hold(self) -> bool:
        """Tell whether this Nova can leave an evacuated server shut off at its destination (microversion 2.95)."""

    # Idempotent writes: safe to repeat; the second changes nothing.

    def take_out(self, service: HostService, reason: str) -> None:
        """Force the service down and disable it with *reason*, in one request.

        A service that was disabled before (*service*.enabled is false) keeps its own reason: an operator's mark is
        never overwritten, and only forced_down is set.
        """

    def put_back(self, service: HostService, original: HostService) -> None:
        """Give the service the forced_down, status and reason that *original* had, in as few requests as Nova allows.

        Raises RefusedError while evacuations from the host wait for its clean-up.
        """

    def set_enabled(self, service: HostService, enabled: bool, reason: str) -> None:  # noqa: FBT001 - the state to have
        """Let the scheduler use the host again, or no more, without forcing it down (PUT /os-services/{id}, 2.53).

        Disabling leaves a service alone that was disabled before (*service*.enabled is false): an operator's reason is
        never overwritten.  Enabling takes no *reason*, and whoever calls it has made sure that the mark is ours.
        Servers on the host stay where they are.  Nova lets the caller of every such request wait for a dead service
        that it still believes up (60 s), after it has written; the answer is not waited for.  Raises CellDownError as
        `take_out`.
        """

    def reset_state(self, server_id: str, state: str) -> None:
        """Set vm_state to *state* (active or error) and task_state to none (os-resetState)."""

    def stop(self, server_id: str) -> None:
        """Shut the server off (os-stop).  Raises ConflictError when its state does not allow it."""

    def start(self, server_id: str) -> None:
        """Start a server that is shut off (os-start).  Raises ConflictError when its state does not allow it."""

    # Not idempotent: a second call while the first runs is accepted and breaks the server.  Look first.

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT001, FBT002 - one word says it all
        """Ask Nova to rebuild the server on a host of the scheduler's choice, in the power state it had.

        With *hold* (only where `can_hold`), a server that is not in ERROR arrives shut off; one in ERROR runs.

        Returns when Nova has accepted: a migration record exists then.  Raises OutcomeUnknownError when the answer
        did not come (or was a 5xx); ConflictError for a state in which Nova does not evacuate; RefusedError when
        the host still counts as up or the server cannot be moved; NotFoundError when the server is gone.
        """

    # The next ones act through nova-compute on the server's host, which Nova does not ask whether it lives: an order
    # to a dead one is accepted, and waits for ever.  They raise OutcomeUnknownError, ConflictError, NotFoundError and
    # RefusedError as `evacuate` does.

    def reboot(self, server_id: str) -> None:
        """Destroy the guest and start it again where it is, whatever it did (os reboot, type HARD).

        For active, stopped, paused, suspended and error; the server is active afterwards.  Nova takes it in the midst
        of another reboot too.
        """

    def live_migrate(self, server_id: str, host: str = "") -> None:
        """Move a server that is active or paused without stopping it, to *host*, or one that the scheduler chooses.

        The scheduler has to find *host* fit too (os-migrateLive, 2.30 on, without force); block migration as Nova finds
        it needed (2.25).  A destination that does not suit ends in a migration in error, and the server stays where it
        is.  Raises ConflictError when its state or task does not allow it; RefusedError when Nova sees that it cannot
        be moved, or knows no such host.
        """

    def cold_migrate(self, server_id: str) -> None:
        """Shut the server off, move it, and start it on a host that the scheduler chooses (migrate).

        For active and stopped, with its host up.  It ends in vm_state resized, which `confirm_resize` makes final.
        """

    def confirm_resize(self, server_id: str) -> None:
        """Make a cold migration final: the disk on the source goes (confirmResize).  For vm_state resized."""

    def rebuild(self, server_id: str) -> None:
        """Make the root disk anew from the server's own image, on the same host: what it held is lost (rebuild).

        For active, stopped and error.  Raises RefusedError for a server that boots from a volume: its disk is
        somebody's data.
        """


class Fencer(Protocol):
    """The site's way to prove that a host is off."""

    def ladder(self, host: str) -> tuple[Rung, ...]:
        """Return the ways to prove *host* off, in the order in which they are tried; asks none."""

    def look(self, case: Case, rung: Rung) -> Answer:
        """Ask one rung of the host's ladder.  Raises FencingError when it does not know."""

    def order(self, case: Case, rung: Rung) -> None:
        """Order the host off by one rung that orders.  Raises FencingError when it refuses; it may have worked."""


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Return after *seconds*; a worker that is told to stop may return earlier by raising."""


class Logbook(Protocol):
    """What one incident's flow may write, each write fenced by the claim."""

    def assert_owned(self) -> None:
        """Raise ClaimLostError unless this process still owns the job.  Call it before every side effect."""

    def heed(self) -> None:
        """Raise where an operator has put the incident on hold or aborted it.

        Call it where time is let pass on purpose, right after `assert_owned`; never while something is undone.
        """

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Add *entries* to the incident's journal in one write.  Raises ClaimLostError as above."""

    def attempt(self) -> int:
        """Return the number of this job among those of the incident: 1, and more after the incident was held."""

    def intentions(self) -> Mapping[str, Sequence[float]]:
        """Return for which servers earlier owners of this job were about to ask Nova, and when: the times of each.

        A call may have been made at each of them, or not; those of this owner are not among them.
        """

    def add_evidence(self, evidence: FenceEvidence) -> None:
        """Store *evidence* with the incident.  Raises ClaimLostError as above."""

    def drop_evidence(self, evidence: FenceEvidence) -> None:
        """Forget *evidence*, if it is what is stored: it proves nothing any more.  Raises ClaimLostError as above."""

    def evidence(self) -> FenceEvidence | None:
        """Return the evidence that is stored with the incident now (a trigger may have added it meanwhile)."""

    def state_of(self, incident: str) -> str:
        """Return the state (an IncidentState) of another incident; empty when there is none of that id any more."""

    def report_of(self, incident: str) -> Mapping[str, Any]:
        """Return the report of another incident; empty when there is none."""

    def finish(
        self, state: str, reason: str, report: Mapping[str, object], *, held_by: str = "", again_at: float = 0.0
    ) -> None:
        """Store the incident's outcome and report in one write.  Raises ClaimLostError as above.

        For one that is held, what holds it, and when it is looked at again (see Incident).
        """


class Prober(Protocol):
    """What a server shows of itself to those who look from outside.  Raises nothing."""

    def port_open(self, address: str, port: int, timeout: float) -> bool:
        """Tell whether *port* of *address* takes a TCP connection within *timeout* seconds."""

    def guest_ready(self, server_id: str) -> bool | None:
        """Tell whether the server's guest agent says that it is ready; None: nobody knows."""


class Blind:
    """The Prober of a site that has none: it sees no port and no guest."""

    def port_open(self, address: str, port: int, timeout: float) -> bool:
        """Return False."""
        del address, port, timeout
        return False

    def guest_ready(self, server_id: str) -> bool | None:
        """Return None."""
        del server_id
        return None


class Notifier(Protocol):
    """The site's way to tell people."""

    def send(self, target: str, title: str, text: str) -> None:
        """Send a message to *target*, a name of the site file, within seconds.  Raises NotificationError."""


class JournalOnly:
    """The Notifier of a worker that knows no targets: what it is given stands in the journal alone."""

    def send(self, target: str, title: str, text: str) -> None:
        """Raise NotificationError: nobody was told."""
        del title, text
        message = f"this worker knows no target called {target}"
        raise NotificationError(message)


@dataclass(frozen=True)
class Ports:
    """Everything a step may touch, injected by the conductor and never persisted."""

    cloud: Cloud
    fencer: Fencer
    clock: Clock
    log: Logbook
    prober: Prober = field(default_factory=Blind)
    notifier: Notifier = field(default_factory=JournalOnly)
    hypervisor: Hypervisor = field(default_factory=NoHypervisor)
    services: Services = field(default_factory=NoServices)
    history: History = field(default_factory=NoHistory)
    traffic: Traffic = field(default_factory=Traffic)
    bookings: Bookings = field(default_factory=NoBookings)
