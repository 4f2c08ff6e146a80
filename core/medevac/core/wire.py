"""Frozen dataclasses to JSON bytes and back: the one form in which nouns are stored.

Fields that a document has and the class lacks are dropped on reading, so that yesterday's release reads what
tomorrow's writes; a field without a default that is missing is an error.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping
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


_hints: dict[type, dict[str, Any]] = {}


def _build(hint: Any, plain: Any) -> Any:  # noqa: ANN401 - a type hint is any object
    origin = get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        return None if plain is None else _build(next(a for a in get_args(hint) if a is not type(None)), plain)
    if origin is tuple:
        return tuple(_build(get_args(hint)[0], item) for item in _need(plain, list))
    if origin in (dict, Mapping):
        return {key: _build(get_args(hint)[1], item) for key, item in _need(plain, dict).items()}
    if dataclasses.is_dataclass(hint):
        return _build_dataclass(cast("type", hint), _need(plain, dict))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(plain)
    if hint is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    return plain if hint in (Any, object) else _need(plain, hint)


def _build_dataclass(cls: type, plain: dict[str, Any]) -> object:
    hints = _hints.get(cls)
    if hints is None:
        hints = _hints[cls] = get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}
    return cls(**{name: _build(hints[name], item) for name, item in plain.items() if name in known})


def _need(plain: Any, cls: Any) -> Any:  # noqa: ANN401 - see _build
    if not isinstance(plain, cls):
        message = f"expected {cls.__name__}, found {type(plain).__name__}"
        raise TypeError(message)
    return plain
