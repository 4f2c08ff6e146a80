"""Witness: sees every step of a play and says which rule of docs/decisions was broken, from what really happened.

Whether a server runs twice is read from the ledger, which power states alone feed; what workers believe, or Nova says,
is no evidence here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.incident import Incident
from medevac.core.wire import decode
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.sandbox.cloud.model import guests
from medevac.sandbox.cloud.model.migration import EVACUATION, Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.scenarios import beginnings, endings
from medevac.sandbox.scenarios.caps import Caps
from medevac.sandbox.scenarios.homecomings import Homecomings
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.storms import Storms
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
_UNDER_WAY = ("accepted", "pre-migrating")
_FRESH = 250.0
"""Seconds for which an evacuation counts as under way; after the time-outs of policies it may be written off."""
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
        self.storms = Storms(stage)
        self.homecomings = Homecomings(stage)

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
        if path.endswith(beginnings.LOCK):
            self._break_all(beginnings.wrongs(self._stage, process, path.removesuffix(beginnings.LOCK)))
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
            if verb == "live_migrate":
                self._look_at_way_back(process, *arguments)

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

    def _look_at_way_back(self, process: Process, server_id: str, to: str = "") -> None:
        incident = self._incident_of(process)
        if incident is not None and incident.failure == HOST_UP:
            self._break_all(self.homecomings.asked(incident, server_id, to))

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
            self.storms.look()
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
        self._break_all(endings.wrongs(self._stage))

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
        claims = process.claims()
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

    def _incident_of(self, process: Process) -> Incident | None:
        for claim in process.claims():
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
