"""Frozen dataclasses to JSON bytes and back: the one form in which nouns are stored.

Fields that a document has and the class lacks are dropped on reading, so that yesterday's release reads what
tomorrow's writes; a field without a default that is missing is an error.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from medevac.core.errors import MalformedDocumentError

T = TypeVar("T")


def to_plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return *value* as JSON's own types; dataclasses become objects, tuples arrays, enums their values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset | set):
        return [to_plain(item) for item in value]
    return value


def encode(value: object) -> bytes:
    """Return *value* as compact JSON bytes."""
    return json.dumps(to_plain(value), separators=(",", ":"), sort_keys=True).encode()


def decode(cls: type[T], data: bytes, where: str = "document") -> T:
    """Return the *cls* that *data* encodes.

    Raises MalformedDocumentError, naming *where*, when *data* is not JSON or lacks a field.
    """
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError) as error:
        message = f"{where}: not JSON: {error}"
        raise MalformedDocumentError(message) from error
    return from_plain(cls, plain, where)


def from_plain(cls: type[T], plain: object, where: str = "document") -> T:
    """Return the *cls* that the JSON value *plain* stands for; raise MalformedDocumentError otherwise."""
    try:
        return cast("T", _build(cls, plain))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        message = f"{where}: not a {cls.__name__}: {error}"
        raise MalformedDocumentError(message) from error


Build = Callable[[Any], Any]
"""Makes a value of one type of what JSON has in its place; raises TypeError, ValueError or KeyError."""


def _build(hint: Any, plain: Any) -> Any:  # noqa: ANN401 - a type hint is any object
    return _builder(hint)(plain)


@functools.cache
def _builder(hint: Any) -> Build:  # noqa: ANN401 - as above
    """Return what builds values of *hint*: types are looked into once, documents are read many times a second."""
    origin = get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        given = _builder(next(each for each in get_args(hint) if each is not type(None)))
        return lambda plain: None if plain is None else given(plain)
    if origin is tuple:
        item = _builder(get_args(hint)[0])
        return lambda plain: tuple([item(each) for each in _need(plain, list)])
    if origin in (dict, Mapping):
        value = _builder(get_args(hint)[1])
        return lambda plain: {key: value(each) for key, each in _need(plain, dict).items()}
    if dataclasses.is_dataclass(hint):
        return _dataclass_builder(cast("type", hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    if hint is float:
        return _number
    return _as_it_is if hint in (Any, object) else lambda plain: _need(plain, hint)


def _dataclass_builder(cls: type) -> Build:
    hints = get_type_hints(cls)
    known = {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    def build(plain: Any) -> Any:  # noqa: ANN401 - see Build
        items = _need(plain, dict).items()
        return cls(**{name: _builder(known[name])(item) for name, item in items if name in known})

    return build


def _number(plain: Any) -> Any:  # noqa: ANN401 - see Build
    """Return it as a float; JSON does not tell 1.0 from 1."""
    return float(plain) if isinstance(plain, int) and not isinstance(plain, bool) else _need(plain, float)


def _as_it_is(plain: Any) -> Any:  # noqa: ANN401 - see Build
    return plain


def _need(plain: Any, cls: Any) -> Any:  # noqa: ANN401 - see Build
    if not isinstance(plain, cls):
        message = f"expected {cls.__name__}, found {type(plain).__name__}"
        raise TypeError(message)
    return plain
