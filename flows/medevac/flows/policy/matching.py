"""Matching: which policy a server gets for a failure, and what the others lacked.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.policy.language import Match, Policy

_PLAIN = ("server", "project", "az", "host", "aggregate", "flavor", "image", "tag")
"""The lines of a match that are lists of patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a `match` can ask about a server."""

    id: str
    name: str
    project_id: str
    project_name: str = ""
    """Empty when it is not known."""
    host: str
    """The host on which it was when the failure was seen."""
    zone: str
    """The availability zone of that host."""
    aggregates: tuple[str, ...] = ()
    """The aggregates of that host."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    flavor: str = ""
    """The flavor's name."""
    image: str = ""
    """The image's id; empty for a server that boots from a volume."""
    tags: tuple[str, ...] = ()
    image_properties: Mapping[str, str] = field(default_factory=dict)
    """Properties of that image; only there where a policy asks for one (see `asks_for`)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one policy did not win."""

    policy: str
    """The policy's name."""
    text: str

    def __str__(self) -> str:
        """Return "pet: metadata ha is 'no', wanted 'pet'"."""
        return f"{self.policy}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy that wins, if one does, and a reason for each that does not, in order of precedence."""

    policy: Policy | None
    reasons: tuple[Reason, ...]


def winner(policies: Sequence[Policy], server: ServerFacts, failure: str) -> Verdict:
    """Return the first of *policies* that covers *server* and knows *failure*."""
    won: Policy | None = None
    reasons = []
    for policy in policies:
        lack = f"{won.name} comes first" if won else shortfall(policy, server, failure)
        if lack:
            reasons.append(Reason(policy.name, lack))
        else:
            won = policy
    return Verdict(won, tuple(reasons))


def shortfall(policy: Policy, server: ServerFacts, failure: str) -> str:
    """Return the first thing that *policy* lacks to answer *failure* of *server*, as a sentence; empty: nothing."""
    if failure not in policy.when:
        return f"it does not answer {failure}"
    return next(_unmet(policy.match, server), "")


def matches(pattern: str, text: str) -> bool:
    """Tell whether *pattern*, in which only `*` is special, stands for the whole of *text*; takes linear time."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == text
    last = middle.pop()
    if len(first) + len(last) > len(text) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def covers(match: Match, server: ServerFacts) -> bool:
    """Tell whether *match* means *server*."""
    return next(_unmet(match, server), "") == ""


def asks_for(matches: Iterable[Match], line: str) -> bool:
    """Tell whether any of *matches* has the field *line*, itself or under `not`: what nobody asks is not fetched."""
    return any(getattr(match, line) or (match.unless and getattr(match.unless, line)) for match in matches)


def includes(wide: Match, narrow: Match) -> bool:
    """Tell whether every server that *narrow* means is certainly meant by *wide* too.

    A pattern that matches another pattern's own text matches all that the other stands for: each of the other's
    stars is swallowed by one of its own.
    """
    if wide.unless is not None and (narrow.unless is None or not includes(narrow.unless, wide.unless)):
        return False
    return _covers_lines(wide, narrow)


def _covers_lines(wide: Match, narrow: Match) -> bool:
    pairs = ("metadata", "image_property")
    lines = (name for name in Match.__dataclass_fields__ if name not in (*pairs, "unless"))
    return all(_covers(getattr(wide, line), getattr(narrow, line)) for line in lines) and all(
        _covers(values, getattr(narrow, pair).get(key, ()))
        for pair in pairs
        for key, values in getattr(wide, pair).items()
    )


def _covers(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    if not wide:
        return True
    return bool(narrow) and all(any(matches(pattern, text) for pattern in wide) for text in narrow)


def _unmet(match: Match, server: ServerFacts) -> Iterator[str]:
    """Yield a sentence for each line of *match* that does not hold for *server*."""
    for line, wanted, found in _lines(match, server):
        if wanted and not any(matches(pattern, text) for pattern in wanted for text in found):
            yield f"{line} is {_words(found)}, wanted {_words(wanted)}"
    yield from _unmet_pairs("metadata", match.metadata, server.metadata)
    yield from _unmet_pairs("image property", match.image_property, server.image_properties)
    if match.unless is not None and covers(match.unless, server):
        yield f"it is excepted: not {_told(match.unless)}"


def _unmet_pairs(what: str, wanted: Mapping[str, Sequence[str]], found: Mapping[str, str]) -> Iterator[str]:
    for key, values in wanted.items():
        if key not in found:
            yield f"{what} {key} is not set, wanted {_words(values)}"
        elif not any(matches(pattern, found[key]) for pattern in values):
            yield f"{what} {key} is {_words([found[key]])}, wanted {_words(values)}"


def _told(match: Match) -> str:
    """Return the lines of *match* as they could stand in a file."""
    pairs = {"metadata": match.metadata, "image_property": match.image_property}
    texts = [f"{line} {_words(getattr(match, line))}" for line in _PLAIN if getattr(match, line)]
    texts += [f"{what} {key} {_words(values)}" for what, given in pairs.items() for key, values in given.items()]
    return " and ".join(texts)


def _lines(match: Match, server: ServerFacts) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield each line of *match* but metadata: its key, the patterns, and the texts of which one must match."""
    yield "server", match.server, _names(server.name, server.id)
    yield "project", match.project, _names(server.project_name, server.project_id)
    yield "az", match.az, (server.zone,)
    yield "host", match.host, (server.host,)
    yield "aggregate", match.aggregate, server.aggregates
    yield "flavor", match.flavor, (server.flavor,)
    yield "image", match.image, (server.image,)
    yield "tag", match.tag, server.tags


def _names(name: str, identity: str) -> tuple[str, ...]:
    return (name, identity) if name else (identity,)


def _words(texts: Iterable[str]) -> str:
    return " or ".join(f"'{text}'" for text in texts) or "none"
