"""Verify: a server is back when Nova's records agree on it, never because a call was answered with 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.core.errors import CloudError, ConflictError
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import Outcome, Plan, PlannedServer, Verdict
from medevac.flows.ports import Ports, Server
from medevac.flows.steps.base import Step

PAUSE = 0.5
CLOCK_SLACK = 1.0
"""Nova's times have whole seconds."""


class Verify(Step):
    """Judge every server of *policy*: migration finished, other host, no task, the state that it had."""

    def __init__(self, brief: Brief, policy: str, within: float, expect: str) -> None:
        """Provide "verdicts:POLICY"; *expect* is "active" or "as-before"; *within* is in seconds."""
        super().__init__(
            f"verify:{policy}", brief, provides=f"verdicts:{policy}", requires=["plan", f"outcomes:{policy}"]
        )
        self._policy = policy
        self._within = within
        self._expect = expect

    def execute(self, *, ports: Ports, plan: Any, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the verdict on every server."""
        read = from_plain(Plan, plan, "result of plan")
        outcomes = [from_plain(Outcome, plain) for plain in results[f"outcomes:{self._policy}"]]
        verdicts = {o.id: _not_moved(o) for o in outcomes if o.result != "moved"}
        moved = {o.id: o for o in outcomes if o.result == "moved"}
        if moved:
            planned = {server.id: server for server in read.of(self._policy)}
            verdicts |= self._watch(ports, read.host, moved, planned)
        self._tell(ports, tuple(verdicts.values()))
        return to_plain([verdicts[o.id] for o in outcomes])

    def _watch(
        self, ports: Ports, source: str, moved: Mapping[str, Outcome], planned: Mapping[str, PlannedServer]
    ) -> dict[str, Verdict]:
        since = min(o.accepted_at or 0.0 for o in moved.values()) - CLOCK_SLACK
        inspection = _Inspection(source, self._expect, moved, planned)
        give_up = ports.clock.now() + self._within
        while True:
            asked_at = ports.clock.now()
            seen = self.patiently(ports, lambda: ports.cloud.servers_changed_since(since))
            now = ports.clock.now()
            give_up += now - asked_at  # a cloud that is away is not the server's fault
            inspection.look({server.id: server for server in seen}, now)
            if not inspection.open or now + PAUSE > give_up:
                break
            self._stop_what_was_stopped(ports, inspection)
            ports.clock.wait(PAUSE)
        return inspection.close(self._within)

    def _stop_what_was_stopped(self, ports: Ports, inspection: _Inspection) -> None:
        """Shut off what was to be off: evacuated out of ERROR, or while a stop waits, it arrives running."""
        for server in inspection.take_wrongly_running():
            ports.log.assert_owned()
            try:
                ports.cloud.stop(server.id)
            except ConflictError:
                continue
            except CloudError as error:
                self.say(ports, f"{server.name} could not be shut off again: {error}", server.id)
            else:
                why = "its owner had ordered its stop" if server.stops else "had been shut off before the failure"
                self.say(ports, f"{server.name}: {why}: shut off {'here' if server.stops else 'again'}", server.id)

    def _tell(self, ports: Ports, verdicts: tuple[Verdict, ...]) -> None:
        if not verdicts:
            return
        back = sum(verdict.recovered for verdict in verdicts)
        lines = [self.entry(ports, f"{back} of {len(verdicts)} servers of {self._policy} are back")]
        lines += [self.entry(ports, f"{v.name} is not back: {v.reason}", v.id) for v in verdicts if not v.recovered]
        ports.log.append(lines)


class _Inspection:
    """What has been seen so far of the servers that moved."""

    def __init__(
        self, source: str, expect: str, moved: Mapping[str, Outcome], planned: Mapping[str, PlannedServer]
    ) -> None:
        self.open = dict(moved)
        self._source = source
        self._expect = expect
        self._planned = planned
        self._closed: dict[str, Verdict] = {}
        self._missing: dict[str, str] = {}
        self._wrongly_running: list[PlannedServer] = []
        self._stopped: set[str] = set()
        self._looks = 0

    def look(self, seen: Mapping[str, Server], now: float) -> None:
        """Close every server that is settled in *seen*."""
        self._looks += 1
        for outcome in list(self.open.values()):
            server = seen.get(outcome.id)
            if server is not None:
                self._judge(outcome, server, now)
            else:
                self._missing[outcome.id] = "Nova does not list it among the servers that changed"

    def take_wrongly_running(self) -> list[PlannedServer]:
        """Return the servers to shut off now; each only once."""
        servers, self._wrongly_running = self._wrongly_running, []
        self._stopped.update(server.id for server in servers)
        return servers

    def close(self, within: float) -> dict[str, Verdict]:
        """Return all verdicts; what is still open has not come back in time."""
        for outcome in list(self.open.values()):
            self._close(outcome, f"{self._missing[outcome.id]}, {within:.0f} s after it had moved", host="")
        return self._closed

    def _judge(self, outcome: Outcome, server: Server, now: float) -> None:
        planned = self._planned[outcome.id]
        wanted = "active" if self._expect == "active" and not planned.stops else planned.wanted
        if server.vm_state == "deleted":
            self._close(outcome, "its owner deleted it meanwhile", server.host)
        elif server.host == self._source:
            self._missing[outcome.id] = f"Nova still has it on {server.host}"
        elif server.task_state:
            self._missing[outcome.id] = f"it is still {server.task_state}"
        elif server.vm_state == wanted:
            back_at = outcome.moved_at if self._looks == 1 else now
            self._close(outcome, f"{wanted} on {server.host}", server.host, back_at)
        elif server.vm_state == "error":
            self._close(outcome, f"it is in ERROR on {server.host}: {server.fault or 'no fault is given'}", server.host)
        else:
            self._missing[outcome.id] = f"it is {server.vm_state} and should be {wanted}"
            runs_against_its_owner = planned.stops or planned.was_off or outcome.attempts > 1
            if wanted == "stopped" and runs_against_its_owner and outcome.id not in self._stopped:
                self._wrongly_running.append(planned)

    def _close(self, outcome: Outcome, reason: str, host: str, back_at: float | None = None) -> None:
        del self.open[outcome.id]
        self._closed[outcome.id] = Verdict(
            id=outcome.id,
            name=outcome.name,
            policy=outcome.policy,
            recovered=back_at is not None,
            reason=reason,
            host=host,
            back_at=back_at,
        )


def _not_moved(outcome: Outcome) -> Verdict:
    return Verdict(id=outcome.id, name=outcome.name, policy=outcome.policy, recovered=False, reason=outcome.reason)
