"""Binding: from a document's nodes to dataclasses, driven by the types and metadata of their fields.

A value that is wrong is reported and replaced by its default or a stand-in, so that everything else that is
wrong is found in the same run.  What was bound while the problems have an error must therefore not be used.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_args, get_origin

from medevac.flows.policy.document import Entries, Entry, Items, Node, Text, Unread
from medevac.flows.policy.duration import Duration, NotADurationError, parse_duration
from medevac.flows.policy.problems import WHOLE_FILE, Place, Problems, closest, did_you_mean, quoted

T = TypeVar("T")

Path = tuple[str | int, ...]
"""The keys and positions that lead from the top of a document to a value in it."""

_STAND_INS: Mapping[object, object] = {
    str: "",
    int: 0,
    bool: False,
    float: 0.0,
    tuple: (),
    Mapping: {},
    Duration: Duration(0),
}

_hints_of = functools.cache(typing.get_type_hints)


class Binder:
    """Turns nodes into values of wanted types, and remembers where each stood."""

    def __init__(
        self,
        problems: Problems,
        *,
        readers: Mapping[type, Callable[[Binder, Node, Path], Any]] | None = None,
        reserved: Mapping[str, tuple[str, str]] | None = None,
        synonyms: Mapping[str, str] | None = None,
    ) -> None:
        """Report to *problems*.

        *readers* read the types whose written form is not that of a plain dataclass; *reserved* are words that mean
        something elsewhere: what, and what to write instead; *synonyms* are words of others, with the right ones.
        """
        self.problems = problems
        self.places: dict[Path, Place] = {}
        self._readers = readers or {}
        self._reserved = reserved or {}
        self._synonyms = synonyms or {}

    def read(self, hint: Any, node: Node, path: Path, said: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - a type hint is any object, and so is its value
        """Return the value of type *hint* that *node* stands for, or None when it stands for none.

        *said* is the metadata of the field that it is for.
        """
        self.places.setdefault(path, node.place)
        if isinstance(node, Unread):
            return None
        hint = _without_none(hint)
        if isinstance(hint, type) and hint in self._readers:
            return self._readers[hint](self, node, path)
        if dataclasses.is_dataclass(hint) and hint is not Duration:
            return self.read_dataclass(cast("type", hint), node, path)
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0], node, path, said)
        if get_origin(hint) in (dict, Mapping):
            return self._mapping(get_args(hint)[1], node, path)
        return self._scalar(hint, node, path, said or {})

    def read_dataclass(
        self, cls: type[T], node: Node, path: Path, label: str = "", known: Mapping[str, object] = MappingProxyType({})
    ) -> T | None:
        """Return the *cls* whose fields *node* gives by their keys; *label* is what its author would call it.

        *known* are values of fields, by their names, that are not to be read here.
        """
        label = label or _label(path)
        entries = self.entries(node, label)
        if entries is None:
            return None
        fields = {key_of(field): field for field in dataclasses.fields(cast("Any", cls)) if field.name not in known}
        given = self._by_key(entries, fields.values())
        hints = _hints_of(cast("Any", cls))
        values = {}
        for key, entry in given.items():
            if key not in fields:
                self.unknown(entry.key, "key", f"of {label}", fields)
                continue
            field = fields[key]
            value = self.read(hints[field.name], entry.value, (*path, key), field.metadata)
            if value is not None:
                values[field.name] = value
        return cls(**known, **values, **self._missing(fields, given, values, hints, (node.place, label)))

    def _by_key(self, entries: Iterable[Entry], fields: Iterable[dataclasses.Field[Any]]) -> dict[str, Entry]:
        """Return *entries* by the key of their field, whichever of its keys they are written with."""
        keys = {field.metadata.get("also"): key_of(field) for field in fields if field.metadata.get("also")}
        given: dict[str, Entry] = {}
        for entry in entries:
            key = keys.get(entry.key.value, entry.key.value)
            if key in given:
                hint = f"keep '{key}' or '{entry.key.value}'"
                self.problems.error(entry.key.place, f"'{entry.key.value}' says the same as '{key}' above", hint)
            given.setdefault(key, entry)
        return given

    def _missing(
        self,
        fields: Mapping[str, dataclasses.Field[Any]],
        given: Mapping[str, Entry],
        values: Mapping[str, object],
        hints: Mapping[str, Any],
        whose: tuple[Place, str],
    ) -> dict[str, object]:
        """Report the required fields that were not given; return stand-ins for those that have no value."""
        stand_ins = {}
        for key, field in fields.items():
            if field.name in values or _has_default(field):
                continue
            if key not in given and not self._misspelt(key, given, fields):
                place, label = whose
                self.problems.error(_first_letter(place), f"'{key}' is missing in {label}", field.metadata["about"])
            stand_ins[field.name] = _stand_in(hints[field.name])
        return stand_ins

    def _misspelt(self, key: str, given: Iterable[str], fields: Iterable[str]) -> bool:
        """Tell whether an unknown word of *given*, reported already, was meant to be *key*."""
        known = tuple(fields)
        return any(closest(known, word, self._synonyms) == key for word in given if word not in known)

    def place(self, *path: str | int) -> Place:
        """Return where the value at *path* stands, or the closest thing around it that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, WHOLE_FILE)

    def entries(self, node: Node, label: str) -> tuple[Entry, ...] | None:
        """Return the `key: value` lines of *node*; None, with a problem, when it is something else."""
        if isinstance(node, Entries):
            return node.entries
        if not isinstance(node, Unread):
            hint = "write 'key: value' in lines below, or {key: value} in braces"
            self.problems.error(node.place, f"{label} wants 'key: value' lines, not {_kind(node)}", hint)
        return None

    def unknown(self, word: Text, kind: str, where: str, choices: Iterable[str]) -> None:
        """Report a *word* that is none of *choices*; *kind* and *where* say what it would have been."""
        if word.value in self._reserved:
            means, hint = self._reserved[word.value]
            self.problems.error(word.place, f"'{word.value}' cannot stand here: it means {means}", hint)
            return
        message = f"{quoted(word.value)} is not a {kind} {where}".rstrip()
        self.problems.error(word.place, message, did_you_mean(word.value, choices, self._synonyms))

    def text(self, node: Node, path: Path) -> Text | None:
        """Return *node* if it is one text with something in it; None, with a problem, otherwise."""
        if isinstance(node, Text) and not node.empty:
            return node
        if isinstance(node, Text):
            self.problems.error(
                node.place, f"nothing stands after '{_key(path)}'", "write a value or leave the key out"
            )
        elif not isinstance(node, Unread):
            self.problems.error(node.place, f"'{_key(path)}' wants one value, not {_kind(node)}")
        return None

    def _list(self, hint: Any, node: Node, path: Path, said: Mapping[str, Any] | None) -> tuple[Any, ...] | None:  # noqa: ANN401 - see read
        """Return a tuple of *hint*; a single value counts as a list of one."""
        if not isinstance(node, Items):
            value = self.read(hint, node, path, said)
            return None if value is None else (value,)
        if not node.items:
            self.problems.error(node.place, f"the list of '{_key(path)}' is empty", "leave the key out")
            return None
        values = [self.read(hint, item, (*path, index), said) for index, item in enumerate(node.items)]
        return tuple(value for value in values if value is not None)

    def _mapping(self, hint: Any, node: Node, path: Path) -> dict[str, Any] | None:  # noqa: ANN401 - see read
        entries = self.entries(node, f"'{_key(path)}'")
        if entries is None:
            return None
        values = {}
        for entry in entries:
            self.places[*path, entry.key.value] = entry.key.place
            values[entry.key.value] = self.read(hint, entry.value, (*path, entry.key.value))
        return {key: value for key, value in values.items() if value is not None}

    def _scalar(self, hint: Any, node: Node, path: Path, said: Mapping[str, Any]) -> object:  # noqa: ANN401 - see read
        text = self.text(node, path)
        if text is None or hint is str:
            return text.value if text else None
        if issubclass(hint, enum.Enum):
            return self._choice(hint, text, path)
        value = _PARSERS[hint](self, text)
        return None if value is None else self._bounded(value, text, path, said)

    def _choice(self, hint: type[enum.Enum], text: Text, path: Path) -> enum.Enum | None:
        choices = {str(member.value): member for member in hint}
        if text.value not in choices:
            self.unknown(text, "value", f"of '{_key(path)}'", choices)
        return choices.get(text.value)

    def _bounded(self, value: Any, text: Text, path: Path, said: Mapping[str, Any]) -> object:  # noqa: ANN401 - int, bool or Duration
        figure = value.seconds if isinstance(value, Duration) else value
        least, most = said.get("least"), said.get("most")
        if (least is None or figure >= least) and (most is None or figure <= most):
            return cast("object", value)
        bounds = " ".join(
            f"{word} {_figure(value, bound)}" for word, bound in (("from", least), ("to", most)) if bound is not None
        )
        self.problems.error(text.place, f"{quoted(text.value)} is out of bounds for '{_key(path)}'", f"write {bounds}")
        return None

    def parse_int(self, text: Text) -> int | None:
        """Return the whole number that *text* says."""
        digits = text.value.removeprefix("-")
        if digits.isdecimal() and digits.isascii() and len(digits) <= 9:  # noqa: PLR2004 - more digits fit no setting
            return int(text.value)
        self.problems.error(text.place, f"{quoted(text.value)} is not a whole number", "write it in digits")
        return None

    def parse_bool(self, text: Text) -> bool | None:
        """Return what *text* says: yes or no, true or false."""
        if text.value in ("yes", "true", "no", "false"):
            return text.value in ("yes", "true")
        self.problems.error(text.place, f"{quoted(text.value)} is neither yes nor no", "write yes or no")
        return None

    def parse_duration(self, text: Text) -> Duration | None:
        """Return the duration that *text* says."""
        try:
            return parse_duration(text.value)
        except NotADurationError as error:
            self.problems.error(text.place, str(error), error.hint)
            return None


