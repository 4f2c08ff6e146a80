"""Wave: the servers of one policy on their way, as a pure state machine.

It is told what was seen (migrations) and what was asked (answers), and says what is due.  It keeps nothing that
cannot be seen again in the cloud, except the waits between retries: a conductor that takes over builds it anew.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from medevac.flows.capacity import NO_HOST
from medevac.flows.plan import Outcome, Plan, PlannedServer
from medevac.flows.ports import Migration, Server
from medevac.flows.turns import Turn, Turns

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
            started_at=self.started_at,
        )


class Wave:
    """The evacuation of one policy's servers from one host."""

    def __init__(self, plan: Plan, servers: Sequence[PlannedServer], limits: Limits) -> None:
        """Start with all *servers* at home."""
        self._plan = plan
        self._limits = limits
        self._adopted = frozenset(plan.adopted)
        self._journeys = {server.id: Journey(server) for server in servers}
        self._live: set[str] = set()
        self._apart = _groups_of(plan.order.apart)
        self.turns = Turns(plan, self._journeys)
        self.since: float | None = None
        """Nova's time of the first record of this recovery: what moved in it has changed since."""

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
        """Return the servers to ask for now: within the bound on what is under way, no two of a group, in order."""
        under_way = [j.server.id for j in self._journeys.values() if j.phase is Phase.ASKED]
        room = self._limits.parallel - len(under_way)
        busy = {group for server_id in under_way for group in self._apart.get(server_id, ())}
        found: list[PlannedServer] = []
        for journey in self._journeys.values():
            groups = self._apart.get(journey.server.id, frozenset())
            if len(found) < room and groups.isdisjoint(busy) and self._may_be_asked_for(journey, now):
                found.append(journey.server)
                busy |= groups
        return tuple(found)

    def holds(self, server_id: str) -> bool:
        """Tell whether the server is to be left shut off where it arrives: only where its turn has not come.

        After a failed attempt it may be in ERROR, and Nova would start it: then it waits where it is.
        """
        journey = self._journeys[server_id]
        fresh = journey.holdable and journey.attempts == 0
        return self._plan.order.hold and fresh and self.turns.turn(server_id) is Turn.WAIT

    def not_holdable(self, server_id: str) -> None:
        """Note that Nova refuses to hold the server: it waits for its turn where it is."""
        self._journeys[server_id].holdable = False

    def startable(self, now: float) -> tuple[PlannedServer, ...]:
        """Return the servers to start now: seen shut off where they arrived, and their turn has come."""
        room = self._limits.parallel - sum(j.phase is Phase.STARTING for j in self._journeys.values())
        held = [j for j in self._journeys.values() if j.phase is Phase.HELD and j.seen_off and j.not_before <= now]
        ready = [j.server for j in held if self.turns.turn(j.server.id) is Turn.GO]
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
            if record.id > self._plan.order.baseline:
                self.since = min(self.since or record.created_at, record.created_at)
                (self._live.add if record.live else self._live.discard)(record.server_id)
        changed = []
        for server_id, journey in self._journeys.items():
            if journey.over or journey.arrived:
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

    def may_have_been_asked(self, server_id: str, times: Sequence[float]) -> Journey | None:
        """Take in that dead conductors were about to ask at *times*; return the journey if a call may be on its way."""
        journey = self._journeys[server_id]
        if journey.phase is not Phase.WAITING or len(times) <= len(journey.records):
            return None
        self.asked(server_id, max(times), "an earlier conductor may have asked for it; looking before asking again")
        return journey

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
        return self._arrive(self._journeys[server_id], now, f"arrived on {host}")

    @property
    def looks_at_servers(self) -> bool:
        """Tell whether the records do not say enough: somebody is to be started, or waited for."""
        if any(journey.arrived for journey in self._journeys.values()):
            return True
        asked = (self._journeys.get(server_id) for server_id, _ in self.turns.questions())
        return any(journey is None or journey.phase is Phase.MOVED for journey in asked)

    def look(self, now: float, seen: Mapping[str, Server]) -> list[Journey]:
        """Take in the servers that have changed; return the journeys whose phase changed."""
        changed = []
        for server_id, journey in self._journeys.items():
            if not journey.arrived:
                continue
            before = journey.phase
            self._judge_arrived(journey, now, seen.get(server_id))
            if journey.phase is not before:
                changed.append(journey)
        return changed

    def keep_order(self, now: float, seen: Mapping[str, Server]) -> tuple[list[str], list[Journey]]:
        """Let those go whose turn has come; return what is to be told of others, and the journeys that end by it."""
        for server_id, journey in self._journeys.items():
            if journey.phase is Phase.FAILED or journey.reason == OWNER_LOCKED:
                self.turns.lose(server_id, journey.reason)
            elif journey.phase is Phase.SKIPPED:  # deleted, or somebody else's matter now
                self.turns.excuse(server_id, now)
        for server_id, _ in self.turns.questions():
            if server_id not in self._journeys and server_id not in self._live:
                found = seen.get(server_id)
                if found is None or found.host == self._plan.host:
                    self.turns.lose(server_id, "it is still on its host, and nobody is bringing it back")
        told = self.turns.advance(now)
        stopped = [j for j in self._journeys.values() if j.phase in (Phase.WAITING, Phase.HELD) and self._stops(j)]
        return told, stopped

    def started(self, server_id: str, now: float, *, answered: bool = True) -> None:
        """Note that Nova was asked to start the server, whether or not it answered."""
        journey = self._journeys[server_id]
        journey.unanswered_since = None if answered else journey.unanswered_since or now
        journey.phase, journey.seen_off = Phase.STARTING, False
        journey.starts += 1
        journey.started_at = now

    def not_started(self, server_id: str, now: float, reason: str) -> Journey:
        """Note that the server is still shut off although Nova was asked to start it."""
        journey = self._journeys[server_id]
        journey.phase, journey.seen_off = Phase.HELD, False
        journey.not_before = now + self._limits.wait * journey.starts
        journey.reason = f"could not be started: {reason}"
        since = journey.unanswered_since
        if journey.starts > self._limits.retries and (since is None or now - since > self._limits.patience):
            journey.phase = Phase.FAILED
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
            self._arrive(journey, now, f"arrived on {newest.destination}")
        elif newest.live:
            journey.phase = Phase.ASKED
            journey.asked_at = now if journey.asked_at is None else journey.asked_at
        else:
            journey.write_off()
            self._retry_or_fail(journey, now, _failure_of(newest))

    def _arrive(self, journey: Journey, now: float, reason: str) -> Journey:
        journey.reason = reason
        if self._plan.order.hold and journey.server.vm_state == "active" and self.turns.waits(journey.server.id):
            journey.phase = Phase.HELD  # that it was asked for without holding is not known to who takes over
        else:
            journey.phase, journey.moved_at = Phase.MOVED, now
        return journey

    def _judge_arrived(self, journey: Journey, now: float, server: Server | None) -> None:
        """Compare with what Nova says of the server now; what its owner made of it meanwhile is verify's to judge."""
        begun = journey.started_at if journey.phase is Phase.STARTING else None
        if server is None or server.host == self._plan.host or server.task_state:
            journey.seen_off = False
            journey.missing_since = journey.missing_since or now
            if now - max(journey.missing_since, begun or 0.0) > self._limits.timeout:
                what = f"still {server.task_state}" if server and server.task_state else "not listed where it arrived"
                journey.phase, journey.reason = Phase.FAILED, f"{what} after {self._limits.timeout:.0f} s"
            return
        journey.missing_since = None
        if server.vm_state == "deleted":
            journey.phase, journey.reason = Phase.SKIPPED, "its owner deleted it meanwhile"
        elif server.vm_state != "stopped":
            journey.phase, journey.moved_at = Phase.MOVED, now
            journey.reason = f"{'started' if journey.starts else server.vm_state} on {server.host}"
        elif begun is None:
            journey.seen_off = True
        elif now - begun > self._limits.grace:
            self.not_started(journey.server.id, now, "Nova accepted, and it is still shut off")

    def _may_be_asked_for(self, journey: Journey, now: float) -> bool:
        if journey.phase is not Phase.WAITING or journey.not_before > now:
            return False
        return self.turns.turn(journey.server.id) is Turn.GO or self.holds(journey.server.id)

    def _stops(self, journey: Journey) -> bool:
        """End a journey whose turn will never come; tell whether that was so."""
        server_id = journey.server.id
        if self.turns.turn(server_id) is not Turn.STOP:
            return False
        held = ", shut off, and was not started" if journey.arrived else ""
        where = f"it {journey.reason}{held}: " if journey.arrived else ""
        journey.phase, journey.reason = Phase.FAILED, where + self.turns.reason(server_id)
        return True

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


def _groups_of(apart: Iterable[Sequence[str]]) -> dict[str, frozenset[int]]:
    """Return the numbers of the groups that each server is in."""
    found: dict[str, frozenset[int]] = {}
    for number, group in enumerate(apart):
        for server_id in group:
            found[server_id] = found.get(server_id, frozenset()) | {number}
    return found


def _failure_of(record: Migration) -> str:
    if record.status == "error" and not record.destination:
        return NO_HOST
    return f"the migration to {record.destination or 'an unknown host'} ended as {record.status}"
