"""Reference: the pages about every key and step, from the same dataclasses that read them."""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_args, get_origin

from medevac.flows.policy.actions import STEPS, Flow, Step
from medevac.flows.policy.binding import key_of
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.language import After, Match, Policy, States
from medevac.flows.policy.named import NamedFlow
from medevac.flows.policy.words import FAILURES

HEAD = "<!-- Written by `medevac policy reference`; a test keeps it true.  Do not edit. -->"
_PARTS: Sequence[tuple[str, type]] = (
    ("A policy file", Policy),
    ("`match`: whom", Match),
    ("`after`: order among servers", After),
    ("`states`: servers in unusual states", States),
    ("A flow, where it is more than steps", Flow),
    ("A file with a named flow", NamedFlow),
)


def policy_page() -> str:
    """Return the reference page of policy files, in Markdown."""
    lines = [HEAD, "", "# Reference: policy files", "", "[docs/policies.md](../policies.md) explains; this page lists."]
    for title, cls in _PARTS:
        lines += ["", f"## {title}", "", _about(cls), "", *_table(cls)]
    lines += ["", "## Steps"]
    for word, step in STEPS.items():
        lines += ["", f"### `{word}`", "", _about(step), *_parameters(step)]
    lines += ["", "## Failures", "", "| under `when` | meaning |", "|---|---|"]
    lines += [f"| `{failure}` | {meaning} |" for failure, meaning in FAILURES.items()]
    return "\n".join(lines) + "\n"


def page(title: str, parts: Mapping[str, type]) -> str:
    """Return a reference page of the dataclasses *parts*, by their headings."""
    lines = [HEAD, "", f"# {title}"]
    for heading, cls in parts.items():
        lines += ["", f"## {heading}", "", _about(cls), "", *_table(cls)]
    return "\n".join(lines) + "\n"


def _parameters(step: type[Step]) -> list[str]:
    if not dataclasses.fields(cast("Any", step)):
        return []
    short = [f"`{step.word}: VALUE` is short for `{step.word}: {{{step.short}: VALUE}}`.", ""] if step.short else []
    return ["", *short, *_table(step)]


def _table(cls: type) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    yield "| key | value | if left out | meaning |"
    yield "|---|---|---|---|"
    for field in dataclasses.fields(cast("Any", cls)):
        said = field.metadata
        keys = " or ".join(f"`{key}`" for key in (key_of(field), said.get("also")) if key)
        value = _value(hints[field.name], said)
        yield f"| {keys} | {value} | {_default(field)} | {said.get('about', '')} |"


def _value(hint: Any, said: Mapping[str, Any]) -> str:  # noqa: ANN401 - a type hint is any object
    choices = [arg for arg in get_args(hint) if arg is not type(None)]
    if get_origin(hint) is tuple:
        holds_steps = choices[0] is Step or get_origin(choices[0]) is tuple
        return "steps" if holds_steps else f"{_value(choices[0], said)}, or a list"
    if get_origin(hint) in (dict, Mapping):
        return f"`{{key: {_value(choices[1], said)}}}`"
    if choices:
        return _value(choices[0], said)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " ".join(f"`{member.value}`" for member in hint)
    return _plain_value(hint, said)


def _plain_value(hint: type, said: Mapping[str, Any]) -> str:
    names = {str: "text", int: "whole number", bool: "`yes` `no`", Duration: "length of time", TimeOfDay: "time of day"}
    name = names.get(hint, hint.__name__)
    least, most = said.get("least"), said.get("most")
    if hint is Duration:
        least, most = (None if bound is None else str(Duration(bound)) for bound in (least, most))
    bounds = [f"{word} {bound}" for word, bound in (("from", least), ("to", most)) if bound is not None]
    return f"{name} {' '.join(bounds)}".rstrip()


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "an error"
    default = field.default
    if isinstance(default, enum.Enum):
        return f"`{default.value}`"
    if isinstance(default, str | int | Duration) and str(default):
        return f"`{default}`"
    return "nothing" if default in (None, "", ()) or default is dataclasses.MISSING else "as below"


def _about(cls: type) -> str:
    return (cls.__doc__ or "").strip().replace("\n    ", "\n")
