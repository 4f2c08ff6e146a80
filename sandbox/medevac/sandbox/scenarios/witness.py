"""Witness: sees every step of a play and says which rule of docs/decisions was broken, from what really happened.

Whether a server runs twice is read from the ledger, which power states alone feed; what workers believe, or Nova says,
is no evidence here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import decode
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.sandbox.cloud.model import guests
from medevac.sandbox.cloud.model.migration import EVACUATION, Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.scenarios import beginnings, endings
from medevac.sandbox.scenarios.caps import Caps
from medevac.sandbox.scenarios.process import Process
from medevac.workers.brakes import orders

if TYPE_CHECKING:  # the stage needs the witness
    from medevac.sandbox.scenarios.stage import Stage

MOST_OFF = 40
"""Orders to switch one host off, in one play."""
MOST_MESSAGES = 40
AT_ONCE = 0.3
"""Seconds within which an order is followed: calls that are on their way when it is given are still made."""
_FORWARD = {"take_out", "evacuate", "order", "kill", "reboot", "live_migrate", "cold_migrate", "rebuild"}
"""The calls that only the owner of a job may make, and that nobody makes by whom the site was told to do nothing."""
RACE = 1.0
"""Seconds within which a mark may meet a call that was on its way: Nova lets nobody say "only if it is still so"."""
LOOKED_AT = 10.0
"""Seconds after which it is looked again at what owners have done, before further servers are asked for."""
_UNDER_WAY = ("accepted", "pre-migrating")
_FRESH = 250.0
"""Seconds for which an evacuation counts as under way; after the time-outs of policies it may be written off."""
_FORGOTTEN = "left behind by Nova"
"""The ledger's word for a guest that Nova has started and forgotten: nobody who asks Nova can know of it."""
_HAD_POWER = "still had power"
"""The ledger's word for an evacuation from a host that was switched on again after it had been proven off.  That its
servers do not run there is asked for here (see _require_dead); that it has power again is no copy of anything."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A call that changed something, or was to."""

    at: float
    process: str
    text: str
    error: str = ""


