"""Live host: what is done once for a host that lives, whichever policies want it: disable, restart services, enable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medevac.core.errors import CloudError, CloudUnavailableError, ServiceControlError
from medevac.core.wire import from_plain
from medevac.flows.brief import Brief
from medevac.flows.health import is_over, service_runs
from medevac.flows.plan import Plan
from medevac.flows.policy.language import Result
from medevac.flows.ports import HostService, Ports
from medevac.flows.steps.base import Step

RESTARTED = "restarted"
"""The name of the result of `restart_service`."""
EVERY = 5.0
"""Seconds between two looks at a service that was restarted."""


class TakeNoMore(Step):
    """`disable` for a host that lives: it takes no new servers; what it has is not touched, nor forced down."""

    def __init__(self, brief: Brief, policies: Sequence[str]) -> None:
        """Do it where one of *policies* has servers here, or nobody has any."""
        super().__init__("disable", brief, provides="disabled", requires=["service", "plan"])
        self._policies = tuple(policies)

    def execute(self, *, ports: Ports, service: Any, plan: Any, **_: object) -> bool:  # noqa: ANN401 - JSON
        """Return whether the host is disabled by us; safe to repeat."""
        original = from_plain(HostService, service, "result of survey")
        if not wanted_by(self._policies, from_plain(Plan, plan, "result of plan")):
            return False
        if not original.enabled:
            self.say(ports, f"{original.host} was disabled before ({original.disabled_reason or 'no reason given'})")
            return original.disabled_reason.startswith(self.brief.mark)
        reason = f"{self.brief.mark}: {self.brief.failure}"
        ports.log.assert_owned()
        self.patiently(ports, lambda: self._disable(ports, original, reason))
        self.say(ports, f"{original.host} takes no new servers ({reason})")
        return True

    def _disable(self, ports: Ports, service: HostService, reason: str) -> None:
        """Disable it; an answer that does not come is no failure where Nova shows that it is done."""
        try:
            ports.cloud.set_enabled(service, False, reason)
        except CloudUnavailableError:
            seen = ports.cloud.host_service(service.host)
            if seen is None or seen.enabled:
                raise

    def revert(self, *, ports: Ports, result: Any, **_: object) -> None:  # noqa: ANN401 - JSON
        """Give the host back when the recovery is given up; a failure of that is told, not raised."""
        if result is not True:
            return
        try:
            give_back(self, ports)
        except CloudError as error:
            self.say(ports, f"{self.brief.host} stays disabled: {error}")


class RestartServices(Step):
    """`restart_service`: through the cluster manager, once for the host."""

    def __init__(self, brief: Brief, wanted: Mapping[str, Mapping[str, float]]) -> None:
        """Restart what *wanted* says: policy to services, each with the seconds that it may take."""
        super().__init__("restart_service", brief, provides=RESTARTED, requires=["service", "plan", "disabled"])
        self._wanted = wanted

    def execute(self, *, ports: Ports, plan: Any, **_: object) -> str:  # noqa: ANN401 - JSON
        """Return done, failed, or nothing where nobody wants it.  A service that runs by now is left alone."""
        here = wanted_by(tuple(self._wanted), from_plain(Plan, plan, "result of plan"))
        services: dict[str, float] = {}
        for policy in here:
            for service, timeout in self._wanted[policy].items():
                services[service] = max(timeout, services.get(service, 0.0))
        ends = [self._restarted(ports, service, timeout) for service, timeout in services.items()]
        if not ends:
            return ""
        return Result.DONE.value if all(ends) else Result.FAILED.value

    def _restarted(self, ports: Ports, service: str, timeout: float) -> bool:
        host, began = self.brief.host, ports.clock.now()
        if self._runs(ports, service):
            self.say(ports, f"{service} on {host} runs again by now")
            return True
        ports.log.assert_owned()
        try:
            ports.services.restart(host, service)
        except ServiceControlError as error:
            self.say(ports, f"{service} on {host} could not be restarted: {error}")
            return False
        self.say(ports, f"the cluster was asked to start {service} on {host} again")
        while not self._runs(ports, service):
            if ports.clock.now() - began >= timeout:
                self.say(ports, f"{service} on {host} does not run after {timeout:.0f} s")
                return False
            ports.log.assert_owned()
            ports.clock.wait(EVERY)
        self.say(ports, f"{service} on {host} runs again")
        return True

    def _runs(self, ports: Ports, service: str) -> bool:
        return service_runs(ports, self.brief.host, service, self.brief.opened_at)


class TakeAgain(Step):
    """Enable the host again that this recovery disabled, where its failure is over; else it stays for its way back."""

    def __init__(self, brief: Brief, policies: Sequence[str]) -> None:
        """Look after all *policies* have ended."""
        super().__init__("enable", brief, requires=["disabled", *(f"outcomes:{policy}" for policy in policies)])

    def execute(self, *, ports: Ports, disabled: Any, **_: object) -> None:  # noqa: ANN401 - JSON
        """Enable it, if it is ours to enable."""
        if disabled is not True:
            return
        if not is_over(ports, self.brief):
            self.say(ports, f"{self.brief.host} takes no new servers until it is well again")
            return
        self.patiently(ports, lambda: give_back(self, ports))


def wanted_by(policies: Sequence[str], plan: Plan) -> list[str]:
    """Return those of *policies* that have servers in *plan*; all of them where the host has no server at all."""
    here = {server.policy for server in plan.servers}
    return [policy for policy in policies if policy in here or not (plan.servers or plan.left)]


def give_back(step: Step, ports: Ports) -> None:
    """Enable the host, if it is as this incident left it.  Raises as Cloud's methods do."""
    now = ports.cloud.host_service(step.brief.host)
    if now is None or now.enabled or now.forced_down or not now.disabled_reason.startswith(step.brief.mark):
        step.say(ports, f"{step.brief.host} is left as it is: it is not as this incident left it")
        return
    ports.log.assert_owned()
    ports.cloud.set_enabled(now, True, "")
    step.say(ports, f"{step.brief.host} takes new servers again")
