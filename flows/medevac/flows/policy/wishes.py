"""Wishes: what the owner of a server asks for in its metadata, as far as the site lets owners ask.  Pure.

An owner may ask for less, or for a promise that the site offers by name; never for more than policies give.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.policy.language import After, Allow, Match, Policy, Priority
from medevac.flows.policy.words import said

PREFIX = "medevac:"


class Wish(enum.StrEnum):
    """What an owner may say in metadata, as `medevac:policy` and so on."""

    POLICY = "policy"
    """The name of a policy."""
    PRIORITY = "priority"
    """A lower priority than the policy's: it goes after the policy's other servers."""
    AFTER = "after"
    """Whom to wait for: names or ids of servers, or key=value of their metadata, with commas between them."""
    ALLOW = "allow"
    """A lower ceiling than the policy's."""


@dataclass(frozen=True, slots=True)
class Owners:
    """What owners of servers may ask for on this site."""

    may: tuple[Wish, ...] = field(
        default=(), metadata=said("What they may ask for in metadata of their servers: policy, priority, after, allow.")
    )
    policies: tuple[str, ...] = field(
        default=(), metadata=said("The policies that they may pick by name; `*` is a wildcard.")
    )


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one owner asks for and is granted; the rest is refused with a sentence."""

    policy: str = ""
    priority: Priority | None = None
    after: tuple[After, ...] = ()
    allow: Allow | None = None
    refused: tuple[str, ...] = ()


def wishes_of(metadata: Mapping[str, str], owners: Owners) -> Wishes:
    """Return what *metadata* of a server asks for, as far as *owners* grants it.  Raises nothing."""
    asked = {wish: metadata[PREFIX + wish].strip() for wish in Wish if PREFIX + wish in metadata}
    refused = [f"owners may not choose {PREFIX}{wish.value} on this site" for wish in asked if wish not in owners.may]
    granted = {wish: text for wish, text in asked.items() if wish in owners.may}
    priority = _one_of(Priority, granted.get(Wish.PRIORITY), Wish.PRIORITY, refused)
    allow = _one_of(Allow, granted.get(Wish.ALLOW), Wish.ALLOW, refused)
    return Wishes(
        policy=granted.get(Wish.POLICY, ""),
        priority=None if priority is None else Priority(priority),
        after=after_of(granted.get(Wish.AFTER, "")),
        allow=None if allow is None else Allow(allow),
        refused=tuple(refused),
    )


def after_of(text: str) -> tuple[After, ...]:
    """Return whom `medevac:after` names: `db-1, role=db` is a server by name or id, and servers by their metadata."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    return tuple(After(match=_whom(name)) for name in names)


def lower_ceiling(granted: Wishes, ceiling: Allow) -> tuple[Allow, str]:
    """Return the ceiling that holds for a server, and why its owner's was refused."""
    wanted = granted.allow
    if wanted is None or wanted is ceiling:
        return ceiling, ""
    if wanted.rank > ceiling.rank:
        return ceiling, f"{PREFIX}allow={wanted.value} is above {ceiling.value}: owners may only lower it"
    return wanted, ""


def lower_priority(granted: Wishes, policy: Policy) -> tuple[Priority, str]:
    """Return the priority that holds for a server, and why its owner's was refused."""
    wanted = granted.priority
    if wanted is None or wanted is policy.priority:
        return policy.priority, ""
    if wanted.rank < policy.priority.rank:
        reason = f"{PREFIX}priority={wanted.value} is above {policy.priority.value}: owners may only lower it"
        return policy.priority, reason
    return wanted, ""


def picked(granted: Wishes, policies: Sequence[Policy]) -> Policy | None:
    """Return the policy that the owner picked by its name."""
    return next((policy for policy in policies if policy.name == granted.policy), None)


def _whom(name: str) -> Match:
    key, equals, value = name.partition("=")
    return Match(metadata={key.strip(): (value.strip(),)}) if equals else Match(server=(name,))


def _one_of(cls: type[enum.StrEnum], text: str | None, wish: Wish, refused: list[str]) -> str | None:
    if text is None or text in {str(member.value) for member in cls}:
        return text
    refused.append(f"{PREFIX}{wish.value}={text[:40]!r} is none of {', '.join(str(m.value) for m in cls)}")
    return None
