"""Way back, on the host: nothing of what was evacuated from it may be left there before it counts as up again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.core.errors import HypervisorUnavailableError, NoHypervisorError, ServiceControlError
from medevac.core.incident import IncidentState
from medevac.core.wire import to_plain
from medevac.flows.brief import Brief
from medevac.flows.failback import waits
from medevac.flows.guests import NOVA_COMPUTE, OFF, Domain
from medevac.flows.ports import Migration, Ports
from medevac.flows.returning import Way, taken_out_by, why_not_ours
from medevac.flows.steps.base import Step
from medevac.flows.steps.return_way import ReturnStep

NAMED = 5
"""How many servers a sentence names before it only counts."""
LAZY = 30.0
"""Seconds after which a nova-compute that runs and has not cleaned up is taken to have started too early for it."""


class ReturnSurvey(Step):
    """See whether the host is ours to return: only what bears our mark is."""

    def __init__(self, brief: Brief) -> None:
        """Begin the way."""
        super().__init__("return-survey", brief, provides="way:return-survey")

    def execute(self, *, ports: Ports, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return which incident took the host out, or the way's end."""
        host = self.brief.host
        service = self.patiently(ports, lambda: ports.cloud.host_service(host))
        if service is None:
            why = "Nova knows no compute service on it"
        elif service.enabled and not service.forced_down and (again := self._waiting(ports)) is not None:
            return to_plain(again)
        elif of := taken_out_by(service):
            self.say(ports, f"{host} is back; {of} took it out of service")
            return to_plain(Way(of=of))
        else:
            why = why_not_ours(service)
        reason = f"{host} is left as it is: {why}"
        self.say(ports, reason)
        return to_plain(Way().ended(IncidentState.IGNORED, reason))

    def _waiting(self, ports: Ports) -> Way | None:
        """Return the way that this return has been already, where its servers wait for the window of failback."""
        report = ports.log.report_of(self.brief.incident)
        if not waits(report):
            return None
        way = Way(of=report["of"], cleaned=report["cleaned"], done=tuple(report["done"]))
        return way.enabled(self.brief.host, ports.clock.now())


class ReturnSettle(ReturnStep):
    """Wait until nothing is under way from the host: a host that counts as up again would get in its way."""

    def __init__(self, brief: Brief) -> None:
        """Come after return-survey."""
        super().__init__("return-settle", brief, "return-survey")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it when the recovery has ended and every evacuation with it."""
        limit = float(self.brief.settings.way_back.settle)
        why = self.until(ports, limit, lambda: self._under_way(ports, way))
        return self.held(ports, way, why) if why else way

    def _under_way(self, ports: Ports, way: Way) -> str:
        if ports.log.state_of(way.of) == IncidentState.RECOVERING:
            return f"{way.of} is still being recovered"
        live = [record for record in self._records(ports) if record.live]
        if not live:
            return ""
        first = live[0]
        others = f" and {len(live) - 1} more" if len(live) > 1 else ""
        return f"the evacuation of server {first.server_id} is still {first.status}{others}"

    def _records(self, ports: Ports) -> tuple[Migration, ...]:
        return self.patiently(ports, lambda: ports.cloud.evacuations_from(self.brief.host))


class ReturnClean(ReturnStep):
    """Wait until nova-compute has started and removed what was evacuated, and see for ourselves that it has.

    It does so when it starts, forced down or not; the records of the evacuations tell (done, then completed).
    """

    def __init__(self, brief: Brief) -> None:
        """Come after return-settle."""
        super().__init__("return-clean", brief, "return-settle")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it when nothing is left over; parked where a copy runs that must not."""
        cleaning = _Cleaning(self, ports)
        limit = float(self.brief.settings.way_back.clean)
        if why := self.until(ports, limit, cleaning.left):
            return self.held(ports, way, why)
        gone = sorted({record.server_id for record in cleaning.records if record.status == "completed"})
        try:
            over = _left_over(ports, self.brief.host, self._elsewhere(ports, gone))
        except NoHypervisorError:
            cleaned = way.noted("left-over guests were not looked for: no hypervisor is set in the site file")
            return self._cleaned(ports, cleaned, gone)
        except HypervisorUnavailableError as error:
            return self.held(ports, way, f"whether guests are left over there is not known: {error}")
        if over:
            return self.parked(ports, way, f"{over}. End it there (virsh destroy, undefine), and post host.up again")
        return self._cleaned(ports, way.noted("no guest that was evacuated is left on it"), gone)

    def _cleaned(self, ports: Ports, way: Way, gone: list[str]) -> Way:
        self.say(ports, f"nova-compute has cleaned up after {len(gone)} evacuations; {way.done[-1]}")
        return Way(of=way.of, cleaned=len(gone), done=way.done)

    def _elsewhere(self, ports: Ports, gone: list[str]) -> set[str]:
        """Return those of *gone* that Nova does not have on this host by now."""
        here = self.patiently(ports, lambda: ports.cloud.servers_on(self.brief.host))
        return set(gone) - {server.id for server in here}


class _Cleaning:
    """What is still to be cleaned up; a nova-compute that started before the last evacuation is started once more."""

    def __init__(self, step: ReturnClean, ports: Ports) -> None:
        self._step = step
        self._ports = ports
        self._since = ports.clock.now()
        self._restarted = False
        self.records: tuple[Migration, ...] = ()

    def left(self) -> str:
        """Return what is still to be cleaned up, or nothing."""
        ports, host = self._ports, self._step.brief.host
        self.records = self._step.patiently(ports, lambda: ports.cloud.evacuations_from(host))
        waiting = [record for record in self.records if record.live or record.status == "done"]
        if not waiting:
            return ""
        if not self._restarted and ports.clock.now() - self._since > LAZY:
            self._restarted = True
            self._restart()
        return f"nova-compute has not cleaned up after {len(waiting)} evacuations: it does when it is started there"

    def _restart(self) -> None:
        """Start nova-compute again where the cluster says that it runs; else whoever mends the host will start it."""
        ports, host = self._ports, self._step.brief.host
        try:
            if ports.services.state(host, NOVA_COMPUTE):
                ports.log.assert_owned()
                ports.services.restart(host, NOVA_COMPUTE)
                self._step.say(ports, f"nova-compute on {host} runs and has not cleaned up: asked for its restart")
        except ServiceControlError as error:
            self._step.say(ports, f"nova-compute on {host} could not be restarted: {error}")


def _left_over(ports: Ports, host: str, servers: set[str]) -> str:
    """Return which of *servers*, which are elsewhere, have a guest on *host* that runs, or would start by itself."""
    found: Mapping[str, Domain] = ports.hypervisor.domains(host) if servers else {}
    bad = [d for server_id, d in sorted(found.items()) if server_id in servers and (d.state != OFF or d.autostart)]
    if not bad:
        return ""
    named = ", ".join(
        f"{d.server_id} ({d.state if d.state != OFF else 'off, and starts by itself'})" for d in bad[:NAMED]
    )
    more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return f"guests of servers that run elsewhere are left over on {host}: {named}{more}"
