"""The commands that describe the files: JSON Schema for editors, reference pages for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import click

from medevac.flows.policy import reference, schema
from medevac.sandbox.expectations.schema import expectations_schema
from medevac.workers import site_schema

SCHEMAS: Mapping[str, Callable[[], schema.Schema]] = {
    "policy": schema.policy_schema,
    "flow": schema.flow_schema,
    "expectations": expectations_schema,
    "site": site_schema.site_schema,
}
PAGES: Mapping[str, Callable[[], str]] = {
    "policy": reference.policy_page,
    "site": site_schema.site_page,
}


@click.command("schema")
@click.argument("file", type=click.Choice(list(SCHEMAS)), default="policy")
def schema_command(file: str) -> None:
    """Print the JSON Schema of a kind of FILE, for editors.

    In VS Code, with the YAML extension: medevac policy schema > policy.schema.json, and in settings.json
    "yaml.schemas": {"policy.schema.json": "policies/*.yaml", "expectations.schema.json": "policies/expect/*.yaml"}.
    """
    click.echo(json.dumps(SCHEMAS[file](), indent=2))


@click.command("reference")
@click.argument("file", type=click.Choice(list(PAGES)), default="policy")
def reference_command(file: str) -> None:
    """Print the reference page of a kind of FILE, in Markdown."""
    click.echo(PAGES[file](), nl=False)