_PARSERS: Mapping[type, Callable[[Binder, Text], Any]] = {
    int: Binder.parse_int,
    bool: Binder.parse_bool,
    Duration: Binder.parse_duration,
}


def key_of(field: dataclasses.Field[Any]) -> str:
    """Return the key under which *field* is written."""
    return field.metadata.get("key") or field.name


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


def _without_none(hint: Any) -> Any:  # noqa: ANN401 - a type hint is any object
    if get_origin(hint) in (typing.Union, types.UnionType):
        return next(choice for choice in get_args(hint) if choice is not type(None))
    return hint


def _stand_in(hint: Any) -> Any:  # noqa: ANN401 - a type hint is any object
    hint = _without_none(hint)
    if dataclasses.is_dataclass(hint) and not any(map(_has_no_default, dataclasses.fields(hint))):
        return cast("Callable[[], object]", hint)()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    origin = get_origin(hint) or hint
    return _STAND_INS.get(dict if origin is dict else origin)


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return not _has_default(field)


def _figure(value: object, bound: float) -> str:
    return str(Duration(bound)) if isinstance(value, Duration) else f"{bound:g}"


def _first_letter(place: Place) -> Place:
    return Place(place.line, place.column)


def _label(path: Path) -> str:
    if isinstance(path[-1], int):
        return f"entry {path[-1] + 1} of '{_key(path)}'"
    return quoted(path[-1])


def _key(path: Path) -> str:
    """Return the last key of *path*, leaving out positions in lists."""
    return next((str(part) for part in reversed(path) if isinstance(part, str)), "the file")


def _kind(node: Node) -> str:
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "'key: value' lines"
    return "an empty place" if isinstance(node, Text) and node.empty else "a text"
