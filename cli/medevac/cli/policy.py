"""`medevac policy`: for the people who write promises."""

from __future__ import annotations

import click

from medevac.cli.groups import Entry, Group

ENTRIES = {
    "check": Entry("medevac.cli.policy_check:command", "Tell everything that is wrong with policy files.", "worker"),
    "explain": Entry("medevac.cli.policy_explain:command", "Tell which policy a server gets, and why.", "worker"),
    "history": Entry("medevac.cli.policy_history:group", "The policies that incidents were decided by.", "worker"),
    "plan": Entry("medevac.cli.policy_plan:command", "Tell what would be done if hosts failed now.", "worker"),
    "reference": Entry("medevac.cli.policy_schema:reference_command", "Print the reference page of a file.", "worker"),
    "schema": Entry("medevac.cli.policy_schema:schema_command", "Print a JSON Schema, for editors.", "worker"),
    "test": Entry("medevac.cli.policy_test:command", "Try policies against their expectations.", "sandbox"),
}


@click.group(cls=Group, entries=ENTRIES)
def group() -> None:
    """Check, try and explain the files that say what shall be recovered how."""
