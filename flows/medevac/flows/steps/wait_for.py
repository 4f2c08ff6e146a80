"""Wait for: until something is so, or was waited for in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from medevac.flows.guest_agents import guest_answers
from medevac.flows.health import is_over, service_runs
from medevac.flows.plan import Outcome, Plan, PlannedServer, Verdict
from medevac.flows.policy.deeds import GuestSeen, HostSeen, InVain, Seen
from medevac.flows.policy.language import Result, WaitFor
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.act import IN_PLACE, Scene, closed, seen_back
from medevac.flows.steps.staged import PolicyStep, Seat

EVERY = 5.0
"""Seconds between two looks."""
PROBE = 2.0
"""Seconds for a port or a guest's agent."""


class Await(PolicyStep):
    """`wait_for`, counted from the end of the step before: a worker that takes over does not begin anew."""

    def __init__(self, seat: Seat, wanted: WaitFor) -> None:
        """Wait for what *wanted* says."""
        super().__init__(seat)
        self._wanted = wanted

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Return it with the result for each server."""
        del results
        mine = {s.id: s for s in before.within(self.seat.scope) if not s.skipped}
        planned = {server.id: server for server in plan.of(self.seat.policy)}
        self.say(ports, f"waiting for {told(self._wanted)}, {self._wanted.within} at most")
        seen = self._wait(ports, before, [planned[server_id] for server_id in mine])
        after = before.updated(self._judged(mine[i], planned[i], i in seen, ports) for i in mine)
        late = len(mine) - len(seen)
        if late:
            self.say(ports, f"waited in vain for {told(self._wanted)}")
        elif is_over(ports, self.brief):
            return closed(Scene(self, ports, plan), after)
        if late and self._wanted.then is InVain.STOP:
            return replace(after, ended=f"waited in vain for {told(self._wanted)}")
        return after

    def _wait(self, ports: Ports, before: Standings, servers: list[PlannedServer]) -> set[str]:
        """Return the ids of the servers for which it is so."""
        give_up = min(before.at + float(self._wanted.within), self.ends_at(before))
        seen: set[str] = set()
        while True:
            ports.log.assert_owned()
            ports.log.heed()
            seen |= self._seen(ports, [server for server in servers if server.id not in seen])
            left = give_up - ports.clock.now()
            if len(seen) == len(servers) or left <= 0:
                return seen
            ports.clock.wait(min(left, EVERY))

    def _seen(self, ports: Ports, servers: Iterable[PlannedServer]) -> set[str]:
        wanted, ids = self._wanted, {server.id for server in servers}
        if wanted.service is not None:
            runs = service_runs(ports, self.brief.host, wanted.service.value, self.brief.opened_at)
            return ids if runs else set()
        if wanted.host is not None:
            service = self.patiently(ports, lambda: ports.cloud.host_service(self.brief.host))
            up = service is not None and service.state == "up"
            return ids if up is (wanted.host is HostSeen.UP) else set()
        return {server_id for server_id in ids if self._is_so(ports, server_id)}

    def _is_so(self, ports: Ports, server_id: str) -> bool:
        wanted = self._wanted
        seen = self.patiently(ports, lambda: ports.cloud.server(server_id))
        if seen is None:
            return wanted.server is Seen.GONE
        if wanted.port is not None:
            return any(ports.prober.port_open(address, wanted.port, PROBE) for address in seen.addresses)
        if wanted.guest is GuestSeen.READY:
            return guest_answers(ports, seen)
        return wanted.server is not None and seen.vm_state == wanted.server.value and not seen.task_state

    def _judged(self, server: Standing, planned: PlannedServer, so: bool, ports: Ports) -> Standing:  # noqa: FBT001 - the result
        """Return *server* with the result; what a guest or port shows is more than that Nova calls it active."""
        after = server.after("wait_for", Result.DONE if so else Result.FAILED)
        if self._wanted.port is None and self._wanted.guest is None:
            return after
        host = server.verdict.host if server.verdict else self.brief.host
        if so:
            outcome = server.outcome or Outcome(
                planned.id, planned.name, planned.policy, IN_PLACE, told(self._wanted), attempts=0
            )
            verdict = seen_back(planned, host, f"{told(self._wanted)} on {host}", ports.clock.now())
            return replace(after, outcome=outcome, verdict=verdict)
        reason = f"waited in vain for {told(self._wanted)}"
        verdict = Verdict(planned.id, planned.name, planned.policy, recovered=False, reason=reason, host=host)
        return replace(after, verdict=verdict)


def told(wanted: WaitFor) -> str:
    """Return what is waited for, in words."""
    if wanted.service is not None:
        return f"{wanted.service.value} to run again"
    if wanted.host is not None:
        return f"the host to be {wanted.host.value}"
    if wanted.server is not None:
        return f"each server to be {wanted.server.value}"
    return f"port {wanted.port} to answer" if wanted.port is not None else "each guest to answer"
