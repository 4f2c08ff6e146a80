"""What the schema and the reference page of the site file need beyond its dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.flows.policy import reference, schema
from medevac.flows.policy.wishes import Owners
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack
from medevac.workers.site import FenceDeviceSettings, Limits, Plug, SecretSource, Site
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.site_triage import TriageSettings

_WRITTEN: Mapping[type, dict[str, Any]] = {
    SecretSource: {
        "type": "object",
        "description": "Where a secret is read from; the file never holds it.",
        "properties": {"file": {"type": "string"}, "env": {"type": "string"}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    },
    Plug: {"anyOf": [schema.TEXT, {"type": "object", "additionalProperties": schema.TEXT}]},
}


def site_schema() -> schema.Schema:
    """Return the JSON Schema of the site file; the settings that MEDEVAC_... variables may give are not required."""
    made = schema.file_schema(Site, "A medevac site", _WRITTEN)
    return {**made, "required": []}


def site_page() -> str:
    """Return the reference page of the site file."""
    parts = {
        "The file": Site,
        "`fencing`: one device": FenceDeviceSettings,
        "`limits`": Limits,
        "`owners`": Owners,
        "`reserved`": Reserved,
        "`way_back`": WayBack,
        "`brakes`": BrakeSettings,
        "`triage`": TriageSettings,
        "A secret: `{file: …}` or `{env: …}`": SecretSource,
    }
    return reference.page("Reference: the site file", parts)
