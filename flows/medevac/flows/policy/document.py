"""Document: a YAML file as texts with their places, and nothing more.

YAML's own reading of words is not wanted in files that people write by hand: `on` would be true, `1:30` would be
90, `pet: yes` a boolean.  Here every scalar stays the text that its author wrote, and knows where it stands.
Whatever makes YAML documents big, cyclic or executable (aliases, merge keys, tags) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import yaml
from yaml.error import Mark
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    StreamEndEvent,
)

from medevac.flows.policy.problems import Place, Problems, quoted
from medevac.flows.policy.yaml_errors import explain

MOST_BYTES = 256 * 1024
MOST_LEVELS = 24

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""What an escape sequence may smuggle into a text that terminals, logs and UTF-8 must be able to hold."""


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it was written."""

    value: str
    place: Place
    empty: bool = False
    """Nothing was written at all, not even a pair of quotes."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value`."""

    key: Text
    value: Node


@dataclass(frozen=True, slots=True)
class Entries:
    """`key: value` lines, in their order, no key twice."""

    entries: tuple[Entry, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was refused, and already reported: whoever meets it adds no problem of its own."""

    place: Place


Node = Text | Items | Entries | Unread


class _AbandonedError(Exception):
    """The document cannot be read any further; its problem has been noted."""


def decode(data: bytes, file: str) -> tuple[str, Problems]:
    """Return the text of *data* and an empty or, if it is no sound text, a filled collection of problems."""
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff")
    problems = Problems(file, text)
    if len(data) > MOST_BYTES:
        problems.error(Place(0, 0), f"the file is larger than {MOST_BYTES // 1024} KiB", "is it the right file?")
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.error(Place(0, 0), "the file is UTF-16", "save it as UTF-8")
    else:
        _check_encoding(data.removeprefix(b"\xef\xbb\xbf"), problems)
    return text, problems


def _check_encoding(data: bytes, problems: Problems) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        problems.error(Place(line, column), f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8")


def compose(text: str, problems: Problems) -> Node | None:
    """Return the document that *text* holds, or None when it cannot be read; the reasons are in *problems*.

    Raises nothing, whatever *text* is.
    """
    if problems.failed:
        return None
    try:
        return _Composer(text, problems).document()
    except _AbandonedError:
        return None


class _Composer:
    """Builds nodes from PyYAML's events, one document deep."""

    def __init__(self, text: str, problems: Problems) -> None:
        self._problems = problems
        self._text = text
        self._events = self._parsed()

    def document(self) -> Node:
        """Return the only document."""
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), StreamEndEvent):
            return Text("", Place(1, 1), empty=True)
        node = self._node(next(self._events), 1)
        next(self._events)  # the end of the document
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            self._problems.error(_place(after), "a second document begins here", "one file holds one document")
        return node

    def _parsed(self) -> Iterator[Event]:
        reached = Place(1, 1)
        try:
            for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
                reached = _place(event)
                yield event
        except yaml.YAMLError as error:
            self._problems.error(*explain(error, self._text))
            raise _AbandonedError from error
        except (ValueError, IndexError, OverflowError) as error:
            # PyYAML passes the digits of escapes and of %YAML to chr() and int() as they are.
            self._problems.error(reached, "this is not YAML from here on", "is an escape sequence wrong?")
            raise _AbandonedError from error

    def _node(self, event: Event, level: int) -> Node:
        place = _place(event)
        if level > MOST_LEVELS:
            self._problems.error(place, f"nested more than {MOST_LEVELS} levels deep", "is a bracket or dash too many?")
            raise _AbandonedError
        if self._problems.full:
            raise _AbandonedError
        if isinstance(event, AliasEvent):
            message = "a word that begins with '*' is an alias in YAML, and aliases are not read"
            self._problems.error(place, message, 'quote a wildcard: "*"')
            return Unread(place)
        self._refuse_decoration(event, place)
        if isinstance(event, ScalarEvent):
            return self._text_of(event, place)
        return self._entries(place, level) if isinstance(event, MappingStartEvent) else self._items(place, level)

    def _refuse_decoration(self, event: Event, place: Place) -> None:
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._problems.error(place, "anchors (&name) are not read", "write the value out; quote a text with '&'")
        if getattr(event, "tag", None) is not None:
            self._problems.error(place, "tags (!name) are not read", "write the plain value; quote a text with '!'")

    def _text_of(self, event: ScalarEvent, place: Place) -> Node:
        if _UNSAFE.search(event.value):
            self._problems.error(place, "a control character in a text", "leave it out")
            return Unread(place)
        return Text(event.value, place, empty=not event.value and event.style is None)

    def _items(self, place: Place, level: int) -> Items:
        items = []
        while not isinstance(event := next(self._events), CollectionEndEvent):
            items.append(self._node(event, level + 1))
        return Items(tuple(items), place)

    def _entries(self, place: Place, level: int) -> Entries:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), CollectionEndEvent):
            key = self._node(event, level + 1)
            value = self._node(next(self._events), level + 1)
            if self._sound_key(key, entries) and isinstance(key, Text):
                entries[key.value] = Entry(key, value)
        return Entries(tuple(entries.values()), place)

    def _sound_key(self, key: Node, before: dict[str, Entry]) -> bool:
        if isinstance(key, Unread):
            return False
        if not isinstance(key, Text) or key.empty:
            self._problems.error(key.place, "a key must be a word", "write 'key: value'")
            return False
        if key.value == "<<":
            self._problems.error(key.place, "merge keys (<<) are not read", "write the lines out")
            return False
        if key.value in before:
            line = before[key.value].key.place.line
            self._problems.error(
                key.place, f"{quoted(key.value)} stands here again", f"it stands in line {line} already"
            )
            return False
        return True


def _place(event: Event) -> Place:
    start, end = cast("Mark", event.start_mark), cast("Mark", event.end_mark)  # the parser sets both always
    length = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, length))
