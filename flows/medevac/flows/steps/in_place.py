"""In place: the deeds that bring a server back where it is: restart, reset, resume, rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.estate import POWERED
from medevac.flows.guests import OFF, PAUSED, RUNNING
from medevac.flows.policy.language import Allow
from medevac.flows.selection import OWNER_STOPS
from medevac.flows.steps.errands import CRASHED, Deed, End, Target, back, failed, left

RESTARTS = ("restart", "reset")
"""The deeds that a limit counts."""
STOPPED = "stopped"
ACTIVE = "active"
UNTOLD = ("forgotten", "migration")
"""The causes of which libvirt cannot say whether it was a failure; Nova was asked while it still had it as active."""
STILL_PACKETS = 2
"""A second: guests that hang are sent broadcasts all the same, and those are counted too."""
PING = 5.0
"""Seconds for a guest's agent."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often a server may be restarted."""

    at_most: int
    within: float
    """Seconds."""

    def reached(self, target: Target) -> End | None:
        """Return the end where the server was restarted so often already."""
        earlier = target.ports.history.deeds(target.planned.id, target.now - self.within)
        number = sum(word in RESTARTS for _, word in earlier)
        if number < self.at_most:
            return None
        return failed(
            f"medevac has restarted it {number} times within {self.within:.0f} s, and may {self.at_most} times: "
            f"somebody must see to it"
        )


class Restart(Deed):
    """Start what is shut off, reboot the rest the hard way; see that it runs."""

    word: ClassVar[str] = "restart"
    needs: ClassVar[Allow] = Allow.RESTART

    def __init__(self, parallel: int, timeout: float, bounds: Bounds | None = None) -> None:
        """Heed *bounds*."""
        super().__init__(parallel, timeout)
        self._bounds = bounds

    def ready(self, target: Target) -> End | None:
        """Return why it is not restarted."""
        return works_already(target) or owner_stopped(target) or self.bounds_reached(target)

    def bounds_reached(self, target: Target) -> End | None:
        """Return the end where the server was restarted as often as it may be."""
        return self._bounds.reached(target) if self._bounds else None

    def ask(self, target: Target) -> None:
        """Ask Nova."""
        if target.seen.vm_state == STOPPED:
            target.ports.cloud.start(target.planned.id)
        else:
            target.ports.cloud.reboot(target.planned.id)

    def judge(self, target: Target) -> End | None:
        """Return that it runs, as Nova and its hypervisor say; or why it does not."""
        seen = target.seen
        if seen.task_state or not self.left_trace(target):
            return None
        if seen.vm_state == "error":
            return failed(f"it is in ERROR: {seen.fault or 'no fault is given'}")
        if seen.vm_state == ACTIVE and seen.power_state == POWERED and _guest_runs(target):
            return back(seen.host, f"it runs again on {seen.host}")
        return None


class Reset(Restart):
    """Reboot what hangs; what moves does not hang."""

    word: ClassVar[str] = "reset"
    needs: ClassVar[Allow] = Allow.RESET

    def __init__(self, bounds: Bounds, timeout: float, watch: float, min_uptime: float) -> None:
        """Watch it for *watch* seconds; leave it alone for *min_uptime* seconds after Nova changed it."""
        super().__init__(1, timeout, bounds)
        self._watch = watch
        self._min_uptime = min_uptime

    def ready(self, target: Target) -> End | None:
        """Return why it is not reset."""
        return owner_stopped(target) or self._too_young(target) or self.bounds_reached(target) or self._works(target)

    def _too_young(self, target: Target) -> End | None:
        age = target.now - target.seen.updated_at
        if age >= self._min_uptime:
            return None
        return left(f"it is not reset: Nova changed it {max(age, 0.0):.0f} s ago, and it may still be booting")

    def _works(self, target: Target) -> End | None:
        """Return that it works: its guest answers, or its disks or network move while it is watched.

        What cannot be seen is no reason to reset it: HypervisorUnavailableError goes to the caller.
        """
        hypervisor, host, server = target.ports.hypervisor, target.seen.host, target.planned.id
        if hypervisor.ping_guest(host, server, PING):
            return back(host, "its guest answers again")
        before = hypervisor.activity(host, server)
        target.ports.clock.wait(self._watch)
        after = hypervisor.activity(host, server)
        requests = after.block_requests - before.block_requests
        packets = after.net_packets - before.net_packets
        if requests <= 0 and packets <= STILL_PACKETS * self._watch:
            return None
        moved = f"{requests} requests to its disks and {packets} packets"
        return left(f"it is not reset, for it works: {moved} within {self._watch:.0f} s")


