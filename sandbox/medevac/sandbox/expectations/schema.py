"""The JSON Schema of expectation files, from the dataclasses that read them."""

from __future__ import annotations

from typing import Any

from medevac.flows.policy import schema
from medevac.sandbox.expectations.language import Expectation, GivenHost, Group


def expectations_schema() -> schema.Schema:
    """Return the schema of a file that holds one expectation, or a list of them."""
    made = schema.file_schema(Expectation, "Expectations about medevac policies", _written())
    one = {key: made.pop(key) for key in ("type", "properties", "required", "additionalProperties")}
    definitions: dict[str, Any] = {**made.pop("$defs"), "Expectation": one}
    entry = {"$ref": "#/$defs/Expectation"}
    return {**made, "anyOf": [entry, {"type": "array", "items": entry, "minItems": 1}], "$defs": definitions}


def _written() -> dict[type, schema.Schema]:
    """Return the types that are written otherwise than as the lines of a dataclass."""
    names = {"type": "array", "items": schema.TEXT, "minItems": 1}
    host = schema.Maker().body(GivenHost)
    return {GivenHost: {"anyOf": [schema.TEXT, host]}, Group: {"anyOf": [schema.TEXT, names]}}
