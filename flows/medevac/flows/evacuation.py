"""Wave: the servers of one policy on their way, as a pure state machine.

It is told what was seen (migrations) and what was asked (answers), and says what is due.  It keeps nothing that
cannot be seen again in the cloud, except the waits between retries: a conductor that takes over builds it anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from medevac.flows.conflicts import Conflicts, conflicts
from medevac.flows.estate import ACCEPTED
from medevac.flows.journey import CLEANED, FAILED, OWNER_LOCKED, Journey, Limits, Phase, failure_of, groups_of
from medevac.flows.plan import Outcome, Plan, PlannedServer
from medevac.flows.ports import Migration, Server
from medevac.flows.turns import Turn, Turns


class Wave:
    """The evacuation of one policy's servers from one host."""

    def __init__(self, plan: Plan, servers: Sequence[PlannedServer], limits: Limits) -> None:
        """Start with all *servers* at home."""
        self._plan = plan
        self._limits = limits
        self._adopted = frozenset(plan.adopted)
        self._journeys = {server.id: Journey(server) for server in servers}
        self._live: set[str] = set()
        self._apart = groups_of(plan.order.apart)
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

    @property
    def under_way(self) -> tuple[str, ...]:
        """Return the ids of the servers that Nova works on."""
        return tuple(j.server.id for j in self._journeys.values() if j.phase is Phase.ASKED)

    @property
    def begun(self) -> dict[str, float]:
        """Return when each of the servers was asked for that Nova works on."""
        asked = ((j.server.id, j.asked_at) for j in self._journeys.values() if j.phase is Phase.ASKED)
        return {server_id: at for server_id, at in asked if at is not None}

    @property
    def taken_up(self) -> tuple[str, ...]:
        """Return the ids of those under way that a destination works on: the scheduler is done with them."""
        asked = (journey for journey in self._journeys.values() if journey.phase is Phase.ASKED)
        return tuple(j.server.id for j in asked if j.newest is not None and j.newest.status != ACCEPTED)

    def left_alone(self, server_id: str) -> bool:
        """Tell whether a server that is not under way any more became somebody else's matter."""
        return self._journeys[server_id].phase is Phase.SKIPPED

    def failed(self, server_id: str) -> bool:
        """Tell whether the last attempt for a server that is not under way did not bring it anywhere."""
        return self._journeys[server_id].phase in (Phase.WAITING, Phase.FAILED)

    def due(self, now: float, at_once: int | None = None) -> tuple[PlannedServer, ...]:
        """Return the servers to ask for now: within the bound on what is under way, no two of a group, in order.

        The bound is the policy's, or *at_once* where that is lower.
        """
        under_way = self.under_way
        room = min(self._limits.parallel, self._limits.parallel if at_once is None else at_once) - len(under_way)
        busy = {group for server_id in under_way for group in self._apart.get(server_id, ())}
        beside = len(self._live.union(under_way))
        found: list[PlannedServer] = []
        for journey in self._journeys.values():
            groups = self._apart.get(journey.server.id, frozenset())
            may = self._may_be_asked_for(journey, now, beside + len(found))
            if may and len(found) < room and groups.isdisjoint(busy):
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
            journey.take_in(records.get(server_id, ()))
            before = journey.phase
            self._judge(journey, now, records)
            if journey.phase is not before:
                changed.append(journey)
        return changed

    def doubtful(self) -> tuple[Journey, ...]:
        """Return the journeys whose record the source has cleaned up after: only the server tells whether it arrived.

        A nova-compute that is started on the source closes the records of all evacuations, also of those under way.
        """
        asked = (journey for journey in self._journeys.values() if journey.phase is Phase.ASKED)
        return tuple(j for j in asked if j.newest is not None and j.newest.status == CLEANED)

    def is_abandoned(self, server_id: str, now: float, *, queued: bool = False) -> bool:
        """Tell whether no destination works on a doubtful journey's attempt any more.

        The source closes the record also while a destination builds the guest: it may run there, until that destination
        says that it failed.  Where none has taken the server up, a call on its way may still find one; one that is
        *queued* is on its way for as long as that.
        """
        journey = self._journeys[server_id]
        journey.closed_at = now if queued or journey.closed_at is None else journey.closed_at
        taken_up = journey.newest is not None and journey.newest.destination
        return not taken_up and now - journey.closed_at > self._limits.grace

    def asked(self, server_id: str, now: float, note: str = "") -> None:
        """Note that Nova accepted the call, or that its answer never came."""
        journey = self._journeys[server_id]
        journey.phase, journey.asked_at, journey.reason = Phase.ASKED, now, note
        journey.closed_at = None

    def failed_on(self, server_id: str) -> tuple[str, ...]:
        """Return the hosts on which evacuations of the server have failed: something of it may run there."""
        journey = self._journeys[server_id]
        failed = {each.destination for each in journey.records if each.status == FAILED and each.destination}
        return tuple(sorted(failed | journey.replaced))

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
        journey.conflicts = Conflicts(journey.conflicts.spared)
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

    def _judge(self, journey: Journey, now: float, records: Mapping[str, Sequence[Migration]]) -> None:
        newest = journey.newest
        if newest is None:
            return
        if newest.succeeded and newest.status != CLEANED:
            self._arrive(journey, now, f"arrived on {newest.destination}")
        elif newest.live or newest.status == CLEANED:
            journey.phase = Phase.ASKED
            journey.asked_at = now if journey.asked_at is None else journey.asked_at
        else:
            journey.write_off()
            others = (record for name in records.keys() - {journey.server.id} for record in records[name])
            self._retry_or_fail(journey, now, failure_of(newest), conflicts(journey.records, others))

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

    def _may_be_asked_for(self, journey: Journey, now: float, beside: int) -> bool:
        """Tell whether it is its turn, *beside* so many that are under way; a wait is for a lack of room."""
        if journey.phase is not Phase.WAITING or (journey.not_before > now and beside > journey.conflicts.beside):
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

    def _retry_or_fail(self, journey: Journey, now: float, reason: str, met: Conflicts | None = None) -> None:
        journey.reason = reason
        journey.conflicts = met or Conflicts(journey.conflicts.spared)
        counted = journey.attempts - journey.conflicts.spared
        if counted > self._limits.retries:
            journey.phase = Phase.FAILED
            return
        journey.phase = Phase.WAITING
        journey.not_before = now + self._limits.wait * max(counted, 1)

    def _is_overdue(self, journey: Journey, now: float) -> bool:
        asked_at = journey.asked_at if journey.asked_at is not None else now
        allowed = self._limits.grace if journey.newest is None else self._limits.timeout
        return now - asked_at > allowed
