"""Plan: list the servers of the dead host once, and store who gets which promise before anything touches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medevac.core.wire import from_plain, to_plain
from medevac.flows.abilities import abilities
from medevac.flows.brief import Brief
from medevac.flows.earlier import reports_wanted, shut_off
from medevac.flows.plan import Plan
from medevac.flows.policy.language import Policy
from medevac.flows.ports import HostService, Ports, Server
from medevac.flows.sorting import Seen, make_plan
from medevac.flows.steps.base import Step
from medevac.flows.surroundings import Asking, look_around


class MakePlan(Step):
    """Turn what Nova says of the host into the plan that every later step and every retry works from."""

    def __init__(self, brief: Brief, policies: Sequence[Policy], after: Sequence[str] = ("disabled",)) -> None:
        """Provide "plan"; for a dead host it runs *after* "disable", so that no new server can land there."""
        super().__init__("plan", brief, provides="plan", requires=["service", *after])
        self._policies = tuple(policies)

    def execute(self, *, ports: Ports, service: Any, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the plan.  It only reads: a second run before it is stored changes nothing."""
        plan = self.made(ports, from_plain(HostService, service, "result of survey").zone)
        self._tell(ports, plan)
        return to_plain(plan)

    def made(self, ports: Ports, zone: str) -> Plan:
        """Return the plan as it would be now, for a host in *zone*."""
        cloud = ports.cloud
        records = self.patiently(ports, lambda: cloud.evacuations_from(self.brief.host))
        servers = self.servers(ports)
        asking = Asking(self._policies, self.brief.settings.exclude)
        around = self.patiently(ports, lambda: look_around(cloud, self.brief.host, zone, servers, asking))
        able = self.patiently(ports, lambda: abilities(cloud, servers))
        earlier = [ports.log.report_of(each) for each in reports_wanted(self.brief.incident, servers)]
        seen = Seen(ports.clock.now(), servers, records, able, shut_off(earlier, servers))
        return make_plan(self.brief, self._policies, around, seen)

    def servers(self, ports: Ports) -> tuple[Server, ...]:
        """Return the servers that are concerned."""
        return self.patiently(ports, lambda: ports.cloud.servers_on(self.brief.host))

    def _tell(self, ports: Ports, plan: Plan) -> None:
        counts = ", ".join(f"{p.name} {len(plan.of(p.name))}" for p in self._policies if plan.of(p.name))
        total = len(plan.servers) + len(plan.left)
        lines = [self.entry(ports, f"{total} servers on {plan.host}: {counts or 'none to evacuate'}")]
        lines += [self.entry(ports, f"{left.name} is left: {left.reason}", left.id) for left in plan.left]
        lines += [self.entry(ports, f"{remark.name}: {remark.text}", remark.id) for remark in plan.remarks]
        ports.log.append(lines)
