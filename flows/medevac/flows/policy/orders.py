"""Orders: what is wrong with `after`, as far as it can be told before any server is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medevac.flows.policy.grammar import Draft
from medevac.flows.policy.language import After, Policy
from medevac.flows.policy.matching import includes
from medevac.flows.policy.problems import did_you_mean, quoted


def check_orders(drafts: Sequence[Draft]) -> None:
    """Report policies that wait for unknown ones, for themselves, or for each other."""
    names = [draft.policy.name for draft in drafts]
    for draft in drafts:
        for index, after in enumerate(draft.policy.after):
            for name in after.policy:
                if name not in names:
                    place = draft.place("after", index, "policy")
                    draft.problems.error(place, f"{quoted(name)} is not a policy", did_you_mean(name, names))
    edges = {draft.policy.name: _waited_for(draft, drafts) for draft in drafts}
    told: set[frozenset[str]] = set()
    for draft in drafts:
        cycle = _cycle(draft.policy.name, edges)
        if cycle and frozenset(cycle) not in told:
            told.add(frozenset(cycle))
            draft.problems.error(draft.place("after"), *_told(cycle))


def waits_for(after: After, policy: Policy) -> bool:
    """Tell whether every server of *policy* is certainly waited for by *after*."""
    named = not after.policy or policy.name in after.policy
    return named and (bool(after.policy) or not after.match.everyone) and includes(after.match, policy.match)


def _waited_for(draft: Draft, drafts: Sequence[Draft]) -> list[str]:
    return [
        other.policy.name for other in drafts if any(waits_for(after, other.policy) for after in draft.policy.after)
    ]


def _cycle(start: str, edges: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a way from *start* back to it, or nothing."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for name in edges.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _told(cycle: Sequence[str]) -> tuple[str, str]:
    if len(cycle) == 1:
        return "the servers of this policy would wait for themselves", "narrow the match under 'after', or add 'not:'"
    chain = " waits for ".join(map(quoted, (*cycle, cycle[0])))
    return f"policies wait for each other: {chain}", "leave one 'after' out"
