"""Endings: what people were told of servers whose recoveries are over, when a play is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from medevac.core.journal import JournalEntry
from medevac.workers import incidents
from medevac.workers.latecomers import LOOK_EVERY, STEP

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.stage import Stage

ROUNDS = 2
"""After so many rounds of looking whoever has something to tell has told it."""


def told_late(stage: Stage) -> Iterator[tuple[float, str]]:
    """Yield what people were told of that Nova did when a recovery was over, with the time."""
    for entry in _late(stage):
        yield entry.at, entry.text.replace(entry.server, stage.world.servers[entry.server].name)


def is_told(stage: Stage, server_id: str) -> bool:
    """Tell whether people know that Nova has the server, which runs, in ERROR, or need not yet.

    What a recovery has not called recovered is known, and what became of servers that it had nothing to do with is none
    of its business.
    """
    rows = [
        (incident, row)
        for incident in incidents.read_all(stage.observer)
        for row in (incidents.report(stage.observer, incident.id) or {}).get("servers", ())
        if row["id"] == server_id
    ]
    if not rows or rows[-1][1]["result"] != "recovered":
        return True
    ended_at = rows[-1][0].ended_at
    early = ended_at is None or stage.loom.now() < ended_at + ROUNDS * LOOK_EVERY
    return early or any(entry.server == server_id for entry in _late(stage))


def _late(stage: Stage) -> Iterator[JournalEntry]:
    for incident in incidents.read_all(stage.observer):
        yield from (entry for entry in incidents.journal(stage.observer, incident.id) if entry.step == STEP)
