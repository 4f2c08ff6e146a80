"""Evacuate: a bounded number of one policy's servers under way, their outcomes learnt from one query a tick."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from medevac.core.errors import (
    CloudUnavailableError,
    ConflictError,
    HostReturnedError,
    HypervisorUnavailableError,
    NoEvidenceError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)
from medevac.core.journal import INTENDS, JournalEntry
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.caps import room
from medevac.flows.estate import ACCEPTED
from medevac.flows.evacuation import Wave
from medevac.flows.journey import OWNER_LOCKED, Journey, Limits
from medevac.flows.pace import Pace
from medevac.flows.plan import Plan, PlannedServer
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import Ports, Server
from medevac.flows.remnants import clear, of_earlier
from medevac.flows.selection import EVACUABLE, LOSES, OWNER_DELETES, STOPPING
from medevac.flows.steps.base import Step
from medevac.flows.steps.marshal import Marshal
from medevac.flows.still_out import still_out
from medevac.flows.traffic import Lane

PASSED = "deadline passed"
VIEW_LASTS = 10.0
"""Seconds after which what owners may have done meanwhile is looked at again before further servers are asked for."""

YIELDS = "other recoveries have as many evacuations under way as the cloud takes, as far as is known: they take turns"

TRIES_TO_BOOK = 3
"""How often it is counted anew where others have booked meanwhile, before the next look."""


class Evacuate(Step):
    """Ask Nova for every server of *policy*; what became of each is a value, never an exception.

    It looks before it asks: a record that is newer than the plan speaks for itself, whoever made the call.
    """

    def __init__(self, brief: Brief, policy: str, limits: Limits, deadline: float | None = None) -> None:
        """Provide "outcomes:POLICY".

        After *deadline*, in seconds since the epoch, nobody is asked for any more; who is under way is watched to the
        end.
        """
        super().__init__(f"evacuate:{policy}", brief, provides=f"outcomes:{policy}", requires=["plan"])
        self._policy = policy
        self._limits = limits
        self._deadline = deadline

    def late(self, now: float) -> str:
        """Return the sentence that says why nothing more is begun; empty while the deadline has not passed."""
        if self._deadline is None or now < self._deadline:
            return ""
        return f"{PASSED}, {self._deadline - self.brief.opened_at:.0f} s after the failure"

    @property
    def allowed(self) -> float:
        """Return the seconds that one attempt may take."""
        return self._limits.timeout

    @property
    def most(self) -> int:
        """Return how many servers may be under way at once."""
        return self._limits.parallel

    def execute(self, *, ports: Ports, plan: Any, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the outcome of every server."""
        read = from_plain(Plan, plan, "result of plan")
        servers = read.of(self._policy)
        if not servers:
            return []
        convoy = _Convoy(self, ports, read, Wave(read, servers, self._limits))
        convoy.run()
        return to_plain(convoy.wave.outcomes())


