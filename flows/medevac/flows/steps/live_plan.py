"""Live plan: which servers a failure concerns whose host lives, and who gets which promise."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.brief import Brief
from medevac.flows.policy.language import Policy
from medevac.flows.ports import Ports, Server
from medevac.flows.steps.plan import MakePlan


class MakeLivePlan(MakePlan):
    """As the plan for a dead host, without waiting for its service to be disabled; of one server where one failed."""

    def __init__(self, brief: Brief, policies: Sequence[Policy]) -> None:
        """Provide "plan"."""
        super().__init__(brief, policies, after=())

    def servers(self, ports: Ports) -> tuple[Server, ...]:
        """Return the servers that are concerned; one that failed alone may be gone, or elsewhere, by now."""
        if not self.brief.server:
            return super().servers(ports)
        found = self.patiently(ports, lambda: ports.cloud.server(self.brief.server))
        if found is None:
            self.say(ports, f"server {self.brief.server} is gone: there is nothing to be done", self.brief.server)
            return ()
        if found.host != self.brief.host:
            where = found.host or "no host"
            self.say(ports, f"{found.name} is on {where} by now, and not on {self.brief.host}", found.id)
            return ()
        return (found,)
