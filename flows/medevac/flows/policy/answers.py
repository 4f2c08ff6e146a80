"""Answers: the policies that are asked when something fails: the site's own, and behind them what is built in.

What a site's policies do not answer, the built-in ones do, so that every failure has a sane answer; all but the death
of a host, for which nothing is done that the site did not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from medevac.flows.policy.language import Policy
from medevac.flows.policy.reader import read_policies
from medevac.flows.policy.words import BUILT_IN, BUILT_IN_FILE, wider


@cache
def built_in() -> Policy:
    """Return the policy that answers, for everyone, what the site's policies leave open."""
    (policy,) = read_policies(BUILT_IN_FILE).policies
    return policy


def answering(policies: Sequence[Policy], failure: str) -> tuple[Policy, ...]:
    """Return *policies*, in order of precedence, and what is built in behind them, as they answer *failure*.

    Where one of them answers it for everyone, nothing is left to what is built in.
    A flow for the failure of any network holds for each role that has no flow of its own in the same policy.
    """
    known = tuple(_narrowed(policy, failure) for policy in policies if policy.name != BUILT_IN)
    last = _narrowed(built_in(), failure)
    if failure not in last.when or any(policy.match.everyone and failure in policy.when for policy in known):
        return known
    return (*known, last)


def _narrowed(policy: Policy, failure: str) -> Policy:
    general = wider(failure)
    if not general or failure in policy.when or general not in policy.when:
        return policy
    return replace(policy, when={**policy.when, failure: policy.when[general]})
