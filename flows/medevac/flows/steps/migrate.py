"""Migrate: the deeds that move a server while its host still does what Nova says."""

from __future__ import annotations

from typing import ClassVar

from medevac.flows.estate import Migration
from medevac.flows.policy.language import Allow
from medevac.flows.steps.errands import CLOCK_SLACK, CRASHED, Deed, End, Target, back, failed

RESIZED = "resized"


class Migrate(Deed):
    """What both ways have in common."""

    needs: ClassVar[Allow] = Allow.MIGRATE
    states: ClassVar[tuple[str, ...]]
    """The vm_states from which Nova moves a server so."""

    def ready(self, target: Target) -> End | None:
        """Return why it is not moved: an order to a nova-compute that is away would wait for ever."""
        if target.seen.vm_state not in self.states:
            return failed(f"Nova does not {self.word} a server that is {target.seen.vm_state}")
        service = target.ports.cloud.host_service(target.seen.host)
        if service is None or service.state != "up":
            return failed(f"nova-compute on {target.seen.host} is not up: nothing can be moved from there by it")
        return None

    def left_trace(self, target: Target) -> bool:
        """Tell whether there is a record of it."""
        return bool(target.seen.task_state) or self.newest(target) is not None

    def newest(self, target: Target) -> Migration | None:
        """Return the newest record of this step's time."""
        since = target.since - CLOCK_SLACK
        records = target.ports.cloud.migrations_of(target.planned.id, since)
        mine = [record for record in records if record.created_at >= since and record.source == self.source(target)]
        return mine[-1] if mine else None

    def judge(self, target: Target) -> End | None:
        """Return that it has arrived; or that its migration ended where it was."""
        seen = target.seen
        if seen.task_state:
            return None
        if seen.host != self.source(target):
            return self.arrived(target)
        newest = self.newest(target)
        if newest is None or newest.live or newest.succeeded:
            return None
        to = newest.destination or "a host that was not found"
        return failed(f"its migration to {to} ended as {newest.status}; it is {seen.vm_state} on {seen.host}")

    def arrived(self, target: Target) -> End | None:
        """Return the end of a server that is on another host."""
        if target.seen.vm_state == "error":
            return failed(f"it is in ERROR on {target.seen.host}: {target.seen.fault or 'no fault is given'}")
        return back(target.seen.host, f"moved to {target.seen.host}, {target.seen.vm_state}")


class LiveMigrate(Migrate):
    """Move it while it runs."""

    word: ClassVar[str] = "live_migrate"
    states: ClassVar[tuple[str, ...]] = ("active", "paused")

    def ask(self, target: Target) -> None:
        """Ask Nova."""
        target.ports.cloud.live_migrate(target.planned.id)


class ColdMigrate(Migrate):
    """Shut it down, move it, start it; what waits for its confirmation is confirmed."""

    word: ClassVar[str] = "cold_migrate"
    states: ClassVar[tuple[str, ...]] = ("active", "stopped")

    def ask(self, target: Target) -> None:
        """Ask Nova."""
        target.ports.cloud.cold_migrate(target.planned.id)

    def arrived(self, target: Target) -> End | None:
        """Confirm it, start what had crashed and so was taken for shut off, and return the end when that is done."""
        cloud, server = target.ports.cloud, target.planned.id
        state = target.seen.vm_state
        if state == RESIZED:
            target.ports.log.assert_owned()
            cloud.confirm_resize(server)
        elif state == "stopped" and target.brief.failure == CRASHED:
            target.ports.log.assert_owned()
            cloud.start(server)
        else:
            return super().arrived(target)
        return None
