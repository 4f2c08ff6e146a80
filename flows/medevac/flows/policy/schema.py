"""Schema: JSON Schema (2020-12) of the files, from the same dataclasses that read them.

For editors, such as VS Code's YAML extension.  `policy check` knows more: order, domain and what is unknown.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args, get_origin

from medevac.flows.policy.actions import Flow, Step
from medevac.flows.policy.binding import key_of
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.language import EVERYONE, After, Match, Policy, Ready
from medevac.flows.policy.named import NamedFlow
from medevac.flows.policy.registry import steps
from medevac.flows.policy.words import FAILURES

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": ["string", "number", "boolean"]}
"""We read every scalar as text; editors' YAML sees numbers and booleans in some."""
TIME_OF_DAY: Schema = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
DURATION: Schema = {"type": "string", "pattern": r"^(?=.)(\d+d)?(\d+h)?(\d+m(?!s))?(\d+s)?(\d+ms)?$"}
READY: Schema = {"type": "string", "pattern": r"^(active|guest|port:\d{1,5})$"}
_PARAMETER: Schema = {"type": "string", "pattern": r"^\$[A-Za-z_]"}


def policy_schema() -> Schema:
    """Return the schema of a policy file."""
    return _document(Policy, "A medevac policy", Maker())


def flow_schema() -> Schema:
    """Return the schema of a file with a named flow: as a policy's, with `$parameter` wherever a value stands."""
    return _document(NamedFlow, "A named flow of medevac", Maker(placeholders=True))


def file_schema(cls: type, title: str, overrides: Mapping[type, Schema]) -> Schema:
    """Return the schema of a file bound to *cls*; *overrides* are the types with a written form of their own."""
    return _document(cls, title, Maker(overrides=overrides))


class Maker:
    """Turns types into schemas, each dataclass once, under `$defs`."""

    def __init__(self, *, overrides: Mapping[type, Schema] | None = None, placeholders: bool = False) -> None:
        """Give the types of *overrides* those schemas; with *placeholders*, `$name` may stand for any value."""
        self.definitions: dict[str, Schema] = {}
        self._placeholders = placeholders
        self._overrides: dict[Any, Schema] = {
            str: TEXT,
            Path: {"type": "string"},
            Duration: DURATION,
            Ready: READY,
            TimeOfDay: TIME_OF_DAY,
            bool: {"enum": [True, False, "yes", "no"]},
            **(overrides or {}),
        }

    def of(self, hint: Any, said: Mapping[str, Any] | None = None) -> Schema:  # noqa: ANN401 - a type hint is any object
        """Return the schema of a value of type *hint*; *said* is the metadata of its field."""
        hint = _plain(hint)
        if hint in self._overrides:
            return self._or_placeholder(dict(self._overrides[hint]))
        if get_origin(hint) is tuple:
            return self._list(get_args(hint)[0])
        if get_origin(hint) in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(get_args(hint)[1]), "minProperties": 1}
        if dataclasses.is_dataclass(hint):
            return self._reference(cast("type", hint))
        return self._or_placeholder(_scalar(hint, said or {}))

    def body(self, cls: type, *, without: tuple[str, ...] = ()) -> Schema:
        """Return the schema of the `key: value` lines that are the fields of *cls*."""
        hints = typing.get_type_hints(cls)
        properties: dict[str, Schema] = {}
        required = []
        for field in dataclasses.fields(cast("Any", cls)):
            if field.name in without:
                continue
            about = {"description": field.metadata["about"]} if field.metadata.get("about") else {}
            for key in filter(None, (key_of(field), field.metadata.get("also"))):
                properties[key] = {**self.of(hints[field.name], field.metadata), **about}
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                required.append(key_of(field))
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _list(self, hint: Any) -> Schema:  # noqa: ANN401 - see of
        if _plain(hint) is Step:
            return self._reference(Step, "steps")
        one = self.of(hint)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}

    def _or_placeholder(self, schema: Schema) -> Schema:
        return {"anyOf": [schema, _PARAMETER]} if self._placeholders else schema

    def _reference(self, cls: type, name: str = "") -> Schema:
        name = name or cls.__name__
        if name not in self.definitions:
            self.definitions[name] = {}  # taken, before its own fields ask for it
            self.definitions[name] = self._defined(cls, name)
        return {"$ref": f"#/$defs/{name}"}

    def _defined(self, cls: type, name: str) -> Schema:
        makers = {"steps": self._steps, "Step": self._step, "Flow": self._flow, "Match": self._match}
        if name in makers:
            return makers[name]()
        if cls is After:
            return self._after()
        return {**self.body(cls), "description": _about(cls)}

    def _match(self) -> Schema:
        body = self.body(Match)
        for key in ("not", "except"):
            body["properties"][key] = {**self.body(Match, without=("unless",)), "minProperties": 1}
        return {"anyOf": [{"const": EVERYONE}, {**body, "minProperties": 1}]}

    def _after(self) -> Schema:
        lines = self.body(Match)["properties"]
        body = self.body(After, without=("match",))
        return {**body, "properties": {**lines, **body["properties"]}, "description": _about(After)}

    def _steps(self) -> Schema:
        one = self._reference(Step)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}

    def _step(self) -> Schema:
        known = steps()
        words: list[Schema] = [{"const": word, "description": _about(cls)} for word, cls in known.items()]
        named = {"type": "string", "description": "The name of a flow that stands in a file of its own."}
        return {"anyOf": [*words, named, *(self._step_with(word, cls) for word, cls in known.items())]}

    def _step_with(self, word: str, cls: type[Step]) -> Schema:
        body = self.body(cls)
        written: list[Schema] = [body, {"type": "null"}]
        if cls.short:
            written.append(body["properties"][cls.short])
        properties: dict[str, Schema] = {word: {"anyOf": written, "description": _about(cls)}}
        if "on_failure" in body["properties"]:
            properties["on_failure"] = body["properties"]["on_failure"]
        return {"type": "object", "properties": properties, "required": [word], "additionalProperties": False}

    def _flow(self) -> Schema:
        body = self.body(Flow, without=("steps",))
        settings = {"steps": self._reference(Step, "steps"), **body["properties"]}
        with_steps = {"type": "object", "properties": settings, "required": ["steps"], "additionalProperties": False}
        named = {"type": "object", "properties": {"flow": {"type": "string"}}, "required": ["flow"]}
        return {"anyOf": [self._reference(Step, "steps"), with_steps, named]}


def _document(cls: type, title: str, maker: Maker) -> Schema:
    body = maker.body(cls)
    if cls is Policy:
        flow = body["properties"]["when"]["additionalProperties"]
        about = body["properties"]["when"]["description"]
        failures = {failure: {**flow, "description": meaning} for failure, meaning in FAILURES.items()}
        body["properties"]["when"] = {
            "type": "object", "properties": failures, "additionalProperties": False, "minProperties": 1,
            "description": about,
        }  # fmt: skip
    return {"$schema": DIALECT, "title": title, **body, "$defs": maker.definitions}


def _scalar(hint: Any, said: Mapping[str, Any]) -> Schema:  # noqa: ANN401 - see Maker.of
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    bounds = {word: said[key] for key, word in (("least", "minimum"), ("most", "maximum")) if said.get(key) is not None}
    return {"type": "integer" if hint is int else "number", **bounds}


def _plain(hint: Any) -> Any:  # noqa: ANN401 - see Maker.of
    if get_origin(hint) in (typing.Union, types.UnionType):
        return next(choice for choice in get_args(hint) if choice is not type(None))
    return hint


def _about(cls: type) -> str:
    return (cls.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ")