class Resume(Deed):
    """Let run on what was paused because of its disk, again and again until it stays running."""

    word: ClassVar[str] = "resume"
    needs: ClassVar[Allow] = Allow.RESTART

    def __init__(self, within: float, every: float) -> None:
        """Try for *within* seconds; it must run for *every* seconds after a try."""
        super().__init__(parallel=100, timeout=within)
        self._every = every
        self._tried_at: dict[str, float] = {}

    def ready(self, target: Target) -> End | None:
        """Return why it is not resumed: only what is still paused is."""
        if target.seen.vm_state in OWNER_STOPS:
            return left(f"it is {target.seen.vm_state}, as somebody wants it")
        domain = target.domain()
        if domain is None or domain.state == OFF:
            return failed("it is off: there is nothing to resume")
        if domain.state == RUNNING:
            return back(target.seen.host, "it is not paused any more")
        return None

    def ask(self, target: Target) -> None:
        """Resume it."""
        target.ports.hypervisor.resume(target.seen.host, target.planned.id)
        self._tried_at[target.planned.id] = target.now

    def judge(self, target: Target) -> End | None:
        """Return that it has stayed running; resume it again where it was paused again."""
        domain = target.domain()
        if domain is None or domain.state == OFF:
            return failed("it went off")
        rested = target.now - self._tried_at.get(target.planned.id, target.asked_at) >= self._every
        if rested and domain.state == PAUSED:
            target.ports.log.assert_owned()
            self.ask(target)
        elif rested:
            return back(target.seen.host, f"it runs again on {target.seen.host}")
        return None


class Rebuild(Deed):
    """Make its disk anew."""

    word: ClassVar[str] = "rebuild"
    needs: ClassVar[Allow] = Allow.REBUILD

    def ready(self, target: Target) -> End | None:
        """Return why it is not rebuilt."""
        if not target.seen.image_id:
            return failed("it boots from a volume: its disk is not made from an image")
        if target.seen.vm_state in OWNER_STOPS - {STOPPED}:
            return left(f"it is {target.seen.vm_state}, as somebody wants it")
        return None

    def ask(self, target: Target) -> None:
        """Ask Nova."""
        target.ports.cloud.rebuild(target.planned.id)

    def judge(self, target: Target) -> End | None:
        """Return that it is there again."""
        seen = target.seen
        if seen.task_state or not self.left_trace(target):
            return None
        if seen.vm_state == "error":
            return failed(f"it is in ERROR: {seen.fault or 'no fault is given'}")
        return back(seen.host, f"rebuilt on {seen.host}: what was on its disk is lost")


def owner_stopped(target: Target) -> End | None:
    """Return that it is left, because somebody stopped it; after a crash or a kill Nova itself calls it stopped.

    What was stopped before it was killed had been stopped by somebody: the kill found it off.
    """
    state = target.seen.vm_state
    if state not in OWNER_STOPS:
        return None
    by_us = target.killed and target.planned.vm_state != STOPPED
    if state == STOPPED and (by_us or target.brief.failure == CRASHED):
        return _stopped_since(target)
    return left(f"it is {state}, as somebody wants it")


def _stopped_since(target: Target) -> End | None:
    if target.brief.cause in UNTOLD and not target.killed:
        return left("it is off, and shut off by Nova by now: it may well have been shut down from inside")
    stops = target.ports.cloud.stops(target.planned.id)
    if any(stop.by_user and stop.at > target.brief.opened_at for stop in stops):
        return left("its owner stopped it meanwhile")
    return None


def works_already(target: Target) -> End | None:
    """Return that a server that crashed runs: somebody was faster."""
    if target.brief.failure != CRASHED or target.seen.vm_state != ACTIVE or target.seen.task_state:
        return None
    try:
        domain = target.domain()
    except HypervisorUnavailableError:
        return None
    runs = domain is not None and domain.state == RUNNING
    return back(target.seen.host, f"it runs already on {target.seen.host}") if runs else None


def _guest_runs(target: Target) -> bool:
    """Tell whether the hypervisor sees it running; where it does not answer, Nova's word is all there is."""
    try:
        domain = target.domain()
    except HypervisorUnavailableError:
        return True
    return domain is not None and domain.state == RUNNING
