"""Way back: how it ended, stored with the incident."""

from __future__ import annotations

from typing import Any

from medevac.core.incident import IncidentState
from medevac.core.wire import from_plain, to_plain
from medevac.flows import failback
from medevac.flows.brief import Brief
from medevac.flows.ports import Ports
from medevac.flows.returning import HELD_BY, Way
from medevac.flows.steps.base import Step


class ReturnReport(Step):
    """End the incident: recovered, ignored, parked with a reason, or held until it is looked at again."""

    def __init__(self, brief: Brief, takes: str = "return-enable") -> None:
        """Come after *takes*."""
        super().__init__("return-report", brief, requires=[f"way:{takes}"])
        self._takes = f"way:{takes}"

    def execute(self, *, ports: Ports, **results: Any) -> None:  # noqa: ANN401 - JSON
        """Store state, reason and report."""
        way = from_plain(Way, results[self._takes], f"result {self._takes}").told()
        now = ports.clock.now()
        report = {
            "incident": self.brief.incident,
            "host": self.brief.host,
            "failure": self.brief.failure,
            "state": way.state,
            "reason": way.reason,
            "opened_at": self.brief.opened_at,
            "ended_at": now,
            "of": way.of,
            "cleaned": way.cleaned,
            "done": list(way.done),
            "undone": list(way.undone),
            "servers": [],
        }
        if self.brief.settings.way_back.failback is not None:
            report["failback"] = to_plain(way.moved)
        if way.waits_until:
            ports.log.finish(
                way.state,
                way.reason,
                report | {failback.WAITS: True},
                held_by=failback.HELD_BY,
                again_at=way.waits_until,
            )
        elif way.state == IncidentState.HELD:
            again = now + float(self.brief.settings.way_back.again)
            ports.log.finish(way.state, way.reason, {}, held_by=HELD_BY, again_at=again)
        else:
            if way.undone:
                self.page(ports, f"medevac: {self.brief.host}", way.reason)
            ports.log.finish(way.state, way.reason, report)
