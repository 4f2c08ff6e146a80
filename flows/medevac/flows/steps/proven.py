"""Proven: evacuate and fence where the host lives: no proof that a server is off there, no evacuation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from medevac.core.errors import HypervisorUnavailableError, NoEvidenceError
from medevac.core.evidence import FenceEvidence
from medevac.core.wire import from_plain
from medevac.flows.guests import NOVA_COMPUTE, OFF
from medevac.flows.health import NOTICED, is_over, service_runs
from medevac.flows.plan import Outcome, Plan, PlannedServer
from medevac.flows.policy.language import Allow, Result
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.act import Deeds, Scene, carried_out, closed, learnt
from medevac.flows.steps.disable import Disable
from medevac.flows.steps.fence import Fence
from medevac.flows.steps.in_place import Restart
from medevac.flows.steps.kill import Kill, fenced
from medevac.flows.steps.staged import Move, PolicyStep, Seat

LONGEST = 2 * NOTICED
"""Seconds to wait until Nova, too, takes nova-compute for down: before that it evacuates nothing from there."""
EVERY = 5.0
ALONE = 5
"""Servers that are killed at once."""
KILLING = 120.0


class MoveProven(Move):
    """`evacuate`, for those servers alone that are proven to be off."""

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return what became of them."""
        if is_over(ports, self.brief):
            before = closed(Scene(self, ports, plan), before)
        read = self._proofs_read(ports, before)
        refused = {s.id: why for s in self._open(read) if (why := why_not(self._planned(plan, s), s, self.brief.host))}
        after = read.updated(self._refused(ports, plan, s, refused[s.id]) for s in self._open(read) if s.id in refused)
        if not any(self.takes(server, plan) for server in self._open(after)):
            return after
        if self._nova_knows(ports):
            return super().work(ports, plan, after, results)
        if service_runs(ports, self.brief.host, NOVA_COMPUTE, self.brief.opened_at):
            return self._started_again(ports, plan, after)
        why = f"Nova takes nova-compute on {self.brief.host} for up, and evacuates nothing from there"
        mine = [server for server in self._open(after) if self.takes(server, plan)]
        return after.updated(self._refused(ports, plan, server, why) for server in mine)

    def takes(self, server: Standing, plan: Plan) -> bool:
        """Tell whether *server* may be evacuated."""
        return super().takes(server, plan) and not why_not(self._planned(plan, server), server, self.brief.host)

    def _open(self, before: Standings) -> list[Standing]:
        return [server for server in before.within(self.seat.scope) if server.open and not server.moved]

    def _planned(self, plan: Plan, server: Standing) -> PlannedServer:
        return next(each for each in plan.servers if each.id == server.id)

    def _proofs_read(self, ports: Ports, before: Standings) -> Standings:
        """Return *before* with the proofs that still hold: whoever has started a server since has made its void."""
        killed = [s for s in self._open(before) if s.proof is not None and not s.proof.host_off]
        void = [server for server in killed if not self._is_off(ports, server)]
        return before.updated(replace(server, proof=None) for server in void)

    def _is_off(self, ports: Ports, server: Standing) -> bool:
        try:
            domain = ports.hypervisor.domain(self.brief.host, server.id)
        except HypervisorUnavailableError as error:
            self.say(ports, f"its proof cannot be read again, and counts no more: {error}", server.id)
            return False
        if domain is None or domain.state == OFF:
            return True
        self.say(ports, f"it is {domain.state} again on {self.brief.host}: its proof counts no more", server.id)
        return False

    def _refused(self, ports: Ports, plan: Plan, server: Standing, why: str) -> Standing:
        planned = self._planned(plan, server)
        self.say(ports, f"{planned.name} is not evacuated: {why}", server.id)
        attempts = server.outcome.attempts if server.outcome else 0
        outcome = Outcome(server.id, planned.name, planned.policy, "failed", f"not evacuated: {why}", attempts)
        return replace(server, outcome=outcome, verdict=None).after("evacuate", Result.FAILED)

    def _nova_knows(self, ports: Ports) -> bool:
        """Tell whether Nova takes the service for down; wait until it does, as long as that can take."""
        give_up = ports.clock.now() + LONGEST
        while True:
            ports.log.assert_owned()
            service = self.patiently(ports, lambda: ports.cloud.host_service(self.brief.host))
            if service is None or service.state != "up":
                return True
            if ports.clock.now() >= give_up:
                return False
            ports.clock.wait(EVERY)

    def _started_again(self, ports: Ports, plan: Plan, before: Standings) -> Standings:
        """Start what was killed where it was: nova-compute is back, and Nova evacuates nothing from there."""
        self.say(ports, f"nova-compute on {self.brief.host} is back: what was killed is started again there")
        return carried_out(Scene(self, ports, plan), before, Restart(ALONE, KILLING), "evacuate")


class FenceAll(PolicyStep):
    """`fence`: the host where nobody on it objects any more, else the servers of this policy alone are killed."""

    def __init__(self, seat: Seat, patience: Mapping[str, float | None]) -> None:
        """*patience*: for each policy the seconds that it waits before it fences; None where it never does."""
        super().__init__(seat, ["service"])
        self._patience = patience

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it with proof for each server."""
        if is_over(ports, self.brief):
            return closed(Scene(self, ports, plan), before)
        objection = self._objection(ports, plan)
        if not objection:
            evidence = self._fenced(ports, results["service"])
            if evidence is not None:
                return self._proven(ports, plan, before, evidence)
        else:
            self.say(ports, f"{self.brief.host} is not fenced, for {objection}: these servers are killed alone")
        return carried_out(Scene(self, ports, plan), before, Kill(ALONE, KILLING), "fence")

    def _objection(self, ports: Ports, plan: Plan) -> str:
        """Return who on the host would be hurt by its fencing; empty: nobody."""
        if plan.left:
            return f"{plan.left[0].name} on it is left alone"
        waited = ports.clock.now() - plan.at
        for policy in dict.fromkeys(server.policy for server in plan.servers):
            patience = self._patience.get(policy)
            if patience is None:
                return f"policy {policy} does not want that"
            if policy != self.seat.policy and waited < patience:
                return f"policy {policy} waits longer"
        return ""

    def _fenced(self, ports: Ports, service: Any) -> FenceEvidence | None:  # noqa: ANN401 - JSON
        try:
            plain = Fence(self.brief).execute(ports=ports)
        except NoEvidenceError as error:
            self.say(ports, f"{error} These servers are killed alone.")
            return None
        Disable(self.brief).execute(ports=ports, service=service, evidence=plain)
        return from_plain(FenceEvidence, plain)

    def _proven(self, ports: Ports, plan: Plan, before: Standings, evidence: FenceEvidence) -> Standings:
        planned = {server.id: server for server in plan.of(self.seat.policy)}
        now, end = ports.clock.now(), fenced(evidence)
        done = Deeds("fence", now, now, self.brief.host)
        mine = [s for s in before.within(self.seat.scope) if s.open and not s.moved]
        return before.updated(learnt(s, planned[s.id], end, done) for s in mine)


def why_not(planned: PlannedServer, server: Standing, host: str) -> str:
    """Return why *server* is not evacuated from *host*, which lives or did: without proof, never."""
    if server.proof is None:
        return f"there is no proof that it is off on {host}"
    if planned.unfit:
        return planned.unfit
    if not planned.allow.permits(Allow.EVACUATE):
        return f"{planned.allowed_by} allows no more than {planned.allow.value} for it"
    return ""
