"""Narrate: the incident's journal as few lines as tell the story: servers of one moment share a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medevac.core.journal import JournalEntry

NAMED = 3
"""How many servers a line names before it only counts."""
TOGETHER = 0.6
"""Seconds within which the same thing about several servers is one line."""
_PATTERNS = (
    (re.compile(r"asking Nova to evacuate (?P<server>\S+)"), "asking Nova to evacuate {servers}"),
    (re.compile(r"(?P<server>\S+): arrived on \S+"), "{servers} arrived"),
    (re.compile(r"(?P<server>\S+) is not back: .*"), "{servers}: not back"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    at: float
    """Seconds since the epoch."""
    who: str
    """demo, or the step that speaks."""
    text: str


@dataclass(slots=True)
class _Group:
    at: float
    who: str
    form: str
    servers: list[str]


def narrate(entries: Iterable[JournalEntry]) -> list[Line]:
    """Return *entries*, in their order, as lines."""
    lines: list[Line] = []
    group: _Group | None = None
    for entry in entries:
        form, server = _form(entry.text)
        who = entry.step.replace("evacuate:", "").replace("verify:", "")
        if group is not None and form == group.form and who == group.who and entry.at - group.at <= TOGETHER:
            group.servers.append(server)
            continue
        if group is not None:
            lines.append(_close(group))
        group = None
        if form:
            group = _Group(entry.at, who, form, [server])
        else:
            lines.append(Line(entry.at, who, entry.text))
    return [*lines, _close(group)] if group is not None else lines


def _form(text: str) -> tuple[str, str]:
    for pattern, form in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return form, found["server"]
    return "", ""


def _close(group: _Group) -> Line:
    return Line(group.at, group.who, group.form.format(servers=_names(group.servers)))


def _names(servers: Sequence[str]) -> str:
    if len(servers) <= NAMED + 1:
        return ", ".join(servers)
    return f"{', '.join(servers[:NAMED])} and {len(servers) - NAMED} more"
