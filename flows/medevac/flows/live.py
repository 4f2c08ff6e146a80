"""Live: the flow for a host that lives, or for one server: nothing is fenced first, and nothing is evacuated unproven.

The names of its atoms are wire format, as in `factory`.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskflow.patterns import linear_flow, unordered_flow

from medevac.flows import compiling
from medevac.flows.brief import Brief
from medevac.flows.ordering import in_order
from medevac.flows.policy.language import Disable, Policy, RestartService
from medevac.flows.steps.disable import Survey
from medevac.flows.steps.live_host import RestartServices, TakeAgain, TakeNoMore
from medevac.flows.steps.live_plan import MakeLivePlan
from medevac.flows.steps.report import Report


def assemble(brief: Brief, policies: Sequence[Policy]) -> linear_flow.Flow:
    """Return the flow of a recovery by *policies*, of which none holds up another: some wait for hours.

    What is done once for the host stands before them, and is undone behind them; for one server nothing is.
    """
    acting = in_order(policies, brief.failure)
    names = [policy.name for policy in acting]
    flow = linear_flow.Flow("recover")
    flow.add(Survey(brief), MakeLivePlan(brief, policies))
    flow.add(TakeNoMore(brief, _disabling(brief, acting)), RestartServices(brief, _services(brief, acting)))
    beside = unordered_flow.Flow("policies")
    for policy in acting:
        one = linear_flow.Flow(f"all:{policy.name}")
        one.add(*compiling.atoms(brief, policy, acting))
        beside.add(one)
    flow.add(beside, TakeAgain(brief, names), Report(brief, names, names, proven=False))
    return flow


def _disabling(brief: Brief, acting: Sequence[Policy]) -> list[str]:
    return [policy.name for policy in acting if policy.when[brief.failure].every(Disable)]


def _services(brief: Brief, acting: Sequence[Policy]) -> dict[str, dict[str, float]]:
    found = {policy.name: policy.when[brief.failure].every(RestartService) for policy in acting}
    return {name: {step.service.value: float(step.timeout) for step in steps} for name, steps in found.items() if steps}
