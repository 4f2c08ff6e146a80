"""Promises: what policies that somebody brings along come to for the cast, by the plan that they would really get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from medevac.core.errors import MedevacError
from medevac.flows.plan import Plan, Settings
from medevac.flows.policy.language import HOST_DOWN, PolicySet
from medevac.flows.preview import Question, preview
from medevac.sandbox.demo.cast import Cast, Role
from medevac.sandbox.fakes import START, FakeSite


class NothingPromisedError(MedevacError):
    """The policies move no server of the host that dies, so that there is no story to tell."""


def with_promises(cast: Cast, policies: PolicySet) -> Cast:
    """Return *cast* with what *policies* do about each server of the host that dies.

    Raises NothingPromisedError when they move none of them.
    """
    site = FakeSite(cast.spec)
    settings = Settings(shared_storage=("*",))  # as the demo's site file says it
    seen = preview(site.cloud, cast.victim, Question(HOST_DOWN, policies, settings, START))
    if seen is None or not seen.plan.servers:
        why = seen.plan.left[0].reason if seen and seen.plan.left else "it has none"
        raise NothingPromisedError(
            f"these policies bring no server of {cast.victim} back when it dies ({why}), "
            f"so there is nothing to see; 'medevac policy explain' tells which policy a server gets"
        )
    return replace(
        cast,
        roles={**cast.roles, **_roles(cast, seen.plan)},
        tiers=tuple(policy.name for policy in seen.order),
        needing_somebody=tuple(server.name for server in seen.plan.left if not server.intended),
    )


def _roles(cast: Cast, plan: Plan) -> Mapping[str, Role]:
    known = cast.roles
    moved = {each.name: replace(known[each.name], tier=each.goes_with) for each in plan.servers}
    left = {each.name: replace(known[each.name], tier="", left=each.reason) for each in plan.left}
    return {name: replace(role, kind=known[name].tier) for name, role in (moved | left).items()}
