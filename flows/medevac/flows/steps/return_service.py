"""Way back, in Nova: let the service count as up, watch it, and enable it, each only while it bears our mark."""

from __future__ import annotations

from medevac.core.errors import CloudError
from medevac.core.incident import IncidentState
from medevac.flows.brief import Brief
from medevac.flows.ports import Ports
from medevac.flows.returning import Way
from medevac.flows.steps.return_way import ReturnStep

UP_WITHIN = 90.0
"""Seconds within which a nova-compute that runs reports (Nova's service_down_time is 60)."""


class ReturnUnforce(ReturnStep):
    """Let the service count as up again; it stays disabled, so that nothing new lands on the host."""

    def __init__(self, brief: Brief) -> None:
        """Come after return-clean."""
        super().__init__("return-unforce", brief, "return-clean")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it with the service no longer forced down; held where Nova refuses."""
        service, left = self.ours(ports, way)
        if service is None:
            return left
        if not service.forced_down:
            return way
        try:
            self.put_back(ports, service, forced_down=False)
        except CloudError as error:
            return self.held(ports, way, f"Nova does not take it for up again: {error}")
        self.say(ports, f"nova-compute on {service.host} is not forced down any more, and still disabled")
        return way.noted("no longer forced down")


class ReturnWatch(ReturnStep):
    """Watch nova-compute for the hold time: one that comes and goes is not given servers."""

    def __init__(self, brief: Brief) -> None:
        """Come after return-unforce."""
        super().__init__("return-watch", brief, "return-unforce")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it when the service has been up for the hold time without a break."""
        hold = float(self.brief.settings.way_back.hold)
        up_since: float | None = None
        give_up = ports.clock.now() + hold + float(self.brief.settings.way_back.clean) + UP_WITHIN
        while up_since is None or ports.clock.now() - up_since < hold:
            service, left = self.ours(ports, way)
            if service is None:
                return left
            now = ports.clock.now()
            if service.state != "up":
                up_since = None
            elif up_since is None:
                up_since = now
            if now >= give_up:
                return self.held(ports, way, f"nova-compute has not been up for {hold:.0f} s without a break")
            ports.clock.wait(_pause(hold, up_since, now))
        return way.noted(f"nova-compute up for {hold:.0f} s")


class ReturnEnable(ReturnStep):
    """Enable the service: the host is given servers again."""

    def __init__(self, brief: Brief) -> None:
        """Come after return-watch."""
        super().__init__("return-enable", brief, "return-watch")

    def go(self, ports: Ports, way: Way) -> Way:
        """Return it recovered; a service that an earlier try of this step enabled is enabled."""
        service = self.service(ports)
        if service is not None and service.enabled and not service.forced_down:
            return self._done(ports, way)
        service, left = self.ours(ports, way)
        if service is None:
            return left
        try:
            self.put_back(ports, service, forced_down=False, enabled=True, disabled_reason="")
        except CloudError as error:
            return self.held(ports, way, f"it could not be enabled: {error}")
        return self._done(ports, way)

    def _done(self, ports: Ports, way: Way) -> Way:
        reason = f"{self.brief.host} is in service again: {'; '.join(way.done) or 'as before'}"
        self.say(ports, reason)
        return way.ended(IncidentState.RECOVERED, reason)


def _pause(hold: float, up_since: float | None, now: float) -> float:
    """Return how long to wait before the next look at the service."""
    left = hold if up_since is None else hold - (now - up_since)
    return min(max(left, 0.0), 10.0) if up_since is not None else 2.0
