"""Way back: the flow of a host that comes back.  The names of its atoms are wire format."""

from __future__ import annotations

from taskflow.patterns import linear_flow

from medevac.flows.brief import Brief
from medevac.flows.steps.return_failback import ReturnFailback
from medevac.flows.steps.return_host import ReturnClean, ReturnSettle, ReturnSurvey
from medevac.flows.steps.return_report import ReturnReport
from medevac.flows.steps.return_servers import ReturnStart
from medevac.flows.steps.return_service import ReturnEnable, ReturnUnforce, ReturnWatch


def assemble(brief: Brief) -> linear_flow.Flow:
    """Return the flow that puts the host of *brief* back into service, as far as medevac took it out."""
    flow = linear_flow.Flow("return")
    flow.add(
        ReturnSurvey(brief),
        ReturnSettle(brief),
        ReturnClean(brief),
        ReturnUnforce(brief),
        ReturnWatch(brief),
        ReturnStart(brief),
        ReturnEnable(brief),
    )
    failback = brief.settings.way_back.failback
    if failback is None:
        flow.add(ReturnReport(brief))
    else:
        flow.add(ReturnFailback(brief, failback), ReturnReport(brief, ReturnFailback.NAME))
    return flow
