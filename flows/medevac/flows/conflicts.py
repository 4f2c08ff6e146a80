"""Conflicts: attempts that came to nothing since others took the same hosts in Placement at the same time.  Pure.

A lack of room is waited for; a conflict is over when those in the way are through.  Told from Nova's records alone, so
that a conductor that takes over comes to the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.flows.estate import Migration

SPARED = 3
"""How often a server for which there was no host is asked for again at once, while others are given theirs..."""
THINNED = 2
"""... and from then on when so many times fewer are under way, and again when so many times fewer than those are."""
GRANTED = 2
"""How often that is taken for granted, at once and when there are fewer: what others are given shows to the second."""
NEVER = -1
"""Beside how many others it is asked for again at once, where nobody was in its way."""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """What a server has met."""

    spared: int = 0
    """How many of its attempts are not counted: others were in its way."""
    beside: float = NEVER
    """Beside how many others, at most, it is asked for again without a wait."""


def found_no_host(record: Migration) -> bool:
    """Tell whether Nova had no valid host for it."""
    return record.status == "error" and not record.destination


def conflicts(records: Sequence[Migration], others: Iterable[Migration]) -> Conflicts:
    """Return what the server of *records*, the oldest first, has met beside the *others* of its host."""
    others = tuple(others)
    spared, granted, beside = 0, 0, float(NEVER)
    since, thin = math.inf, math.inf
    for record in records:
        beside = NEVER
        if not found_no_host(record):
            continue
        met = any(_were_together(record, each) for each in others)
        news = any(_was_given_one(each, since, record.updated_at) for each in others)
        since = record.updated_at
        if not met or not (news or granted < GRANTED):
            continue
        if spared < SPARED and (news or not granted):
            beside = math.inf
        elif thin:
            beside = thin = min(thin, sum(_outlasted(record, each) for each in others)) // THINNED
        spared += beside != NEVER
        granted += not news
    return Conflicts(spared, beside)


def _were_together(record: Migration, other: Migration) -> bool:
    """Tell whether *other* was under way while a host was looked for, to Nova's whole seconds."""
    begun, ended = other.created_at <= record.updated_at, other.updated_at
    return begun and (other.live or ended > record.created_at or (ended == record.created_at and found_no_host(other)))


def _outlasted(record: Migration, other: Migration) -> bool:
    """Tell whether *other* was still under way when no host was found."""
    return other.created_at <= record.updated_at and (other.live or other.updated_at > record.updated_at)


def _was_given_one(other: Migration, since: float, until: float) -> bool:
    """Tell whether *other* was asked for in that time and given a host, or has arrived."""
    asked = bool(other.destination) and since < other.created_at <= until
    return asked or (other.succeeded and since < other.updated_at)
