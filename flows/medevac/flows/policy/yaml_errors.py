"""What PyYAML's error messages mean to somebody who only wanted to write a policy."""

from __future__ import annotations

import yaml
from yaml.reader import ReaderError

from medevac.flows.policy.problems import Place

_MEANINGS = (
    ("found character '\\t'", "a tab in the indentation", "indent with spaces"),
    ("expected alphabetic or numeric character", "a value cannot begin with '*' or '&' as it is", 'quote it: "*"'),
    ("cannot start any token", "a value cannot begin with this character", "put the value in quotes"),
    (
        "mapping values are not allowed",
        "a ':' is not expected here",
        "indent the line as its neighbours, or quote the text",
    ),
    ("could not find expected ':'", "a ':' is missing after the key", "write 'key: value'"),
    ("expected <block end>", "this does not continue what stands above", "indent the line as its neighbours"),
    ("expected ',' or ']'", "a list is not closed", "put ']' at its end, and ',' between its values"),
    ("expected ',' or '}'", "a '{' is not closed", "put '}' at its end, and ',' between its entries"),
    ("found unexpected end of stream", "a quote is opened and never closed", "put the closing quote"),
    ("found unknown escape character", "an escape sequence that YAML does not know", "use single quotes"),
)
"""A part of PyYAML's message, what it means, what to do."""

_WHERE_IT_BEGAN = (
    "expected ',' or ']'",
    "expected ',' or '}'",
    "found unexpected end of stream",
    "could not find expected ':'",
    "expected alphabetic or numeric character",
)
"""Messages whose own place is behind the mistake, or the end of the file: where the thing was begun helps more."""


def explain(error: yaml.YAMLError, text: str) -> tuple[Place, str, str]:
    """Return the place, the message and the hint for *error*, which PyYAML raised while it read *text*."""
    if isinstance(error, ReaderError):
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        return place, f"character U+{ord(text[error.position]):04X} is not allowed", "leave it out"
    if not isinstance(error, yaml.MarkedYAMLError):
        return Place(0, 0), "this is not YAML", ""
    said = error.problem or ""
    mark = error.context_mark if said.startswith(_WHERE_IT_BEGAN) and error.context_mark else error.problem_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(0, 0)
    for part, message, hint in _MEANINGS:
        if part in said:
            return place, message, hint
    return place, f"this is not YAML: {said}", ""
