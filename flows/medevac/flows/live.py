"""Live: the flow for a host that lives, or for one server: nothing is fenced first, and nothing is evacuated unproven.

The names of its atoms are wire format, as in `factory`.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskflow.patterns import linear_flow, unordered_flow

from medevac.flows import compiling
from medevac.flows.brief import Brief
from medevac.flows.ordering import in_order
from medevac.flows.policy.language import Policy
from medevac.flows.steps.disable import Survey
from medevac.flows.steps.live_plan import MakeLivePlan
from medevac.flows.steps.report import Report


def assemble(brief: Brief, policies: Sequence[Policy]) -> linear_flow.Flow:
    """Return the flow of a recovery by *policies*, of which none holds up another: some wait for hours."""
    flow = linear_flow.Flow("recover")
    flow.add(Survey(brief), MakeLivePlan(brief, policies))
    acting = in_order(policies, brief.failure)
    beside = unordered_flow.Flow("policies")
    for policy in acting:
        one = linear_flow.Flow(f"all:{policy.name}")
        one.add(*compiling.atoms(brief, policy))
        beside.add(one)
    names = [policy.name for policy in acting]
    flow.add(beside, Report(brief, names, names, proven=False))
    return flow
