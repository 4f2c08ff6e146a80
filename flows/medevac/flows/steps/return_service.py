"""Way back, in Nova: let the service count as up, watch it, and enable it, each only while it bears our mark."""

from __future__ import annotations

from medevac.core.errors import CloudError
from medevac.flows.brief import Brief
from medevac.flows.ports import HostService, Ports
from medevac.flows.returning import FORCED_BEFORE, Way, reason_let_in, was_forced_before
from medevac.flows.steps.return_way import LONGEST_PAUSE, ReturnStep

UP_WITHIN = 90.0
"""Seconds within which a nova-compute that runs reports (Nova's service_down_time is 60)."""
REPORTS = 2.0
"""Seconds between two looks for a report."""


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
        if was_forced_before(service):
            when = " before it failed" if service.disabled_reason.endswith(FORCED_BEFORE) else ""
            why = f"an operator had forced its nova-compute down{when}, and only he knows why"
            return self.parked(ports, way, f"{why}: `nova service-force-down --unset {service.host}`, and enable it")
        try:
            self.put_back(ports, service, forced_down=False, disabled_reason=reason_let_in(service))
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
        settings = self.brief.settings.way_back
        watch = _Watch(float(settings.hold))
        give_up = ports.clock.now() + watch.hold + float(settings.clean) + UP_WITHIN
        while True:
            service, left = self.ours(ports, way)
            if service is None:
                return left
            now = ports.clock.now()
            if watch.satisfied(service, now):
                return way.noted(f"nova-compute up for {watch.hold:.0f} s")
            if now >= give_up:
                return self.held(ports, way, f"nova-compute has not been up for {watch.hold:.0f} s without a break")
            ports.log.assert_owned()
            ports.log.heed()
            ports.clock.wait(watch.pause(now))


class _Watch:
    """How long nova-compute has been up, on the word of reports that came since the watch began.

    Nova calls a service up for service_down_time after its last report, also one that died right after it.
    """

    def __init__(self, hold: float) -> None:
        self.hold = hold
        self._first: float | None = None
        self._up_since: float | None = None
        self._heard = False

    def satisfied(self, service: HostService, now: float) -> bool:
        self._first = service.updated_at if self._first is None else self._first
        self._heard = self._heard or service.updated_at != self._first
        if service.state != "up":
            self._up_since = None
        elif self._up_since is None:
            self._up_since = now
        return self._heard and self._up_since is not None and now - self._up_since >= self.hold

    def pause(self, now: float) -> float:
        """Return the seconds until the next look."""
        left = self.hold - (now - self._up_since) if self._up_since is not None else REPORTS
        return min(max(left, REPORTS), LONGEST_PAUSE)


class ReturnEnable(ReturnStep):
    """Enable the service: the host is given servers again."""

    def __init__(self, brief: Brief) -> None:
        """Come after return-start."""
        super().__init__("return-enable", brief, "return-start")

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
        done = way.enabled(self.brief.host, ports.clock.now())
        self.say(ports, done.reason)
        return done
