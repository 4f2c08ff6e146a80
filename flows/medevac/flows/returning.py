"""Returning: what the site says about hosts that come back, and where one of them stands on its way.  Pure.

Which incident took a host out is read from the service itself: its disabled_reason begins with our mark.  What bears
another mark, or none, is not ours: it is never touched or adopted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from medevac.core.incident import IncidentState
from medevac.flows.failback import Failback, Moved
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.words import HOST_DOWN, said
from medevac.flows.ports import HostService

HELD_BY = "way-back"
"""What holds the incident of a host that is not ready yet."""

FORCED_BEFORE = "; an operator had forced it down before"
"""The end of our reason where that was so: the way back leaves such a host to him."""

NAMED = 5
"""Servers that are named in a reason; the journal has all."""

FORCED = "; forced down"
"""The end of our reason where an incident of a host that lives has forced it down all the same: it was fenced."""

LONGEST_REASON = 255
"""Characters of a disabled_reason (Nova's schema of os-services)."""
LET_IN = "; no longer forced down"
"""The end of our reason where the way back has lifted our force-down: whoever forces it down again is somebody else."""

_OURS = re.compile(r"medevac (?P<incident>[a-z.-]+:(?P<host>[^\s:]+):[0-9]+)(?=:|\s|$)")


@dataclass(frozen=True, slots=True)
class WayBack:
    """What is done when a host that medevac took out of service comes back."""

    settle: Duration = field(
        default=Duration(600),
        metadata=said("How long to wait for evacuations from the host to end before its return is held.", least=0),
    )
    clean: Duration = field(
        default=Duration(600),
        metadata=said("How long nova-compute may take to start and to clean up before the return is held.", least=0),
    )
    hold: Duration = field(
        default=Duration(60),
        metadata=said("How long nova-compute must have been up without a break before the host is enabled.", least=0),
    )
    again: Duration = field(
        default=Duration(120), metadata=said("How long after a return was held it is looked at again.", least=1)
    )
    failback: Failback | None = field(
        default=None, metadata=said("How servers that were moved away are moved back; without it they stay.")
    )


@dataclass(frozen=True, slots=True)
class Way:
    """Where a host stands on its way back: the one value that travels from step to step."""

    of: str = ""
    """The incident that took it out."""
    state: str = ""
    """How the return ends (an IncidentState); empty while it goes on."""
    reason: str = ""
    cleaned: int = 0
    """Servers that were evacuated from it and are gone from it."""
    done: tuple[str, ...] = ()
    """What was done and seen, for the report."""
    undone: tuple[str, ...] = ()
    """What became of servers that were to be started on it and do not run there: people have to see to each."""
    enabled_at: float = 0.0
    """Seconds since the epoch at which the host was seen in service again; 0 before it."""
    moved: tuple[Moved, ...] = ()
    """What became of the servers that were to go back to it."""
    waits_until: float = 0.0
    """Seconds since the epoch at which they may; 0: nothing is waited for."""

    @property
    def over(self) -> bool:
        """Tell whether nothing more is to be done."""
        return bool(self.state)

    def ended(self, state: IncidentState, reason: str) -> Way:
        """Return it at its end."""
        return replace(self, state=state.value, reason=reason)

    def enabled(self, host: str, at: float) -> Way:
        """Return it at its end: *host* was seen in service again."""
        reason = f"{host} is in service again: {'; '.join(self.done) or 'as before'}"
        return replace(self.ended(IncidentState.RECOVERED, reason), enabled_at=at)

    def noted(self, what: str) -> Way:
        """Return it with *what* done."""
        return replace(self, done=(*self.done, what))

    def missed(self, what: str) -> Way:
        """Return it with *what* left to people: it keeps the host from nothing, and its return from ending well."""
        return replace(self, undone=(*self.undone, what))

    def told(self) -> Way:
        """Return it as it is told in the end: parked where it came back, and not all that was to run on it does."""
        if self.state != IncidentState.RECOVERED or not self.undone:
            return self
        named = "; ".join(self.undone[:NAMED])
        more = f"; and {len(self.undone) - NAMED} more" if self.undone[NAMED:] else ""
        need = f"{len(self.undone)} of its servers need{'s' if len(self.undone) == 1 else ''} you: {named}{more}"
        return self.ended(IncidentState.PARKED, f"{self.reason}. {need}")


def taken_out_by(service: HostService) -> str:
    """Return the id of the incident that took this very host out of service; empty: somebody else did, or nobody."""
    if service.enabled:
        return ""
    found = _OURS.match(service.disabled_reason)
    return found["incident"] if found and found["host"] == service.host else ""


def was_forced_before(service: HostService) -> bool:
    """Tell whether somebody else has forced the host down: before it failed, or one that we had only disabled."""
    if taken_out_by(service) and _forced_by_us(service):
        return service.disabled_reason.endswith(FORCED_BEFORE)
    return service.forced_down


def _forced_by_us(service: HostService) -> bool:
    """Tell whether the incident that took the host out forces hosts down; one of a host that lives only disables it."""
    if service.disabled_reason.endswith(LET_IN):
        return False
    of_a_death = taken_out_by(service).startswith(f"{HOST_DOWN}:")
    return of_a_death or service.disabled_reason.endswith((FORCED, FORCED_BEFORE))


def forced_words(service: HostService, ours: str) -> str:
    """Return how our reason ends for a host that stands as *service*: with *ours*, unless somebody forced it down."""
    return FORCED_BEFORE if was_forced_before(service) else ours


def words_kept(service: HostService) -> str:
    """Return how our reason for *service* ends, as long as it says why the host stays out."""
    reason = service.disabled_reason
    if reason.endswith(LET_IN):
        return LET_IN
    return forced_words(service, FORCED if reason.endswith(FORCED) else "")


def reason_let_in(service: HostService) -> str:
    """Return our reason for *service* once it is not forced down by us any more."""
    reason = service.disabled_reason.removesuffix(FORCED)
    return f"{reason[: LONGEST_REASON - len(LET_IN)]}{LET_IN}"


def mark(incident: str) -> str:
    """Return the words with which the disabled_reason of a host begins that *incident* took out."""
    return f"medevac {incident}"


def why_not_ours(service: HostService) -> str:
    """Return why the host is left as it is."""
    if service.enabled and not service.forced_down:
        return "it is in service"
    if service.enabled:
        return f"its service is forced down without our mark: `nova service-force-down --unset {service.host}`"
    told = f" ({service.disabled_reason})" if service.disabled_reason else ""
    forced = f", and it is forced down: `nova service-force-down --unset {service.host}`" if service.forced_down else ""
    return f"somebody else has disabled it{told}{forced}"
