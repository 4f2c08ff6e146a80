"""Reserve: reserved hosts stand in for a host that died, and those that nobody came to go back.

They are chosen once for a recovery and marked before they are enabled: neither a retry of a server nor a worker that
takes over takes another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from medevac.core.errors import CloudError
from medevac.core.wire import from_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import Plan
from medevac.flows.ports import HostService, Ports
from medevac.flows.reserved import choose
from medevac.flows.steps.base import Step

CHOSEN = "reserved"
ENABLED = "standing-in"


class ReserveChoose(Step):
    """Choose the reserved hosts that stand in, and mark them as taken: they are still disabled."""

    def __init__(self, brief: Brief) -> None:
        """Provide their names; come after "plan", so that none is taken where nobody has to move."""
        super().__init__("reserve-choose", brief, provides=CHOSEN, requires=["service", "plan"])

    def execute(self, *, ports: Ports, service: Any, plan: Any, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the names of the hosts; a second run finds those that the first has marked."""
        reserved, cloud = self.brief.settings.reserved, ports.cloud
        failed = from_plain(HostService, service, "result of survey")
        moving = from_plain(Plan, plan, "result of plan").servers
        if not moving:
            return []
        services = self.patiently(ports, cloud.compute_services)
        mark = reserved.taken(self.brief.incident)
        mine = [each.host for each in services if not each.enabled and each.disabled_reason == mark]
        if mine:
            return mine
        choice = choose(reserved, failed, services, self.patiently(ports, cloud.aggregates))
        self.say(ports, choice.reason)
        return [host for host in choice.hosts if self._mark(ports, host, mark)]

    def revert(self, *, ports: Ports, result: Any, **_: object) -> None:  # noqa: ANN401 - JSON, or TaskFlow's failure
        """Give back what was taken; a failure is told, not raised: it would stop TaskFlow's reverting."""
        _give_back(self, ports, result if isinstance(result, list) else [])

    def _mark(self, ports: Ports, host: str, mark: str) -> bool:
        """Take *host*; tell whether it is ours: another recovery may have taken it at the same moment."""
        now = self.patiently(ports, lambda: ports.cloud.host_service(host))
        if now is None or now.enabled or now.disabled_reason != self.brief.settings.reserved.reason:
            return False
        ports.log.assert_owned()
        self.patiently(ports, lambda: ports.cloud.put_back(now, replace(now, disabled_reason=mark)))
        seen = self.patiently(ports, lambda: ports.cloud.host_service(host))
        return seen is not None and seen.disabled_reason == mark


class Reserve(Step):
    """Enable the reserved hosts that were chosen."""

    def __init__(self, brief: Brief) -> None:
        """Provide the names of those that stand in."""
        super().__init__("reserve", brief, provides=ENABLED, requires=[CHOSEN])

    def execute(self, *, ports: Ports, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the names of the hosts that are enabled; safe to repeat."""
        return [host for host in results[CHOSEN] if self._enable(ports, host)]

    def _enable(self, ports: Ports, host: str) -> bool:
        now = self.patiently(ports, lambda: ports.cloud.host_service(host))
        if now is None:
            return False
        if now.enabled:
            return True  # by an earlier run of this very step: it was marked as ours
        if now.disabled_reason != self.brief.settings.reserved.taken(self.brief.incident):
            self.say(ports, f"{host} is left as it is: somebody has disabled it meanwhile ({now.disabled_reason})")
            return False
        ports.log.assert_owned()
        self.patiently(ports, lambda: ports.cloud.set_enabled(now, True, ""))
        self.say(ports, f"{host} was reserved and is enabled now: it stands in for {self.brief.host}")
        return True


class ReserveReturn(Step):
    """Give back the reserved hosts that nobody came to."""

    def __init__(self, brief: Brief) -> None:
        """Come after the steps of every policy."""
        super().__init__("reserve-return", brief, requires=[ENABLED])

    def execute(self, *, ports: Ports, **results: Any) -> None:  # noqa: ANN401 - JSON
        """Disable what stands in and is empty, with the reason that it had; what has servers stays."""
        _give_back(self, ports, results[ENABLED])


def _give_back(step: Step, ports: Ports, hosts: list[str]) -> None:
    for host in hosts:
        try:
            _return(step, ports, host)
        except CloudError as error:
            step.say(ports, f"{host} is still enabled: returning it to the reserve failed: {error}")


def _return(step: Step, ports: Ports, host: str) -> None:
    reserved, incident = step.brief.settings.reserved, step.brief.incident
    now = step.patiently(ports, lambda: ports.cloud.host_service(host))
    if now is None or (not now.enabled and now.disabled_reason != reserved.taken(incident)):
        return  # returned already, or somebody else's matter now
    used = len(step.patiently(ports, lambda: ports.cloud.servers_on(host)))
    records = step.patiently(ports, lambda: ports.cloud.evacuations_from(step.brief.host))
    coming = sum(record.live and record.destination in ("", host) for record in records)
    if used or coming:
        step.say(ports, f"{host} stays in service: {used} servers are on it, {coming} on their way")
        return
    ports.log.assert_owned()
    if now.enabled:
        step.patiently(ports, lambda: ports.cloud.set_enabled(now, False, reserved.reason))
    else:
        step.patiently(ports, lambda: ports.cloud.put_back(now, replace(now, disabled_reason=reserved.reason)))
    step.say(ports, f"{host} is reserved again: nobody came to it")
