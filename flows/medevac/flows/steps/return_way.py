"""Way back: what its steps share: they take where the host stands, and return where it stands afterwards."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from medevac.core.incident import IncidentState
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.ports import HostService, Ports
from medevac.flows.returning import LONGEST_REASON, Way, mark, taken_out_by, why_not_ours, words_kept
from medevac.flows.steps.base import Step

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0


class ReturnStep(Step):
    """A step of the way back.  Where the way is over, it returns it as it was: no step is left out."""

    def __init__(self, name: str, brief: Brief, takes: str) -> None:
        """Take the value of the step *takes*."""
        super().__init__(name, brief, provides=f"way:{name}", requires=[f"way:{takes}"])
        self._takes = f"way:{takes}"

    def execute(self, *, ports: Ports, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return where the host stands afterwards."""
        way = from_plain(Way, results[self._takes], f"result {self._takes}")
        return to_plain(way if way.over else self.go(ports, way))

    @abstractmethod
    def go(self, ports: Ports, way: Way) -> Way:
        """Do it; safe to repeat."""

    def service(self, ports: Ports) -> HostService | None:
        """Return the compute service as Nova tells it now."""
        return self.patiently(ports, lambda: ports.cloud.host_service(self.brief.host))

    def ours(self, ports: Ports, way: Way) -> tuple[HostService | None, Way]:
        """Return the service if it still bears the mark of the incident that took it out; else the way is over."""
        service = self.service(ports)
        if service is not None and taken_out_by(service) == way.of:
            return service, way
        why = f"it bears no mark of {way.of} any more" if service is None else why_not_ours(service)
        return None, self.left(ports, way, f"{why}; somebody has changed its service since {way.of} took it out")

    def left(self, ports: Ports, way: Way, why: str) -> Way:
        """Return it at its end: the host is not ours to return."""
        reason = f"{self.brief.host} is left as it is: {why}"
        self.say(ports, reason)
        return way.ended(IncidentState.IGNORED, reason)

    def held(self, ports: Ports, way: Way, why: str) -> Way:
        """Return it held: the host stays out, and is looked at again."""
        again = f"{self.brief.settings.way_back.again}"
        return self._stays_out(ports, way, IncidentState.HELD, f"{why}; looking again in {again}")

    def parked(self, ports: Ports, way: Way, why: str) -> Way:
        """Return it parked, with people told: the host stays out until they have seen to it."""
        found = self._stays_out(ports, way, IncidentState.PARKED, why)
        self.page(ports, f"medevac: {self.brief.host}", found.reason)
        return found

    def until(self, ports: Ports, seconds: float, wanting: Callable[[], str]) -> str:
        """Return nothing as soon as *wanting* says nothing; else what it still says after *seconds*."""
        give_up = ports.clock.now() + seconds
        pause, told = FIRST_PAUSE, ""
        while why := wanting():
            if ports.clock.now() >= give_up:
                return why
            if not told:
                self.say(ports, told := f"waiting up to {seconds:.0f} s: {why}")
            ports.log.assert_owned()
            ports.log.heed()
            ports.clock.wait(min(pause, max(give_up - ports.clock.now(), 0.0)))
            pause = min(pause * 1.5, LONGEST_PAUSE)
        return ""

    def put_back(self, ports: Ports, now: HostService, **wanted: Any) -> None:  # noqa: ANN401 - fields of HostService
        """Give the service *wanted* beside what it has; raises RefusedError where Nova does not let it."""
        original = from_plain(HostService, to_plain(now) | wanted)
        ports.log.assert_owned()
        self.patiently(ports, lambda: ports.cloud.put_back(now, original))

    def _stays_out(self, ports: Ports, way: Way, state: IncidentState, why: str) -> Way:
        """End the way, and let the service say why it is still out of service, where it is still ours."""
        reason = f"{self.brief.host} stays out of service: {why}"
        self.say(ports, reason)
        now = self.service(ports)
        if now is not None and taken_out_by(now) == way.of:
            forced = words_kept(now)
            said = f"{mark(way.of)}: not back in service: {why}"[: LONGEST_REASON - len(forced)] + forced
            if now.disabled_reason != said:
                self.put_back(ports, now, disabled_reason=said)
        return way.ended(state, reason)
