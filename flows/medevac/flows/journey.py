"""Journey: one server's way in an evacuation: what was asked, what was seen, and where it stands."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.flows.capacity import NO_HOST
from medevac.flows.conflicts import Conflicts, found_no_host
from medevac.flows.estate import ACCEPTED
from medevac.flows.plan import Outcome, PlannedServer
from medevac.flows.ports import Migration

CLEANED = "completed"
"""The status that a record has when the source has cleaned up after it: it does so too for what never arrived."""

FAILED = "failed"
"""The status that a record has when its destination gave up."""

OWNER_LOCKED = "its owner locked it meanwhile"
"""Why a server is skipped that is still there: those that wait for it wait in vain."""


class Phase(enum.StrEnum):
    """Where one server stands."""

    WAITING = "waiting"
    """To be asked for, at once or after the wait before a retry."""
    ASKED = "asked"
    """Nova was asked, or may have been."""
    HELD = "held"
    """Arrived, and perhaps shut off until its turn to start has come."""
    STARTING = "starting"
    """Nova was asked to start it where it has arrived."""
    MOVED = "moved"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the policy allows in the evacuate step."""

    parallel: int
    """How many servers may be under way at once."""
    timeout: float
    """Seconds for one attempt."""
    retries: int
    """Attempts after the first."""
    wait: float
    """Seconds before the first retry; each further one waits as much longer."""
    grace: float = 10.0
    """Seconds in which a call without an answer may still leave its record."""
    patience: float = 1800.0
    """Seconds for which a server waits for a cloud that takes no calls; these do not count as attempts."""


class Journey:
    """One server's way; changed only by its Wave."""

    def __init__(self, server: PlannedServer) -> None:
        """Start at home, not yet asked for."""
        self.server = server
        self.phase = Phase.WAITING
        self.reason = ""
        self.rejections = 0
        self.records: tuple[Migration, ...] = ()
        self.replaced: set[str] = set()
        """Destinations that no record names any more: of two orders that came to be of one record, the later stands."""
        self.void: set[int] = set()
        self.not_before = 0.0
        self.unanswered_since: float | None = None
        self.asked_at: float | None = None
        self.moved_at: float | None = None
        self.holdable = server.vm_state == "active"
        self.starts = 0
        self.started_at: float | None = None
        self.seen_off = False
        self.missing_since: float | None = None
        self.closed_at: float | None = None
        self.conflicts = Conflicts()
        """The attempts that do not count, since others were in its way."""

    @property
    def over(self) -> bool:
        """Tell whether nothing more will be done about it in this wave."""
        return self.phase in (Phase.MOVED, Phase.FAILED, Phase.SKIPPED)

    @property
    def arrived(self) -> bool:
        """Tell whether it is on another host, and has to be seen running there before it counts as moved."""
        return self.phase in (Phase.HELD, Phase.STARTING)

    @property
    def newest(self) -> Migration | None:
        """Return the record that counts: one that succeeded, else one that a destination works on, else the newest.

        What was given up does not count.  Nova's conductor takes the oldest accepted record of a server, so after a
        second call it can be the first record that succeeds, while the second stays accepted for ever, or fails.
        """
        succeeded = [r for r in self.records if r.succeeded and not (r.status == CLEANED and r.id in self.void)]
        standing = [record for record in self.records if record.id not in self.void]
        taken_up = [record for record in standing if record.live and record.status != ACCEPTED]
        counted = succeeded or taken_up or standing
        return counted[-1] if counted else None

    @property
    def attempts(self) -> int:
        """Return how often Nova has been asked: what left a record, and what was refused without one."""
        return len(self.records) + self.rejections

    def take_in(self, records: Iterable[Migration]) -> None:
        """Take in the *records* of this server as they are now."""
        before = {record.id: record.destination for record in self.records}
        self.records = tuple(sorted(records, key=lambda record: record.id))
        gone = (before.get(record.id, "") for record in self.records if before.get(record.id) != record.destination)
        self.replaced.update(filter(None, gone))

    def write_off(self) -> None:
        """Count the records so far as attempts that are over, so that only a newer one speaks for the next."""
        self.void.update(record.id for record in self.records)

    def outcome(self) -> Outcome:
        """Return the value that later steps judge."""
        newest = self.newest
        return Outcome(
            id=self.server.id,
            name=self.server.name,
            policy=self.server.policy,
            result=self.phase.value,
            reason=self.reason,
            attempts=self.attempts,
            destination=newest.destination if newest else "",
            asked_at=self.asked_at,
            moved_at=self.moved_at,
            accepted_at=newest.created_at if newest else None,
            started_at=self.started_at,
        )


def groups_of(apart: Iterable[Sequence[str]]) -> dict[str, frozenset[int]]:
    """Return the numbers of the groups that each server is in."""
    found: dict[str, frozenset[int]] = {}
    for number, group in enumerate(apart):
        for server_id in group:
            found[server_id] = found.get(server_id, frozenset()) | {number}
    return found


def failure_of(record: Migration) -> str:
    """Return the sentence that says how an evacuation failed."""
    if found_no_host(record):
        return NO_HOST
    return f"the migration to {record.destination or 'an unknown host'} ended as {record.status}"
