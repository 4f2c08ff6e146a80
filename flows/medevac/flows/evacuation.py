"""Wave: the servers of one policy on their way, as a pure state machine.

It is told what was seen (migrations) and what was asked (answers), and says what is due.  It keeps nothing that
cannot be seen again in the cloud, except the waits between retries: a conductor that takes over builds it anew.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.flows.plan import Outcome, Plan, PlannedServer
from medevac.flows.ports import Migration


class Phase(enum.StrEnum):
    """Where one server stands."""

    WAITING = "waiting"
    """To be asked for, at once or after the wait before a retry."""
    ASKED = "asked"
    """Nova was asked, or may have been."""
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
        self.void: set[int] = set()
        self.not_before = 0.0
        self.unanswered_since: float | None = None
        self.asked_at: float | None = None
        self.moved_at: float | None = None

    @property
    def over(self) -> bool:
        """Tell whether nothing more will be done about it in this wave."""
        return self.phase not in (Phase.WAITING, Phase.ASKED)

    @property
    def newest(self) -> Migration | None:
        """Return the record that counts: one that succeeded, else the newest that was not given up.

        Nova's conductor takes the oldest accepted record of a server, so after a second call it can be the first
        record that succeeds, while the second stays accepted for ever.
        """
        succeeded = [record for record in self.records if record.succeeded]
        counted = succeeded or [record for record in self.records if record.id not in self.void]
        return counted[-1] if counted else None

    @property
    def attempts(self) -> int:
        """Return how often Nova has been asked: what left a record, and what was refused without one."""
        return len(self.records) + self.rejections

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
        )


class Wave:
    """The evacuation of one policy's servers from one host."""

    def __init__(self, plan: Plan, servers: Sequence[PlannedServer], limits: Limits) -> None:
        """Start with all *servers* at home."""
        self._plan = plan
        self._limits = limits
        self._adopted = frozenset(plan.adopted)
        self._journeys = {server.id: Journey(server) for server in servers}

    @property
    def finished(self) -> bool:
        """Tell whether every server has an outcome."""
        return all(journey.over for journey in self._journeys.values())

    def outcomes(self) -> tuple[Outcome, ...]:
        """Return what became of each server."""
        return tuple(journey.outcome() for journey in self._journeys.values())

    def waiting(self) -> tuple[PlannedServer, ...]:
        """Return the servers that have not been asked for, or wait for a retry."""
        return tuple(j.server for j in self._journeys.values() if j.phase is Phase.WAITING)

    def due(self, now: float) -> tuple[PlannedServer, ...]:
        """Return the servers to ask for now, within the bound on what is under way."""
        room = self._limits.parallel - sum(j.phase is Phase.ASKED for j in self._journeys.values())
        ready = [j.server for j in self._journeys.values() if j.phase is Phase.WAITING and j.not_before <= now]
        return tuple(ready[: max(room, 0)])

    def overdue(self, now: float) -> tuple[Journey, ...]:
        """Return the journeys whose attempt has taken longer than its time-out, or whose call left no record."""
        return tuple(j for j in self._journeys.values() if j.phase is Phase.ASKED and self._is_overdue(j, now))

    def observe(self, now: float, migrations: Iterable[Migration]) -> list[Journey]:
        """Take in the host's evacuation records; return the journeys whose phase changed."""
        records: dict[str, list[Migration]] = {}
        for record in migrations:
            if record.id > self._plan.baseline or record.id in self._adopted:
                records.setdefault(record.server_id, []).append(record)
        changed = []
        for server_id, journey in self._journeys.items():
            if journey.over:
                continue
            journey.records = tuple(sorted(records.get(server_id, ()), key=lambda record: record.id))
            before = journey.phase
            self._judge(journey, now)
            if journey.phase is not before:
                changed.append(journey)
        return changed

    def asked(self, server_id: str, now: float, note: str = "") -> None:
        """Note that Nova accepted the call, or that its answer never came."""
        journey = self._journeys[server_id]
        journey.phase, journey.asked_at, journey.reason = Phase.ASKED, now, note

    def rejected(self, server_id: str, now: float, reason: str) -> Journey:
        """Note that Nova refused the call: nothing was begun."""
        journey = self._journeys[server_id]
        journey.rejections += 1
        self._retry_or_fail(journey, now, reason)
        return journey

    def unanswered(self, server_id: str, now: float, reason: str) -> Journey:
        """Note that the cloud took no call, or took one that left no trace: to be asked again, within the patience."""
        journey = self._journeys[server_id]
        since = journey.unanswered_since = journey.unanswered_since or now
        journey.reason = reason
        journey.phase = Phase.FAILED if now - since > self._limits.patience else Phase.WAITING
        journey.not_before = now + self._limits.wait
        return journey

    def arrived(self, server_id: str, now: float, host: str) -> Journey:
        """Note that the server is on another *host*, whatever its record says."""
        journey = self._journeys[server_id]
        journey.phase, journey.moved_at, journey.reason = Phase.MOVED, now, f"arrived on {host}"
        return journey

    def skip(self, server_id: str, reason: str) -> Journey:
        """Leave the server alone: its owner wants it so, or it is gone."""
        journey = self._journeys[server_id]
        journey.phase, journey.reason = Phase.SKIPPED, reason
        return journey

    def give_up_attempt(self, server_id: str, now: float, reason: str) -> Journey:
        """Write the current attempt off (its state was reset) and let the policy decide."""
        journey = self._journeys[server_id]
        journey.write_off()
        self._retry_or_fail(journey, now, reason)
        return journey

    def fail(self, server_id: str, reason: str) -> Journey:
        """End the journey: nothing that we may do would help."""
        journey = self._journeys[server_id]
        journey.phase, journey.reason = Phase.FAILED, reason
        return journey

    def _judge(self, journey: Journey, now: float) -> None:
        newest = journey.newest
        if newest is None:
            return
        if newest.succeeded:
            journey.phase, journey.moved_at = Phase.MOVED, now
            journey.reason = f"arrived on {newest.destination}"
        elif newest.live:
            journey.phase = Phase.ASKED
            journey.asked_at = now if journey.asked_at is None else journey.asked_at
        else:
            journey.write_off()
            self._retry_or_fail(journey, now, _failure_of(newest))

    def _retry_or_fail(self, journey: Journey, now: float, reason: str) -> None:
        journey.reason = reason
        if journey.attempts > self._limits.retries:
            journey.phase = Phase.FAILED
            return
        journey.phase = Phase.WAITING
        journey.not_before = now + self._limits.wait * journey.attempts

    def _is_overdue(self, journey: Journey, now: float) -> bool:
        asked_at = journey.asked_at if journey.asked_at is not None else now
        allowed = self._limits.grace if journey.newest is None else self._limits.timeout
        return now - asked_at > allowed


def _failure_of(record: Migration) -> str:
    if record.status == "error" and not record.destination:
        return "Nova found no valid host for it"
    return f"the migration to {record.destination or 'an unknown host'} ended as {record.status}"
