"""Facts: everything that the verdict rests on, gathered when the recovery is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medevac.core.handled import Handled
from medevac.core.incident import Incident
from medevac.core.journal import JournalEntry
from medevac.sandbox.demo.cast import Cast, Role
from medevac.sandbox.demo.observe import HostSeen, ServerSeen


@dataclass(frozen=True, slots=True)
class Run:
    """One guest, from its start to its end, as the ledger of power states has it."""

    server_id: str
    host: str
    started_at: float
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One evacuation, as Nova's migrations table has it."""

    id: int
    server_id: str
    status: str
    created_at: float
    changed_at: float
    destination: str


@dataclass(frozen=True, slots=True)
class Takeover:
    """A conductor was killed in the middle of its work."""

    killed: str
    """The name under which it had claimed."""
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen and counted.  Times are seconds since the epoch, all on one clock."""

    cast: Cast
    medevac_fences: bool
    """Pacemaker's fencing failed: the one power-off that must be there is ours."""
    struck_at: float
    """When the host was cut off."""
    alerts: int
    """How many alerts the agent was given."""
    kill_wanted: bool
    takeover: Takeover | None
    timed_out: str = ""
    """Why the story was ended before the recovery was; empty when it was not."""
    before: Sequence[ServerSeen]
    after: Sequence[ServerSeen]
    hosts: Sequence[HostSeen]
    runs: Sequence[Run]
    records: Sequence[Record]
    objections: Sequence[str]
    """What the cloud's own observer objects to."""
    power: Mapping[str, Mapping[str, int]]
    """Host to action to how often its BMC was asked."""
    incidents: Sequence[Incident]
    journal: Sequence[JournalEntry]
    handled: Sequence[Handled]
    waiting: Sequence[str]
    """Ids of the events that nobody has settled."""
    on_board: Sequence[str]
    parked: Sequence[str]
    http_requests: int
    zookeeper_requests: int
    complaints: Sequence[str] = ()
    """Errors in the workers' logs."""

    @property
    def struck(self) -> list[ServerSeen]:
        """Return the servers of the host that died, as they were."""
        return [server for server in self.before if server.host == self.cast.victim]

    @property
    def promised(self) -> list[ServerSeen]:
        """Return those of them that some policy brings back, as they were."""
        return [server for server in self.struck if self.cast.comes_back(server.name)]

    @property
    def left(self) -> list[ServerSeen]:
        """Return those of them that stay, as they were."""
        return [server for server in self.struck if not self.cast.comes_back(server.name)]

    @property
    def fenced_at(self) -> float | None:
        """Return when the last guest of the dead host ended; None while one runs there."""
        ends = [run.ended_at for run in self.runs if run.host == self.cast.victim]
        return None if not ends or None in ends else max(end for end in ends if end is not None)

    def role(self, server: ServerSeen) -> Role:
        """Return what the story knows of *server*."""
        return self.cast.roles[server.name]

    def now(self, server_id: str) -> ServerSeen | None:
        """Return a server as it is at the end."""
        return next((server for server in self.after if server.id == server_id), None)

    def runs_of(self, server_id: str) -> list[Run]:
        """Return the runs of one server, oldest first."""
        return sorted((run for run in self.runs if run.server_id == server_id), key=lambda run: run.started_at)

    def records_of(self, server_id: str) -> list[Record]:
        """Return the evacuations of one server, oldest first."""
        return sorted((record for record in self.records if record.server_id == server_id), key=lambda each: each.id)

    def back_at(self, server: ServerSeen) -> float | None:
        """Return when *server* was what it had been, elsewhere: running, or stopped and moved; None: not yet."""
        if server.should_run:
            starts = [run.started_at for run in self.runs_of(server.id) if run.host != self.cast.victim]
            return starts[0] if starts else None
        done = [record.changed_at for record in self.records_of(server.id) if record.status == "done"]
        return done[0] if done else None
