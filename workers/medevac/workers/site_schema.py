"""What the schema and the reference page of the site file need beyond its dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.flows.failback import Failback, Window
from medevac.flows.policy import reference, schema
from medevac.flows.policy.wishes import Owners
from medevac.flows.reserved import Reserved
from medevac.flows.returning import WayBack
from medevac.workers.site import Limits, Site
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.site_fencing import FenceDeviceSettings, FenceRounds
from medevac.workers.site_live import HypervisorSettings, ServicesSettings
from medevac.workers.site_rungs import RUNGS, Plug, RungSettings
from medevac.workers.site_secrets import SecretSource
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
    made = schema.file_schema(Site, "A medevac site", {**_WRITTEN, RungSettings: _rung_schema()})
    return {**made, "required": []}


def _rung_schema() -> schema.Schema:
    """Return the schema of a rung: a word, or a word with one text, or with settings below or beside it."""
    maker = schema.Maker(overrides=_WRITTEN)
    choices: list[schema.Schema] = [{"const": word, "description": rung.__doc__ or ""} for word, rung in RUNGS.items()]
    for word, rung in RUNGS.items():
        body = maker.body(rung)
        written: list[schema.Schema] = [{"type": "null"}, body]
        if rung.short:
            written.append(body["properties"][rung.short])
        beside = {**body["properties"], word: {"anyOf": written, "description": rung.__doc__ or ""}}
        choices.append({"type": "object", "properties": beside, "required": [word], "additionalProperties": False})
    return {"anyOf": choices}


def site_page() -> str:
    """Return the reference page of the site file."""
    parts = {
        "The file": Site,
        "`fencing`: one entry": FenceDeviceSettings,
        **{f"`ladder`: `{word}`": rung for word, rung in RUNGS.items()},
        "`fence_rounds`": FenceRounds,
        "`limits`": Limits,
        "`owners`": Owners,
        "`reserved`": Reserved,
        "`way_back`": WayBack,
        "`way_back`: `failback`": Failback,
        "`window`": Window,
        "`brakes`": BrakeSettings,
        "`triage`": TriageSettings,
        "`hypervisor`": HypervisorSettings,
        "`services`": ServicesSettings,
        "A secret: `{file: …}` or `{env: …}`": SecretSource,
    }
    return reference.page("Reference: the site file", parts)
