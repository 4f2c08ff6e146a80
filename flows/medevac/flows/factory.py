"""The one persisted factory: TaskFlow stores its name and argument, and calls it again at every claim.

The name `medevac.flows.factory.recover`, the names of its atoms and the form of its argument are wire format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskflow.patterns import linear_flow

from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import from_plain, to_plain
from medevac.flows import compiling, live, wayback
from medevac.flows.brief import Brief
from medevac.flows.ordering import in_order
from medevac.flows.policy.language import Ending, Notify, Page, Policy
from medevac.flows.policy.stored import from_document, to_document
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.flows.steps.base import Step
from medevac.flows.steps.disable import Disable, Survey
from medevac.flows.steps.fence import Fence
from medevac.flows.steps.plan import MakePlan
from medevac.flows.steps.report import Report
from medevac.flows.steps.reserve import Reserve, ReserveChoose, ReserveReturn
from medevac.flows.steps.undo import GiveBack

NAME = "medevac.flows.factory.recover"
FORMAT = 1


def document(brief: Brief, policies: Sequence[Policy]) -> dict[str, Any]:
    """Return the factory's argument: plain JSON, with the policies as they are now."""
    return {"format": FORMAT, "brief": to_plain(brief), "policies": [to_document(policy) for policy in policies]}


def recover(stored: Mapping[str, Any]) -> linear_flow.Flow:
    """Return the flow that *stored* (see `document`) describes: always the same atoms for the same argument.

    Raises MalformedDocumentError for a format that this release does not know.
    """
    if stored.get("format") != FORMAT:
        message = f"job of format {stored.get('format')!r}: this release of medevac reads format {FORMAT}"
        raise MalformedDocumentError(message)
    brief = from_plain(Brief, stored["brief"], "brief of the job")
    return assemble(brief, [from_document(plain) for plain in stored["policies"]])


def assemble(brief: Brief, policies: Sequence[Policy]) -> linear_flow.Flow:
    """Return the flow of a recovery by *policies*; its shape depends on what failed."""
    if brief.failure == HOST_UP:
        return wayback.assemble(brief)
    if brief.failure != HOST_DOWN:
        return live.assemble(brief, policies)
    flow = linear_flow.Flow("recover")
    flow.add(Fence(brief, policies), Survey(brief), Disable(brief), MakePlan(brief, policies))
    if brief.settings.reserved.kept:
        flow.add(ReserveChoose(brief), Reserve(brief))
    moving = in_order(policies, brief.failure)
    for policy in moving:
        flow.add(*compiling.atoms(brief, policy))
    flow.add(*_ending(brief, moving))
    return flow


def _ending(brief: Brief, moving: Sequence[Policy]) -> list[Step]:
    """Return the steps after all policies."""
    names = [policy.name for policy in moving]
    remarked = [policy.name for policy in moving if not compiling.is_plain(policy, brief.failure)]
    undoing = moving and all(policy.ending(brief.failure) is Ending.REVERT for policy in moving)
    given_back: list[Step] = [GiveBack(brief, names)] if undoing else []
    returned: list[Step] = [ReserveReturn(brief)] if brief.settings.reserved.kept else []
    return [*returned, *given_back, Report(brief, names, remarked, pages=not _tells(brief, moving))]


def _tells(brief: Brief, policies: Sequence[Policy]) -> bool:
    """Tell whether some policy says who is told, and when: then nobody else is told of how the recovery ends."""
    flows = [policy.when[brief.failure] for policy in policies if brief.failure in policy.when]
    return any(flow.every(Page) or flow.every(Notify) for flow in flows)
