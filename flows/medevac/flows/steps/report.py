"""Report: the outcome of the incident, judged from the outcomes of its servers, stored in one write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from medevac.core.incident import IncidentState
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.capacity import CAPACITY, lacks_only_capacity, try_again_at
from medevac.flows.health import SERVICES, is_over, what_goes_on
from medevac.flows.plan import LeftServer, Outcome, Plan, Verdict
from medevac.flows.ports import Ports
from medevac.flows.steps.base import Step

OPERATOR = "operator"
"""What holds an incident that only its end, or a human, lets go (see Incident.held_by)."""
NAMED = 5
"""How many servers a reason names before it only counts."""


class Report(Step):
    """Say what became of every server of the host, and end the incident as recovered or parked."""

    def __init__(
        self,
        brief: Brief,
        policies: Sequence[str],
        remarked: Sequence[str] = (),
        *,
        proven: bool = True,
        pages: bool = False,
    ) -> None:
        """Require the plan, and all outcomes and verdicts; of the policies *remarked*, remarks too.

        With *pages*, people are told of what it leaves to them: no policy has said whom to tell.

        Also the evidence, which the recovery of a host that lives (not *proven* off) has none of.
        """
        kept = [f"{what}:{policy}" for policy in policies for what in ("outcomes", "verdicts")]
        self._remarks = tuple(f"remarks:{policy}" for policy in remarked)
        super().__init__("report", brief, requires=["plan", *(["evidence"] if proven else []), *kept, *self._remarks])
        self._policies = tuple(policies)
        self._pages = pages

    def execute(self, *, ports: Ports, plan: Any, evidence: Any = None, **results: Any) -> None:  # noqa: ANN401 - JSON
        """Store state, reason and report with the incident."""
        read = from_plain(Plan, plan, "result of plan")
        outcomes = {o.id: o for o in self._read(Outcome, "outcomes", results)}
        verdicts = tuple(self._read(Verdict, "verdicts", results))
        was = {server.id: "stopped" if server.stops or server.was_off else server.vm_state for server in read.servers}
        rows = [self._row(verdict, outcomes[verdict.id]) | {"was": was.get(verdict.id, "")} for verdict in verdicts]
        rows += [_left_row(left) for left in read.left]
        remarks = [remark for name in self._remarks for remark in results[name]]
        state, reason = judge(verdicts, outcomes, read.left, remarks)
        now = ports.clock.now()
        again_at = 0.0
        if state is IncidentState.PARKED and lacks_only_capacity(read, [*outcomes.values()], verdicts, remarks):
            again_at = try_again_at(self.brief, now)
        held_by = CAPACITY if again_at else ""
        if again_at:
            state, reason = IncidentState.HELD, f"{reason}. Tried again in {again_at - now:.0f} s: hosts may have room"
        elif (state is IncidentState.PARKED or not rows) and self._goes_on(ports):
            state, held_by = IncidentState.HELD, OPERATOR
            reason = reason if rows else f"{what_goes_on(self.brief)}; there is no server on it"
            reason += ". Held until it runs again, or somebody releases it"
        self.say(ports, reason)
        if self._pages and self._is_news(ports, state, again_at):
            self.page(ports, f"medevac: {self.brief.incident}", reason)
        ports.log.finish(
            state.value,
            reason,
            {
                "incident": self.brief.incident,
                "host": self.brief.host,
                "failure": self.brief.failure,
                "state": state.value,
                "reason": reason,
                "opened_at": self.brief.opened_at,
                "ended_at": now,
                "evidence": evidence,
                "policies": [_summary(policy, rows) for policy in self._policies],
                "servers": rows,
            },
            held_by=held_by,
            again_at=again_at,
        )

    def _is_news(self, ports: Ports, state: IncidentState, again_at: float) -> bool:
        """Tell whether people have to hear of it: of what waits for room they do when that begins, not at each try."""
        return state is IncidentState.PARKED or bool(again_at and not ports.log.report_of(self.brief.incident))

    def _goes_on(self, ports: Ports) -> bool:
        """Tell whether a service is still away that may come back: then the incident is not over either."""
        return self.brief.failure in SERVICES and not is_over(ports, self.brief)

    def _read(self, cls: Any, what: str, results: Mapping[str, Any]) -> Iterable[Any]:  # noqa: ANN401 - a class
        for policy in self._policies:
            for plain in results[f"{what}:{policy}"]:
                yield from_plain(cls, plain, f"result {what}:{policy}")

    def _row(self, verdict: Verdict, outcome: Outcome) -> dict[str, Any]:
        result = "recovered" if verdict.recovered else ("skipped" if outcome.result == "skipped" else "failed")
        down = None if verdict.back_at is None else round(verdict.back_at - self.brief.opened_at, 3)
        plain: dict[str, Any] = to_plain(verdict)
        return plain | {
            "result": result,
            "attempts": outcome.attempts,
            "asked_at": outcome.asked_at,
            "down_seconds": down,
        }


def judge(
    verdicts: Sequence[Verdict],
    outcomes: Mapping[str, Outcome],
    left: Sequence[LeftServer],
    remarks: Sequence[str] = (),
) -> tuple[IncidentState, str]:
    """Return how the incident ends, and the sentence that says why."""
    back = sum(verdict.recovered for verdict in verdicts)
    failed = [f"{v.name}: {v.reason}" for v in verdicts if not v.recovered and outcomes[v.id].result != "skipped"]
    stuck = [f"{server.name}: {server.reason}" for server in left if not server.intended]
    total = len(verdicts) + len(left)
    problems = [*failed, *stuck, *remarks]
    if not problems:
        alone = total - back
        rest = f", {alone} left alone as their owners or policies want" if alone else ""
        return IncidentState.RECOVERED, f"{back} of {total} servers are back{rest}"
    named = "; ".join(problems[:NAMED])
    more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
    return IncidentState.PARKED, f"{back} of {total} servers are back, {len(problems)} need you: {named}{more}"


def _left_row(left: LeftServer) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(left)
    return plain | {"result": "left", "recovered": False, "attempts": 0, "down_seconds": None}


def _summary(policy: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    mine = [row for row in rows if row["policy"] == policy]
    downs = sorted(row["down_seconds"] for row in mine if row["down_seconds"] is not None)
    return {
        "policy": policy,
        "servers": len(mine),
        "recovered": sum(row["result"] == "recovered" for row in mine),
        "first_down_seconds": downs[0] if downs else None,
        "last_down_seconds": downs[-1] if downs else None,
    }
