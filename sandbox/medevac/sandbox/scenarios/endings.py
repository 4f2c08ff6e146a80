"""Endings: what must be so when a play is over: nothing was forgotten, and what was not done was told."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from medevac.core import layout
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.core.wire import decode
from medevac.flows.policy.words import HOST_UP
from medevac.sandbox.cloud.model.server import Server
from medevac.workers import incidents
from medevac.workers.latecomers import LOOK_EVERY, STEP

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.stage import Stage

ROUNDS = 2
"""After so many rounds of looking whoever has something to tell has told it."""
LOOKED_AT = 10.0
"""Seconds after which it is looked again at what owners have done, before further servers are asked for."""
_FORGOTTEN = "left behind by Nova"
"""The ledger's word for a guest that Nova has started and forgotten: nobody who asks Nova can know of it."""


def wrongs(stage: Stage) -> Iterator[str]:
    """Yield what is wrong with how everything ended."""
    for name in stage.names(layout.EVENTS):
        yield f"event {name} was never settled"
    for incident in stage.witness.incidents():
        yield from _of_incident(stage, incident)
    with stage.world.settled() as world:
        for host in world.hosts.values():
            if host.forced_down and not host.disabled and "forced_down" not in stage.witness.marks.get(host.name, {}):
                yield f"{host.name} is forced down and still enabled: neither in service nor out of it"
        for server in world.servers.values():
            if not server.deleted:  # the deleted are looked at as they start
                yield from _of_stopped(stage, server) if not server.should_run else _of_wanted(stage, server)


def _of_incident(stage: Stage, incident: Incident) -> Iterator[str]:
    if incident.state is IncidentState.RECOVERING and not _is_away(stage, incident):
        yield f"{incident.id} is still being recovered in the end"
    if incident.state is IncidentState.HELD and not (incident.held_by and incident.reason):
        yield f"{incident.id} is held, and nobody says by what"
    if not incident.reason:
        yield f"{incident.id} ended without a reason"


def _is_away(stage: Stage, incident: Incident) -> bool:
    """Tell whether it is the return of a host that does not come: it is held and waited for in turn, for good."""
    return incident.failure == HOST_UP and not stage.world.hosts[incident.subject.name].alive


def _of_stopped(stage: Stage, server: Server) -> Iterator[str]:
    """Yield that a server runs that its owner had stopped, but for what Nova may have done by itself."""
    stopped = stage.witness.stopped_at.get(server.id)
    records = stage.world.migrations_of.get(server.id, ())
    # Its owner stopped it as Nova was being asked for it, on a host where no stop is done.
    if stopped is not None and any(0 <= each.created_at - stopped < LOOKED_AT for each in records):
        return
    for run in stage.world.ledger.runs:
        running = run.server_id == server.id and run.ended_at is None and _FORGOTTEN not in run.why_started
        if running and run.started_at >= (stopped or 0.0):  # Nova may fail to stop one
            yield f"{server.name}, which its owner had stopped, runs since {run.started_at:.3f}"


def _of_wanted(stage: Stage, server: Server) -> Iterator[str]:
    """Yield that a server is not as its owner wants it, and nobody knows."""
    if server.vm_state == "stopped":
        return  # by Nova, which tells everybody so
    if not stage.world.ledger.hosts_of(server.id):
        if not _is_told_of(stage, server):
            yield f"{server.name} should run, does not, and no incident says so"
    elif server.vm_state == "error" and not is_told(stage, server.id):
        yield f"{server.name} runs, Nova has it in ERROR, and nobody was told"


def _is_told_of(stage: Stage, server: Server) -> bool:
    """Tell whether somebody was told of a server that should run and does not."""
    stored = list(stage.witness.incidents())
    about = [each for each in stored if server.host in (each.subject.name, each.host) or server.id == each.subject.name]
    if any(each.state is not IncidentState.RECOVERED for each in about) or _was_ignored(stage, server.id):
        return True
    rows = [row for each in stored for row in (incidents.report(stage.observer, each.id) or {}).get("servers", ())]
    return any(row["id"] == server.id and row.get("result") != "recovered" for row in rows)


def _was_ignored(stage: Stage, server_id: str) -> bool:
    """Tell whether an event about the server itself was settled with a reason for which nothing is done."""
    for name in stage.names(layout.HANDLED):
        handled = decode(Handled, stage.read(layout.handled(name)) or b"", name)
        if handled.event.subject.name == server_id and handled.outcome is Outcome.IGNORED:
            return True
    return False


def told_late(stage: Stage) -> Iterator[tuple[float, str]]:
    """Yield what people were told of that Nova did when a recovery was over, with the time."""
    for entry in _late(stage):
        yield entry.at, entry.text.replace(entry.server, stage.world.servers[entry.server].name)


def is_told(stage: Stage, server_id: str) -> bool:
    """Tell whether people know that Nova has the server, which runs, in ERROR, or need not yet.

    What a recovery has not called recovered is known: the newest, or any that ended when Nova had it in ERROR already.
    What became of servers that it had nothing to do with is none of its business.
    """
    rows = [
        (incident, row)
        for incident in incidents.read_all(stage.observer)
        for row in (incidents.report(stage.observer, incident.id) or {}).get("servers", ())
        if row["id"] == server_id
    ]
    fault = stage.world.servers[server_id].fault
    since = fault.created_at if fault else math.inf
    known = any(row["result"] != "recovered" and (incident.ended_at or 0.0) >= since for incident, row in rows)
    if not rows or rows[-1][1]["result"] != "recovered" or known:
        return True
    ended_at = rows[-1][0].ended_at
    early = ended_at is None or stage.loom.now() < ended_at + ROUNDS * LOOK_EVERY
    return early or any(entry.server == server_id for entry in _late(stage))


def _late(stage: Stage) -> Iterator[JournalEntry]:
    for incident in incidents.read_all(stage.observer):
        yield from (entry for entry in incidents.journal(stage.observer, incident.id) if entry.step == STEP)