class _Convoy:
    """One run of the step: the wave, and the ports through which it is driven."""

    def __init__(self, step: Evacuate, ports: Ports, plan: Plan, wave: Wave) -> None:
        self.step = step
        self.ports = ports
        self.plan = plan
        self.wave = wave
        self._lines: list[JournalEntry] = []
        self._owners_seen_at = -math.inf
        self._away_since = math.inf
        self._marshal = Marshal(step, ports, plan, wave)
        self._pace = Pace(step.brief.settings.longest_pause, ports.clock.now())
        self._lane = self._enter() if step.brief.settings.adaptive else None
        self._waits_for_room = False
        self._has_yielded = False
        self._bookings = ports.bookings.for_step(step.name)

    def run(self) -> None:
        """Drive the wave until every server has an outcome."""
        try:
            self._drive()
        finally:
            if self._lane is not None:
                self.ports.traffic.leave(self._lane, self.ports.clock.now())

    def _enter(self) -> Lane:
        name = f"{self.step.brief.incident} {self.step.name}"
        return self.ports.traffic.enter(self.ports.clock.now(), self.step.most, name)

    def _drive(self) -> None:
        self._look()
        self._mind_what_was_intended()
        self._regulate()
        while not self.wave.finished:
            self._lines += self._marshal.start_those_due()
            self._ask_for_those_due()
            self._see_to_overdue()
            self._regulate()
            self._flush()
            if not self.wave.finished:
                self._rest()
                self._look()
        self._flush()

    def _look(self) -> None:
        cloud, since, began = self.ports.cloud, self.plan.since, self.ports.clock.now()
        records = self.step.patiently(self.ports, lambda: cloud.evacuations_from(self.plan.host, since))
        now = self.ports.clock.now()
        changed = self.wave.observe(now, records)
        for journey in changed:
            if journey.asked_at is not None and journey.newest is not None and journey.newest.succeeded:
                self._pace.learn(now - journey.asked_at)
        self._tell(changed)
        self._tell(self._look_closer())
        self._regulate()
        lines = self._marshal.look()
        self._lines += lines
        self._pace.looked(now, news=bool(changed or lines), cost=now - began)

    def _regulate(self) -> None:
        """Let the traffic know who was asked for, who has arrived and who has not."""
        if self._lane is not None:
            self.ports.traffic.look(self._lane, self.ports.clock.now(), self.wave)

    @property
    def _at_once(self) -> int | None:
        return self.ports.traffic.room(self._lane, self.ports.clock.now()) if self._lane is not None else None

    def _look_closer(self) -> Iterator[Journey]:
        """Ask for the servers whose records do not say whether they arrived, and yield those that are known now."""
        for journey in self.wave.doubtful():
            server_id, clock = journey.server.id, self.ports.clock
            seen = self._seen(server_id)
            if seen is None:
                yield self.wave.skip(server_id, "its owner deleted it meanwhile")
            elif seen.host != self.plan.host:
                yield self.wave.arrived(server_id, clock.now(), seen.host)
            elif not seen.task_state and self._is_abandoned(server_id, clock.now()):
                reason = "nova-compute was started on its old host and ended the evacuation"
                yield self.wave.give_up_attempt(server_id, clock.now(), reason)

    def _is_abandoned(self, server_id: str, now: float) -> bool:
        """Tell whether nobody works on its attempt any more; not while the call may wait in the queue of a service."""
        return self.wave.is_abandoned(server_id, now, queued=bool(self._control_away(now)))

    def _seen(self, server_id: str) -> Server | None:
        return self.step.patiently(self.ports, lambda: self.ports.cloud.server(server_id))

    def _mind_what_was_intended(self) -> None:
        """Take servers for asked where a conductor that died was about to ask: Nova may take that call only now."""
        intended = self.ports.log.intentions()
        waiting = [server.id for server in self.wave.waiting() if server.id in intended]
        found = (self.wave.may_have_been_asked(server_id, intended[server_id]) for server_id in waiting)
        self._tell(journey for journey in found if journey is not None)

    def _mind_the_host(self) -> None:
        """Ask for nobody any more where the host may run its servers again: see still_out."""
        if self.step.brief.failure != HOST_DOWN:
            return
        try:
            still_out(self.ports, self.step.brief)
        except (NoEvidenceError, HostReturnedError) as error:
            self._tell([self.wave.fail(server.id, str(error)) for server in self.wave.waiting()])

    def _leave_alone_what_its_owner_took(self) -> None:
        waiting = self.wave.waiting()
        self._owners_seen_at = self.ports.clock.now()
        here = {s.id: s for s in self.step.patiently(self.ports, lambda: self.ports.cloud.servers_on(self.plan.host))}
        self._tell(
            self.wave.skip(planned.id, reason)
            for planned in waiting
            if (reason := _owner_took(planned, here.get(planned.id)))
        )

    def _ask_for_those_due(self) -> None:
        now = self.ports.clock.now()
        if late := self.step.late(now):
            self._give_up(late)
        if self.wave.due(now, self._at_once) and now - self._owners_seen_at > VIEW_LASTS:
            self._mind_the_host()
            self._leave_alone_what_its_owner_took()
        if self._at_once == 0 and self.wave.due(now) and not self._has_yielded:
            self._has_yielded = True
            self._lines.append(self.step.entry(self.ports, YIELDS))
        for server in self._within_caps(self.wave.due(now, self._at_once)):
            try:
                self._ask(server)
            except CloudUnavailableError as error:
                # The next ones would fare no better: the next look waits until the cloud answers.
                self._tell([self.wave.unanswered(server.id, self.ports.clock.now(), f"no call gets through: {error}")])
                break
        if self.step.brief.settings.caps.bound:
            self._bookings.clear()

    def _within_caps(self, due: tuple[PlannedServer, ...]) -> tuple[PlannedServer, ...]:
        """Return the first of *due*, as many as the site's caps leave room for: they are booked."""
        caps = self.step.brief.settings.caps
        if not due or not caps.bound:
            return due
        for _ in range(TRIES_TO_BOOK):
            booked = self._bookings.of_others()
            live = self.step.patiently(self.ports, self.ports.cloud.evacuations_under_way)
            taken = due[: room(caps, live, self.ports.clock.now(), booked)]
            if not taken:
                self._wait_for_room(f"{len(live)} evacuations are under way")
                return ()
            if self._bookings.book([server.id for server in taken]):
                self._waits_for_room = False
                return taken
        self._wait_for_room("others are asking")
        return ()

    def _wait_for_room(self, why: str) -> None:
        if not self._waits_for_room:
            self._lines.append(self.step.entry(self.ports, f"{why}: waiting for room"))
        self._waits_for_room = True

    def _give_up(self, late: str) -> None:
        """End the journeys of all that were not asked for, or wait to be asked for again."""
        before = {outcome.id: outcome.reason for outcome in self.wave.outcomes()}
        self._tell(
            self.wave.fail(server.id, f"{late}: {before[server.id]}" if before[server.id] else late)
            for server in self.wave.waiting()
        )

    def _ask(self, server: PlannedServer) -> None:
        now = self.ports.clock.now
        if not self._runs_nowhere(server):
            return
        hold = self.wave.holds(server.id)
        self._intend(server, hold=hold)
        try:
            self._make_evacuable(server)
            self.ports.cloud.evacuate(server.id, hold)
        except OutcomeUnknownError as error:
            self.wave.asked(server.id, now(), f"asked, no answer: {error}")
            self._note(server, f"asked for {server.name}, no answer came ({error}); looking before asking again")
        except NotFoundError:
            self._tell([self.wave.skip(server.id, "its owner deleted it meanwhile")])
        except (ConflictError, RefusedError) as error:
            if hold:
                self.wave.not_holdable(server.id)
                self._note(server, f"Nova refused to hold {server.name} ({error}); it waits for its turn on its host")
            else:
                self._tell([self.wave.rejected(server.id, now(), f"Nova refused: {error}")])
        else:
            self.wave.asked(server.id, now())

    def _runs_nowhere(self, server: PlannedServer) -> bool:
        """See to it that nothing of the server runs where an earlier attempt failed; else put it off."""
        try:
            failed_on = of_earlier(self.ports, server).union(self.wave.failed_on(server.id))
            killed = clear(self.ports, server.id, failed_on)
        except HypervisorUnavailableError as error:
            self._tell([self.wave.rejected(server.id, self.ports.clock.now(), str(error))])
            return False
        if killed:
            self._note(server, f"{server.name}: {killed}")
        return True

    def _intend(self, server: PlannedServer, *, hold: bool) -> None:
        """Write that Nova is about to be asked, in the write that proves the claim: whoever takes over minds it."""
        text = f"asking Nova to evacuate {server.name}" + (" and leave it shut off" if hold else "")
        self._lines.append(self.step.entry(self.ports, text, server.id, {INTENDS: "evacuate"}))
        self._flush()

    def _make_evacuable(self, server: PlannedServer) -> None:
        """Reset the state of a server that Nova would refuse to evacuate in it: its policy wants that."""
        if server.vm_state in EVACUABLE:
            return
        seen = self.ports.cloud.server(server.id)
        if seen is None or seen.vm_state in EVACUABLE or seen.host != self.plan.host:
            return
        self.ports.cloud.reset_state(server.id, "error")
        lost = LOSES.get(seen.vm_state, "its state is lost")
        self._note(server, f"{server.name} was {seen.vm_state}: its state was reset so that Nova evacuates it; {lost}")

    def _see_to_overdue(self) -> None:
        now = self.ports.clock.now()
        overdue = self.wave.overdue(now)
        away = self._control_away(now) if overdue else ""
        for journey in overdue:
            if not away or (journey.newest is not None and journey.newest.status != ACCEPTED):
                self._tell([self._settle(journey)])
            elif now - self._away_since > self.step.brief.settings.patience:
                self._tell([self.wave.fail(journey.server.id, f"{away}: Nova may still carry the call out")])
            else:
                self.wave.asked(journey.server.id, now, journey.reason)  # its time begins when somebody takes it up

    def _control_away(self, now: float) -> str:
        """Return what of Nova's control plane is away, so that calls wait in its queue; empty where nothing is.

        Each further call would be carried out too when it is back: two at once, for the same server.
        """
        services = self.step.patiently(self.ports, self.ports.cloud.control_services)
        gone = [name for name, up in services.items() if not up]
        if not gone:
            self._away_since = math.inf
            return ""
        away = f"no {' and no '.join(gone)} is up"
        if self._away_since == math.inf:
            self._away_since = now
            text = f"{away}: what Nova has accepted waits in its queue, and is not asked for again"
            self._lines.append(self.step.entry(self.ports, text))
        return away

    def _settle(self, journey: Journey) -> Journey:
        """Decide about an attempt that took too long.  What a destination may be building is never asked for twice."""
        server, record = journey.server, journey.newest
        if record is not None and record.status != ACCEPTED:
            return self.wave.fail(
                server.id,
                f"still {record.status} on {record.destination or 'an unknown host'} after "
                f"{self.step.allowed:.0f} s: it may be starting there, so it is not asked for again",
            )
        cloud, clock = self.ports.cloud, self.ports.clock
        seen = self._seen(server.id)
        if seen is None:
            return self.wave.skip(server.id, "its owner deleted it meanwhile")
        if seen.host != self.plan.host:
            return self.wave.arrived(server.id, clock.now(), seen.host)
        if record is None and not seen.task_state:
            return self.wave.unanswered(server.id, clock.now(), "the call without an answer left no trace")
        self.ports.log.assert_owned()
        self.step.patiently(self.ports, lambda: cloud.reset_state(server.id, "error"))
        return self.wave.give_up_attempt(
            server.id, clock.now(), "Nova accepted the call and never began; its state was reset"
        )

    def _rest(self) -> None:
        pause = self._pace.rest(self.ports.clock.now(), self.wave.begun.values(), others=self.wave.looks_at_servers)
        if pause:
            self.ports.clock.wait(pause)

    def _tell(self, changed: Iterable[Journey]) -> None:
        for journey in changed:
            if journey.reason:
                self._note(journey.server, f"{journey.server.name}: {journey.reason}")

    def _note(self, server: PlannedServer, text: str) -> None:
        self._lines.append(self.step.entry(self.ports, text, server.id))

    def _flush(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            self.ports.log.append(lines)


def _owner_took(planned: PlannedServer, seen: Server | None) -> str:
    """Return why *planned* is left alone now, or nothing."""
    if seen is None:
        return "it is not on the host any more: deleted, or moved by somebody else"
    if seen.task_state in OWNER_DELETES:
        return "its owner is deleting it"
    if seen.task_state == STOPPING and not planned.stops:
        return "its owner has ordered its stop meanwhile: it stays off where it is"
    if seen.locked and not planned.locked:
        return OWNER_LOCKED
    return ""
