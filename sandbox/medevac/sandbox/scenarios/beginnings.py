"""Beginnings: what must be so when a worker begins a recovery: nobody has said that nothing is to be begun there.

What was said after triage had let the recovery go does not count, but for a disarmed place, which is looked at before
the claim too; what was begun is finished.  How many may begin, and how fast, is counted in storms.py and caps.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from medevac.core import layout
from medevac.core.incident import Incident
from medevac.core.wire import decode
from medevac.flows.policy.words import HOST_UP
from medevac.workers.brakes import marks

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.process import Process
    from medevac.sandbox.scenarios.stage import Stage

LOCK = ".lock"
"""How the name of what stands for a claim ends."""
RACE = 1.0
"""Seconds within which what was said may meet the write that lets a recovery go."""


def incident_of(job: bytes) -> str:
    """Return the incident that *job*, as it is stored, belongs to; empty where it is no job of ours."""
    document: dict[str, Any] = json.loads(job or b"{}")
    return str(document.get("details", {}).get("incident", ""))


def wrongs(stage: Stage, worker: Process, job: str) -> Iterator[str]:
    """Yield what is wrong with *worker* claiming *job*, a path; most of it only if this is its first claim."""
    name = incident_of(stage.read(job) or b"")
    stored = stage.read(layout.incident(name)) if name else None
    if stored is None:
        return
    incident = decode(Incident, stored, name)
    yield from stage.witness.caps.claim(worker, incident)
    if stage.version(job):
        return
    let_go_at = stage.witness.let_go_at[name]
    for why in _forbidden(stage, incident, let_go_at - RACE):
        yield f"{worker.name} begins {name} although {why}"
    yield from stage.witness.storms.begins(incident, let_go_at)


def _forbidden(stage: Stage, incident: Incident, let_go_at: float) -> Iterator[str]:
    """Yield why *incident* must not have been let go at *let_go_at*."""
    now, host = stage.loom.now(), incident.host or incident.subject.name
    for mark in marks.disarms(stage.observer, now):
        if mark.scope in (marks.CLOUD, host, f"host:{host}", stage.world.zone_of(host)):
            yield f"{mark.scope} is disarmed"
    for name, since in stage.witness.control_away.items():
        if since < let_go_at:
            yield f"no {name} is up, so that nobody can tell how hosts are"
    if incident.released or incident.failure == HOST_UP:
        return
    for announced in marks.maintenances(stage.observer, now):
        if announced.host == host and announced.since < let_go_at:
            yield f"{host} is in maintenance"
