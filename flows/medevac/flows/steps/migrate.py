"""Migrate: the deeds that move a server while its host still does what Nova says."""

from __future__ import annotations

from typing import ClassVar

from medevac.flows.estate import Migration
from medevac.flows.policy.language import Allow
from medevac.flows.steps.errands import CLOCK_SLACK, CRASHED, Case, Deed, End, back, failed

RESIZED = "resized"


class Migrate(Deed):
    """What both ways have in common."""

    needs: ClassVar[Allow] = Allow.MIGRATE
    states: ClassVar[tuple[str, ...]]
    """The vm_states from which Nova moves a server so."""

    def ready(self, case: Case) -> End | None:
        """Return why it is not moved: an order to a nova-compute that is away would wait for ever."""
        if case.seen.vm_state not in self.states:
            return failed(f"Nova does not {self.word} a server that is {case.seen.vm_state}")
        service = case.ports.cloud.host_service(case.seen.host)
        if service is None or service.state != "up":
            return failed(f"nova-compute on {case.seen.host} is not up: nothing can be moved from there by it")
        return None

    def left_trace(self, case: Case) -> bool:
        """Tell whether there is a record of it."""
        return bool(case.seen.task_state) or self.newest(case) is not None

    def newest(self, case: Case) -> Migration | None:
        """Return the newest record of this step's time."""
        since = case.since - CLOCK_SLACK
        records = case.ports.cloud.migrations_of(case.planned.id, since)
        mine = [record for record in records if record.created_at >= since and record.source == self.source(case)]
        return mine[-1] if mine else None

    def judge(self, case: Case) -> End | None:
        """Return that it has arrived; or that its migration ended where it was."""
        seen = case.seen
        if seen.task_state:
            return None
        if seen.host != self.source(case):
            return self.arrived(case)
        newest = self.newest(case)
        if newest is None or newest.live or newest.succeeded:
            return None
        to = newest.destination or "a host that was not found"
        return failed(f"its migration to {to} ended as {newest.status}; it is {seen.vm_state} on {seen.host}")

    def arrived(self, case: Case) -> End | None:
        """Return the end of a server that is on another host."""
        if case.seen.vm_state == "error":
            return failed(f"it is in ERROR on {case.seen.host}: {case.seen.fault or 'no fault is given'}")
        return back(case.seen.host, f"moved to {case.seen.host}, {case.seen.vm_state}")


class LiveMigrate(Migrate):
    """Move it while it runs."""

    word: ClassVar[str] = "live_migrate"
    states: ClassVar[tuple[str, ...]] = ("active", "paused")

    def ask(self, case: Case) -> None:
        """Ask Nova."""
        case.ports.cloud.live_migrate(case.planned.id)


class ColdMigrate(Migrate):
    """Shut it down, move it, start it; what waits for its confirmation is confirmed."""

    word: ClassVar[str] = "cold_migrate"
    states: ClassVar[tuple[str, ...]] = ("active", "stopped")

    def ask(self, case: Case) -> None:
        """Ask Nova."""
        case.ports.cloud.cold_migrate(case.planned.id)

    def arrived(self, case: Case) -> End | None:
        """Confirm it, start what had crashed and so was taken for shut off, and return the end when that is done."""
        cloud, server = case.ports.cloud, case.planned.id
        state = case.seen.vm_state
        if state == RESIZED:
            case.ports.log.assert_owned()
            cloud.confirm_resize(server)
        elif state == "stopped" and case.brief.failure == CRASHED:
            case.ports.log.assert_owned()
            cloud.start(server)
        else:
            return super().arrived(case)
        return None