class Witness:
    """Sees, and keeps what it has seen."""

    def __init__(self, stage: Stage) -> None:
        """Watch *stage*."""
        self._stage = stage
        self.violations: list[str] = []
        self.deeds: list[Deed] = []
        self.states: list[tuple[float, str, str, str]] = []
        """When an incident got which state, and what holds it."""
        self.marks: dict[str, dict[str, object]] = {}
        """What operators have set on services of hosts: nobody else may change it."""
        self._marked_at: dict[str, float] = {}
        self.stopped_at: dict[str, float] = {}
        """When owners stopped servers, by id."""
        self.control_away: dict[str, float] = {}
        """Since when there is no nova-conductor, or no nova-scheduler."""
        self.let_go_at: dict[str, float] = {}
        """When the last job of each incident was posted."""
        self.dirty = False
        """Whether an incident was written since it was looked at them."""
        self.before: Callable[[str], None] = lambda _: None
        self.behind: Callable[[str], None] = lambda _: None
        """Called with the words of a deed, before and after it is done: a script may have something to do then."""
        self._off: Counter[str] = Counter()
        self._broken = 0
        self._runs = 0
        self._known: dict[str, tuple[str, str]] = {}
        self.caps = Caps(stage)

    # -- what is done

    def asked(self, process: Process, request: Any) -> None:  # noqa: ANN401 - kazoo has no type hints
        """See a request to ZooKeeper: nothing is begun where the site was told to do nothing."""
        for operation in getattr(request, "operations", ()):
            path = str(getattr(operation, "path", ""))
            self.dirty = self.dirty or path.startswith(f"{layout.INCIDENTS}/")
            if type(operation).__name__ == "Create" and path.startswith(f"{layout.BOARD}/"):
                self._on_the_board(process, path, operation.data)

    def _on_the_board(self, process: Process, path: str, data: bytes) -> None:
        """See a job that is posted, or claimed: where nothing is to be begun, nothing is."""
        if path.endswith(".lock"):
            for wrong in beginnings.wrongs(self._stage, process.name, path.removesuffix(".lock")):
                self._break(wrong)
        else:
            self.let_go_at[beginnings.incident_of(data)] = self._now

    def about_to(self, process: Process, port: str, verb: str, arguments: tuple[Any, ...]) -> None:
        """See a call before it is made."""
        self.before(f"{verb} {self._told(arguments[0])}")
        process.assert_alive()
        if verb in _FORWARD:
            self._require_claim(process, f"{port} {verb}")
            self._require_leave(process, f"{verb} {self._told(arguments[0])}")
        with self._stage.world.settled():
            if verb in ("evacuate", "rebuild"):
                self._require_dead(process, verb, str(arguments[0]))
            if verb == "take_out":
                self._require_evidence(process, "a host is forced down")
            if verb in ("start", "reboot"):
                self._require_wanted(str(arguments[0]))

    def done(self, process: Process, port: str, verb: str, arguments: tuple[Any, ...], error: str) -> None:
        """See a call after it was made."""
        del port
        self.deeds.append(Deed(self._now, process.name, f"{verb} {self._told(arguments[0])}", error))
        if verb in ("take_out", "put_back", "set_enabled"):
            host = self._told(arguments[0])
            if self._now - self._marked_at.get(host, 0.0) < RACE:
                self.marks.pop(host, None)  # the two met: whose mark it is can nobody tell from now on
        if verb == "order":
            host = str(getattr(arguments[0], "host", arguments[0]))
            self._off[host] += 1
            if self._off[host] == MOST_OFF:
                self._break(f"{host} was ordered off {MOST_OFF} times")
        if verb == "evacuate" and not error and len(self._under_way(str(arguments[0]))) > 1:
            self._break(f"{self._told(arguments[0])} is being evacuated twice at the same time")
        if verb in ("evacuate", "order"):
            self._count(process, verb, arguments[0], error)
        self.behind(f"{verb} {self._told(arguments[0])}")
        if verb == "send" and len(self._stage.notifier.sent) == MOST_MESSAGES:
            self._break(f"people were told {MOST_MESSAGES} times")

    def _count(self, process: Process, verb: str, what: object, error: str) -> None:
        incident = self._incident_of(process)
        if incident is not None and verb == "evacuate":
            self._break_all(self.caps.step(incident, str(what)))
        elif incident is not None and not error:
            self._break_all(self.caps.fencing(incident.id, self._told(what)))

    # -- how things stand

    def look(self) -> None:
        """Look at everything that may never be, after one step of the play."""
        if self.dirty:
            self.dirty = False
            self._look_at_incidents()
        with self._stage.world.settled() as world:
            broken = world.ledger.broken()
            self.violations += [sentence for sentence in broken[self._broken :] if _HAD_POWER not in sentence]
            self._broken = len(broken)
            for run in world.ledger.runs[self._runs :]:
                server = world.servers[run.server_id]
                if server.deleted and run.started_at > (server.terminated_at or 0.0):
                    self._break(f"{world.servers[run.server_id].name}, which its owner had deleted, was started")
            self._runs = len(world.ledger.runs)
            self._break_all(self.caps.evacuations())
            for host, marks_set in list(self.marks.items()):
                self._look_at_marks(host, marks_set)

    def _look_at_incidents(self) -> None:
        """Note which incidents have another state than before."""
        stored = list(self.incidents())
        self._break_all(self.caps.recoveries(stored))
        for incident in stored:
            now = (incident.state.value, incident.held_by)
            if self._known.get(incident.id) != now:
                self._known[incident.id] = now
                self.states.append((self._now, incident.id, *now))

    def close(self) -> None:
        """Look at what must be so in the end: nothing was forgotten."""
        stage = self._stage
        for name in stage.names(layout.EVENTS):
            self._break(f"event {name} was never settled")
        for incident in self.incidents():
            self._look_at_end(incident)
        with stage.world.settled() as world:
            self.violations += [
                f"at {run.started_at:.3f}: {world.servers[run.server_id].name}, which its owner had stopped, runs"
                for run in world.ledger.runs
                if run.ended_at is None
                and not world.servers[run.server_id].should_run
                and not world.servers[run.server_id].deleted  # the deleted are looked at as they start
                and run.started_at >= self.stopped_at.get(run.server_id, 0.0)  # Nova may fail to stop one
                and not self._met_an_evacuation(run.server_id)
                and _FORGOTTEN not in run.why_started
            ]
            for host in world.hosts.values():
                if host.forced_down and not host.disabled and "forced_down" not in self.marks.get(host.name, {}):
                    self._break(f"{host.name} is forced down and still enabled: neither in service nor out of it")
            for server in world.servers.values():
                taken_for_stopped = server.vm_state == "stopped"  # by Nova, which then tells everybody so
                wanted = server.should_run and not server.deleted and not taken_for_stopped
                if wanted and not world.ledger.hosts_of(server.id):
                    self._require_told(server.id, server.name)
                elif wanted and server.vm_state == "error" and not endings.is_told(self._stage, server.id):
                    self._break(f"{server.name} runs, Nova has it in ERROR, and nobody was told")

    def _met_an_evacuation(self, server_id: str) -> bool:
        """Tell whether its owner stopped a server as Nova was being asked for it, on a host where no stop is done."""
        stopped = self.stopped_at.get(server_id)
        records = self._stage.world.migrations_of.get(server_id, ())
        return stopped is not None and any(0 <= each.created_at - stopped < LOOKED_AT for each in records)

    def incidents(self) -> Iterator[Incident]:
        """Yield all incidents, as they are stored."""
        for name in self._stage.names(layout.INCIDENTS):
            path = layout.incident(name)
            data = self._stage.read(path)
            if data:
                try:
                    yield decode(Incident, data, path)
                except MalformedDocumentError as error:
                    self._break(f"incident {name} cannot be read: {error}")

    # -- rules

    def _require_claim(self, process: Process, what: str) -> None:
        claims = list(process.conductor.board._running.values()) if process.conductor else []  # noqa: SLF001 - see Stage.busy_worker
        if not claims:
            self._break(f"{process.name} makes a call ({what}) and has claimed nothing")
        for claim in claims:
            version = self._stage.version(claim.path)
            if version != claim.token:
                self._break(f"{process.name} makes a call ({what}) under claim {claim.token}; the job is at {version}")

    def _require_leave(self, process: Process, what: str) -> None:
        """Require that no operator has held or aborted the incident for longer than a call takes."""
        incident = self._incident_of(process)
        given = orders.given(self._stage.observer, incident.id) if incident else {}
        for order, said in given.items():
            if self._now - said.at > AT_ONCE and not process.stood_still:
                self._break(
                    f"{process.name} makes a call ({what}) although {order} was ordered {self._now - said.at:.0f} s ago"
                )

    def _under_way(self, server_id: str) -> list[Migration]:
        """Return the evacuations of a server from where it is that Nova has begun lately.

        One from elsewhere is what Nova left: of two accepted records it finishes the older, and the newer stays.
        """
        world = self._stage.world
        home = world.servers[server_id].host
        return [
            record
            for record in world.migrations_of.get(server_id, [])
            if record.kind == EVACUATION
            and record.source == home
            and record.status in _UNDER_WAY
            and self._now - record.created_at < _FRESH
        ]

    def _require_dead(self, process: Process, verb: str, server_id: str) -> None:
        server = self._stage.world.servers.get(server_id)
        if server is None or server.host is None:
            return
        if server.host in self._stage.world.ledger.hosts_of(server_id):
            self._break(f"{process.name} would {verb} {server.name} while it runs on {server.host}")
        incident = self._incident_of(process)
        if incident is None:
            return
        if incident.failure == HOST_DOWN:
            self._require_evidence(process, f"{server.name} is evacuated")
        elif verb == "evacuate" and incident.evidence is None:
            self._require_proof(server, incident.id)

    def _require_evidence(self, process: Process, what: str) -> None:
        incident = self._incident_of(process)
        if incident is not None and incident.evidence is None and incident.failure == HOST_DOWN:
            self._break(f"{what}, and {incident.id} has no evidence")

    def _require_proof(self, server: Server, incident: str) -> None:
        """Require that a server of a host that lives was killed, or seen off, by its hypervisor."""
        guest = guests.find(self._stage.world, server.host or "", server.id)
        if guest is not None and not guest.proven_off:
            self._break(f"{incident} evacuates {server.name}, and nothing proves that it is off on {server.host}")

    def _require_wanted(self, server_id: str) -> None:
        server = self._stage.world.servers.get(server_id)
        stopped = self._now - self.stopped_at.get(server_id, 0.0) > RACE
        if server is not None and not server.should_run and stopped:
            self._break(f"{server.name}, which its owner had stopped, is ordered to start")

    def mark(self, host: str, **values: object) -> None:
        """Note that an operator has set *values* on the service of *host*."""
        self.marks.setdefault(host, {}).update(values)
        self._marked_at[host] = self._now

    def _look_at_marks(self, host: str, set_by_operators: dict[str, object]) -> None:
        for name, value in set_by_operators.items():
            found = getattr(self._stage.world.hosts[host], name)
            if found != value:
                self._break(f"an operator had set {name} of {host} to {value!r}, and it is {found!r}")
                set_by_operators[name] = found

    def _look_at_end(self, incident: Incident) -> None:
        if incident.state is IncidentState.RECOVERING and not self._is_away(incident):
            self._break(f"{incident.id} is still being recovered in the end")
        if incident.state is IncidentState.HELD and not (incident.held_by and incident.reason):
            self._break(f"{incident.id} is held, and nobody says by what")
        if not incident.reason:
            self._break(f"{incident.id} ended without a reason")

    def _is_away(self, incident: Incident) -> bool:
        """Tell whether it is the return of a host that does not come: it is held and waited for in turn, for good."""
        return incident.failure == HOST_UP and not self._stage.world.hosts[incident.subject.name].alive

    def _require_told(self, server_id: str, name: str) -> None:
        """Require that somebody was told of a server that should run and does not."""
        host = self._stage.world.servers[server_id].host
        told = [
            incident
            for incident in self.incidents()
            if host in (incident.subject.name, incident.host) or server_id == incident.subject.name
        ]
        if any(incident.state is not IncidentState.RECOVERED for incident in told) or self._was_ignored(server_id):
            return
        rows = [row for incident in self.incidents() for row in self._rows(incident.id) if row.get("id") == server_id]
        if not any(row.get("result") != "recovered" for row in rows):
            self._break(f"{name} should run, does not, and no incident says so")

    def _was_ignored(self, server_id: str) -> bool:
        """Tell whether an event about the server itself was settled with a reason for which nothing is done."""
        for name in self._stage.names(layout.HANDLED):
            handled = decode(Handled, self._stage.read(layout.handled(name)) or b"", name)
            if handled.event.subject.name == server_id and handled.outcome is Outcome.IGNORED:
                return True
        return False

    def _rows(self, incident: str) -> list[dict[str, Any]]:
        report = json.loads(self._stage.read(layout.report(incident)) or b"{}")
        rows: list[dict[str, Any]] = report.get("servers", [])
        return rows

    def _incident_of(self, process: Process) -> Incident | None:
        claims = list(process.conductor.board._running.values()) if process.conductor else []  # noqa: SLF001 - see Stage.busy_worker
        for claim in claims:
            data = self._stage.read(layout.incident(claim.name))
            if data:
                return decode(Incident, data, claim.name)
        return None

    # -- words

    @property
    def _now(self) -> float:
        return self._stage.loom.now()

    def _told(self, what: object) -> str:
        if isinstance(what, str) and what in self._stage.world.servers:
            return self._stage.world.servers[what].name
        return str(getattr(what, "host", what))

    def _break_all(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._break(sentence)

    def _break(self, sentence: str) -> None:
        said = f"at {self._now:.3f}: {sentence}"
        if said not in self.violations:
            self.violations.append(said)
