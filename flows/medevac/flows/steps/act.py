"""Act: steps of a policy's flow that carry a deed out, for the servers in their scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.brief import Brief
from medevac.flows.guests import OFF
from medevac.flows.health import is_over, over_sentence
from medevac.flows.plan import Outcome, Plan, PlannedServer, Proof, Verdict
from medevac.flows.policy.language import Result
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.errands import Deed, End, Errands
from medevac.flows.steps.staged import PolicyStep, Seat

ACTIVE = "active"
IN_PLACE = "in-place"


class Act(PolicyStep):
    """One deed."""

    def __init__(self, seat: Seat, deed: Deed) -> None:
        """Carry *deed* out."""
        super().__init__(seat)
        self._deed = deed

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return what became of the servers; where the failure is over, nothing is done."""
        del results
        if is_over(ports, self.brief):
            return closed(Scene(self, ports, plan), before)
        return carried_out(Scene(self, ports, plan), before, self._deed)


@dataclass(frozen=True)
class Scene:
    """Where something is done: the step, and what it has been given."""

    step: PolicyStep
    ports: Ports
    plan: Plan


@dataclass(frozen=True, slots=True)
class Deeds:
    """What was done, when and where, as far as where servers stand depends on it."""

    word: str
    begun: float
    """Seconds since the epoch."""
    now: float
    host: str
    """On which the servers were."""


def carried_out(scene: Scene, before: Standings, deed: Deed, word: str = "") -> Standings:
    """Return where the servers stand after *deed*, which the flow knows as *word* where that is not its own."""
    step, ports, plan = scene.step, scene.ports, scene.plan
    planned = {server.id: server for server in plan.of(step.seat.policy)}
    mine = {s.id: s for s in before.within(step.seat.scope) if deed.concerns(s)}
    if not mine:
        return before
    begun = ports.clock.now()
    killed = frozenset(server_id for server_id, server in mine.items() if server.proof is not None)
    errands = Errands(step, ports, deed, before.at, step.ends_at(before), killed)
    ends = errands.run([planned[server_id] for server_id in mine])
    done = Deeds(word or deed.word, begun, ports.clock.now(), step.brief.host)
    return before.updated(learnt(mine[i], planned[i], end, done) for i, end in ends.items())


def learnt(before: Standing, planned: PlannedServer, end: End, done: Deeds) -> Standing:
    """Return where a server stands after a deed ended so for it."""
    after = before.after(done.word, end.result)
    earlier = before.outcome.attempts if before.outcome else 0
    outcome = Outcome(planned.id, planned.name, planned.policy, "failed", end.reason, earlier + 1, asked_at=done.begun)
    if end.host:
        if end.host == done.host:
            outcome = replace(outcome, result=IN_PLACE)
        else:
            outcome = replace(outcome, result="moved", destination=end.host, accepted_at=done.begun)
        outcome = replace(outcome, moved_at=done.now)
        return replace(after, outcome=outcome, verdict=seen_back(planned, end.host, end.reason, done.now))
    if end.excused:
        return replace(after, outcome=replace(outcome, result="skipped", attempts=earlier), verdict=None)
    if end.proof is not None:
        reason = f"{end.reason}; nothing has brought it back"
        return replace(after, outcome=replace(outcome, reason=reason, attempts=earlier), proof=end.proof, verdict=None)
    return replace(after, outcome=outcome, verdict=None)


def seen_back(planned: PlannedServer, host: str, reason: str, at: float | None) -> Verdict:
    """Return that the server was seen to run on *host*; *at* is None where it never stopped."""
    return Verdict(planned.id, planned.name, planned.policy, recovered=True, reason=reason, host=host, back_at=at)


def closed(scene: Scene, before: Standings) -> Standings:
    """Return *before* with the servers that are still open as they are now that the failure is over.

    One that was killed does not run on, and stays open.
    """
    step = scene.step
    planned = {server.id: server for server in scene.plan.of(step.seat.policy)}
    mine = [server for server in before.servers if server.open and server.proof is None]
    if not mine:
        return before
    now = scene.ports.clock.now()
    done = Deeds("kill", now, now, step.brief.host)
    killed = {each.id: end for each in mine if (end := _killed_before(scene, planned[each.id])) is not None}
    sentence = over_sentence(step.brief)
    if others := len(mine) - len(killed):
        step.say(scene.ports, f"{sentence}: nothing more is done to {others} servers of {step.seat.policy}")
    return before.updated(
        learnt(server, planned[server.id], killed[server.id], done)
        if server.id in killed
        else _runs_on(server, planned[server.id], sentence, step.brief)
        for server in mine
    )


def _killed_before(scene: Scene, planned: PlannedServer) -> End | None:
    """Return that a server is off which a worker that did not come to write so was about to kill."""
    if planned.vm_state != ACTIVE or planned.id not in scene.ports.log.intentions():
        return None
    host = scene.step.brief.host
    try:
        domain = scene.ports.hypervisor.domain(host, planned.id)
    except HypervisorUnavailableError:
        return None
    if domain is not None and domain.state != OFF:
        return None
    reason = f"it is off on {host}, and a worker before this one was about to kill it"
    return End(Result.DONE, reason, proof=Proof(scene.ports.clock.now(), "hypervisor", reason))


def _runs_on(server: Standing, planned: PlannedServer, sentence: str, brief: Brief) -> Standing:
    reason = f"{sentence}; it ran on"
    outcome = Outcome(planned.id, planned.name, planned.policy, IN_PLACE, reason, attempts=0)
    return replace(
        server,
        outcome=outcome,
        verdict=seen_back(planned, brief.host, reason, None),
        last=Result.DONE.value,
    )
