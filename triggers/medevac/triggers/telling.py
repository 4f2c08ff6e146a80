"""Telling: making events of what people and monitoring systems say, rather than of what a trigger saw itself.

Pure.  Raises TellingError, whose sentence says what is wrong with what was said and what to say instead.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from medevac.core.errors import MedevacError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.triggers.pacemaker import is_host_name

MOST_FACTS = 40
LONGEST_FACT = 1024
"""Characters of a fact's value; a longer one is cut."""
LONGEST_KEY = 512
HOUR = 3600.0
"""Seconds for which one key stands for one event, where nobody says when it was seen."""
ROLES = ("management", "storage", "tenant")
"""The networks that a host has, as policies name them."""
BACK = {
    EventKind.NOVA_COMPUTE_DOWN: EventKind.NOVA_COMPUTE_UP,
    EventKind.LIBVIRT_DOWN: EventKind.LIBVIRT_UP,
    EventKind.HOST_NETWORK_DOWN: EventKind.HOST_NETWORK_UP,
    EventKind.CONTROL_PLANE_DOWN: EventKind.CONTROL_PLANE_UP,
    EventKind.WORKLOAD_FAILED: EventKind.WORKLOAD_OK,
}
"""What says that a failure is over.  A host that is said to be up again is not: the cluster knows better."""
KINDS = {kind.value: kind for kind in EventKind if kind is not EventKind.UNCLASSIFIED}
"""What can be told."""

_FACT = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_SERVER = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII)
_SERVERS = ("server.", "workload.")


class TellingError(MedevacError):
    """What was said cannot be an event."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says."""

    kind: EventKind
    name: str
    """The host as Nova names it, the server's uuid, or the service."""
    facts: Mapping[str, str]
    source: str
    reporter: str
    seen_at: float | None = None
    """Seconds since the epoch; None: now."""
    key: str = ""
    """Whoever says the same under the same key has said nothing new."""


_SEEN_AS = {
    "host.up": EventKind.HOST_MEMBER.value,
    **{f"host.network.{role}.down": f"host.network.down, with --fact role={role}" for role in ROLES},
}
"""Failures and returns, as incidents and policies call them, that are seen under another word."""


def kind_of(word: str) -> EventKind:
    """Return the kind that *word* names."""
    if word in KINDS:
        return KINDS[word]
    close = difflib.get_close_matches(word[:80], KINDS, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Choose from {', '.join(KINDS)}."
    if word in _SEEN_AS:
        hint = f"That is what becomes of it; what is seen is {_SEEN_AS[word]}."
    raise TellingError(f"nothing of the kind {word[:80]!r} can be seen. {hint}")


def subject_of(kind: EventKind, name: str) -> Subject:
    """Return whom an event of *kind* is about."""
    if kind.startswith(_SERVERS):
        if not _SERVER.fullmatch(name.lower()):
            raise TellingError(f"{name[:80]!r} is no server's uuid; see: openstack server list --all-projects")
        bare = name.lower().replace("-", "")
        return Subject(SubjectKind.SERVER, "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:])))
    if not is_host_name(name):
        what = "a service" if _is_service(kind) else "a host"
        raise TellingError(f"{name[:80]!r} cannot be {what}; give its name in Nova (openstack hypervisor list).")
    return Subject(SubjectKind.SERVICE if _is_service(kind) else SubjectKind.HOST, name)


def _is_service(kind: EventKind) -> bool:
    return kind in {EventKind.CONTROL_PLANE_DOWN, EventKind.CONTROL_PLANE_UP}


def event_of(told: Told, now: float) -> Event:
    """Return the event; *now* in seconds since the epoch."""
    subject = subject_of(told.kind, told.name)
    facts = _facts(told, subject)
    seen_at = now if told.seen_at is None else told.seen_at
    if not 0 < seen_at <= now + HOUR:
        raise TellingError("it was seen in the future, or before there were clocks: give seconds since the epoch")
    return Event(_id(told, subject, seen_at, now), told.kind, subject, told.source, told.reporter, seen_at, facts)


def _id(told: Told, subject: Subject, seen_at: float, now: float) -> str:
    if not told.key:
        return new_event_id(now)
    if len(told.key) > LONGEST_KEY:
        raise TellingError(f"a key of more than {LONGEST_KEY} characters")
    at = now // HOUR * HOUR if told.seen_at is None else seen_at
    said = "\0".join((told.kind, str(subject), told.source, told.key))
    return f"{int(at * 1_000_000):016x}-told-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def _facts(told: Told, subject: Subject) -> dict[str, str]:
    if len(told.facts) > MOST_FACTS:
        raise TellingError(f"more than {MOST_FACTS} facts")
    for name in told.facts:
        if not _FACT.fullmatch(name):
            raise TellingError(f"{name[:80]!r} is no name of a fact: letters, digits and _.:- only")
    facts = {name: value[:LONGEST_FACT] for name, value in told.facts.items()}
    if subject.kind is SubjectKind.SERVICE:
        facts = {"service": subject.name, **facts}
    wanted = _WANTED.get(told.kind, ())
    missing = [name for name in wanted if not facts.get(name)]
    if missing:
        raise TellingError(f"{told.kind} wants the fact {missing[0]!r}{_CHOICES.get(missing[0], '')}")
    if "role" in wanted and facts["role"] not in ROLES:
        raise TellingError(f"{facts['role'][:80]!r} is no role of a network{_CHOICES['role']}")
    return facts


_WANTED = {
    EventKind.HOST_NETWORK_DOWN: ("role",),
    EventKind.HOST_NETWORK_UP: ("role",),
    EventKind.HOST_DEGRADED: ("what",),
}
_CHOICES = {"role": f": one of {', '.join(ROLES)}", "what": ", such as what=memory"}
