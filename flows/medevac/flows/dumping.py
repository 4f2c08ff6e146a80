"""Dumping: whether servers are evacuated while their host still writes its crash dump.

A host that writes one runs no servers any more: its kernel has crashed, and the kernel that took over does nothing but
write the memory away.  So evacuating at once is as safe as the message that it dumps is true.  Whether they take that
message for proof, policies say; a host is fenced once for all of them, so the strictest with servers on it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from medevac.flows.ordering import in_order
from medevac.flows.policy.language import Fence, Flow, Policy, WhileDumping

BY_SITE = "the site file says so"


def waiting(policies: Sequence[Policy], failure: str, *, site: bool) -> tuple[str, ...]:
    """Return the names of the policies that wait for the end of a dump.

    *site* tells whether a dump is proof enough for policies that do not say.  Those that move nobody do not count.
    """
    return tuple(policy.name for policy in in_order(policies, failure) if _waits(policy.when[failure], site=site))


class DumpWord:
    """Why a host that dumps is waited for; who has servers there is asked only where policies differ."""

    def __init__(
        self, policies: Sequence[Policy], failure: str, who_is_there: Callable[[], Collection[str] | None]
    ) -> None:
        """*who_is_there* returns the names of the policies that have servers on the host; None: nobody can say."""
        self._policies = in_order(policies, failure)
        self._failure = failure
        self._who_is_there = who_is_there
        self._there: Collection[str] | None = None

    def why_wait(self, *, site: bool) -> str:
        """Return why it is waited for, *site* being what the site file says; empty: evacuation begins."""
        if not self._policies:
            return "" if site else BY_SITE
        names: Collection[str] = waiting(self._policies, self._failure, site=site)
        if names and len(names) < len(self._policies):
            if self._there is None:
                self._there = self._who_is_there()
            if self._there is None:
                return "Nova does not say whose servers are on it"
            names = [name for name in names if name in self._there]
        if len(names) > 1:
            return f"policies {', '.join(names)} want that"
        return "".join(f"policy {name} wants that" for name in names)


def _waits(flow: Flow, *, site: bool) -> bool:
    fence = flow.step(Fence)
    said = fence.while_dumping if fence else None
    return not site if said is None else said is WhileDumping.WAIT
