"""Plan: list the servers of the dead host once, and store who gets which promise before anything touches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import LeftServer, Plan, PlannedServer
from medevac.flows.policy.language import Evacuate, Policy
from medevac.flows.policy.matching import ServerFacts, winner
from medevac.flows.ports import HostService, Migration, Ports, Server
from medevac.flows.selection import why_left
from medevac.flows.steps.base import Step

SHORT_HISTORY = 100
"""Evacuation records of a host that are cheaper to list again than to leave out: that takes a second query a tick."""


class MakePlan(Step):
    """Turn what Nova says of the host into the plan that every later step and every retry works from."""

    def __init__(self, brief: Brief, policies: Sequence[Policy]) -> None:
        """Provide "plan"; it runs after "disable", so that no new server can land on the host."""
        super().__init__("plan", brief, provides="plan", requires=["service", "disabled"])
        self._policies = tuple(policies)

    def execute(self, *, ports: Ports, service: Any, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the plan.  It only reads: a second run before it is stored changes nothing."""
        host, cloud = self.brief.host, ports.cloud
        zone = from_plain(HostService, service, "result of survey").zone
        records = self.patiently(ports, lambda: cloud.evacuations_from(host))
        servers = self.patiently(ports, lambda: cloud.servers_on(host))
        aggregates = self.patiently(ports, lambda: cloud.host_aggregates(host)) if self._ask_aggregates() else ()
        projects = self.patiently(ports, cloud.project_names) if self._ask_projects() else {}
        sorter = _Sorter(self.brief, self._policies, zone, aggregates, projects)
        planned, left = sorter.sort(servers)
        plan = _assemble(host, ports.clock.now(), records, planned, left)
        self._tell(ports, plan)
        return to_plain(plan)

    def _ask_aggregates(self) -> bool:
        return any(policy.match.aggregate for policy in self._policies)

    def _ask_projects(self) -> bool:
        return any(policy.match.project for policy in self._policies)

    def _tell(self, ports: Ports, plan: Plan) -> None:
        counts = ", ".join(f"{p.name} {len(plan.of(p.name))}" for p in self._policies if plan.of(p.name))
        total = len(plan.servers) + len(plan.left)
        lines = [self.entry(ports, f"{total} servers on {plan.host}: {counts or 'none to evacuate'}")]
        lines += [self.entry(ports, f"{left.name} is left: {left.reason}", left.id) for left in plan.left]
        ports.log.append(lines)


class _Sorter:
    """Give each server to the policy that wins it, or to those that are left, with the reason."""

    def __init__(
        self,
        brief: Brief,
        policies: Sequence[Policy],
        zone: str,
        aggregates: tuple[str, ...],
        projects: Mapping[str, str],
    ) -> None:
        self._brief = brief
        self._policies = policies
        self._zone = zone
        self._aggregates = aggregates
        self._projects = projects

    def sort(self, servers: Sequence[Server]) -> tuple[list[PlannedServer], list[LeftServer]]:
        """Return the servers to evacuate, and the others."""
        planned: list[PlannedServer] = []
        left: list[LeftServer] = []
        for server in servers:
            verdict = self._place(server)
            (planned if isinstance(verdict, PlannedServer) else left).append(verdict)  # type: ignore[arg-type]  # each list takes its class
        return planned, left

    def _place(self, server: Server) -> PlannedServer | LeftServer:
        policy = winner(self._policies, self._facts(server), self._brief.failure).policy
        if policy is None:
            return LeftServer(server.id, server.name, "", f"no policy covers it for {self._brief.failure}")
        flow = policy.when[self._brief.failure]
        if flow.step(Evacuate) is None:
            return LeftServer(server.id, server.name, policy.name, f"policy {policy.name} leaves it", intended=True)
        reason = why_left(server, self._brief.settings.shared_storage)
        if reason:
            return LeftServer(server.id, server.name, policy.name, reason, intended=reason.startswith("its owner"))
        return PlannedServer(
            id=server.id,
            name=server.name,
            project_id=server.project_id,
            policy=policy.name,
            vm_state=server.vm_state,
            locked=server.locked,
        )

    def _facts(self, server: Server) -> ServerFacts:
        return ServerFacts(
            id=server.id,
            name=server.name,
            project_id=server.project_id,
            project_name=self._projects.get(server.project_id, ""),
            host=self._brief.host,
            zone=self._zone,
            aggregates=self._aggregates,
            metadata=server.metadata,
            flavor=server.flavor,
            image=server.image_id,
        )


def _assemble(
    host: str, now: float, records: Sequence[Migration], planned: Sequence[PlannedServer], left: Sequence[LeftServer]
) -> Plan:
    return Plan(
        host=host,
        at=now,
        baseline=max((record.id for record in records), default=0),
        adopted=tuple(record.id for record in records if record.live),
        since=max(record.updated_at for record in records) if len(records) > SHORT_HISTORY else None,
        servers=tuple(planned),
        left=tuple(left),
    )
