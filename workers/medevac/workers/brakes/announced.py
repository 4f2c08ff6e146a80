"""Announced: a planned stop that looks exactly like a crash, and what an operator wants of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from medevac.core.errors import CellDownError
from medevac.flows.estate import HostService
from medevac.flows.ports import Cloud
from medevac.workers.brakes.marks import Maintenance
from medevac.workers.brakes.rules import clock
from medevac.workers.verdict import Verdict

HELD_BY = "maintenance"
OURS = "medevac "
"""How every disabled_reason of ours begins; it announces nothing."""
LOOK_AGAIN = 60.0
"""Seconds until a held one is looked at again whose maintenance has no end."""
ALIVE_AFTER = 30.0
"""Seconds after a failure from which on a heartbeat is one of a new life: clocks differ, and Nova notices late."""
NAMED = 3
"""How many servers a reason names before it only counts."""
NOTHING_LOST = "nothing is lost"
"""How the reason ends for which an announced stop of an empty host is ignored; such a host has not failed."""
_AT_REST = frozenset(("stopped", "shelved", "shelved_offloaded", "deleted", "soft-delete"))


@dataclass(frozen=True, slots=True)
class Announcement:
    """A planned stop of a host."""

    text: str
    """Who announced it, where and why."""
    until: float = 0.0
    """Seconds since the epoch; 0: without an end."""


def announced(
    host: str, service: HostService | None, marks: Iterable[Maintenance], patterns: Sequence[str], planned: str
) -> Announcement | None:
    """Return the announcement that *host* is worked on: our own mark, Pacemaker's, or why its service is disabled.

    *planned* is standby or maintenance where Pacemaker says so.
    """
    for mark in marks:
        if mark.host == host:
            return Announcement(f"{host} is in maintenance by {mark.by} ({mark.reason})", mark.until)
    if planned:
        return Announcement(f"{host} is in {planned} in Pacemaker")
    if service is None or service.enabled or service.disabled_reason.startswith(OURS):
        return None
    said = service.disabled_reason.casefold()
    if any(fnmatchcase(said, pattern.casefold()) for pattern in patterns):
        return Announcement(f"{host} was disabled in Nova for {service.disabled_reason!r}")
    return None


def judged(said: Announcement, host: str, cloud: Cloud, now: float) -> Verdict:
    """Return what becomes of the failure of an announced host: nothing is lost, or people decide.

    An empty host is ignored.  One with servers is held: whoever forgot them is told, and nobody's planned reboot is
    turned into an evacuation.  When the maintenance ends and the host is still away, its recovery begins.
    """
    try:
        left = sorted(server.name for server in cloud.servers_on(host) if server.vm_state not in _AT_REST)
    except CellDownError:
        left = ["(unknown: its cell does not answer)"]
    if not left:
        reason = f"{said.text}, and no server runs on it: {NOTHING_LOST}"
        return Verdict(go=False, held_by=HELD_BY, reason=reason, ignore=True)
    named = ", ".join(left[:NAMED]) + (f" and {len(left) - NAMED} more" if len(left) > NAMED else "")
    end = f"It goes at {clock(said.until)} if the host is not back, or" if said.until else "It goes"
    reason = (
        f"{said.text}, but {len(left)} of its servers are still there ({named}). {end} when you say so: "
        f"medevac incident release; or end the maintenance"
    )
    return Verdict(go=False, held_by=HELD_BY, reason=reason, again_at=said.until or now + LOOK_AGAIN)


def back(host: str, service: HostService | None, opened_at: float) -> str:
    """Return that *host* works again since its failure at *opened_at*; empty when Nova has not heard of it since."""
    if service is None or service.state != "up" or service.forced_down:
        return ""
    heard = service.updated_at or 0.0
    return f"{host} is back: Nova has heard of it since, at {clock(heard)}" if heard > opened_at + ALIVE_AFTER else ""
