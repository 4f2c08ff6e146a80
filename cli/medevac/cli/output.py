"""How commands print: tables for people, JSON for machines, times that can be read at 3 a.m."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click


def as_json(value: object) -> None:
    """Print *value*, JSON's own types, indented."""
    click.echo(json.dumps(value, indent=2))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* in columns; the last column takes what it needs."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head) - 1)]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        click.echo("  ".join(cells).rstrip())


def moment(at: float | None) -> str:
    """Return "2026-11-22 14:03:09Z" for seconds since the epoch."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def seconds(length: float | None) -> str:
    """Return "12.3 s"."""
    return "-" if length is None else f"{length:.1f} s"
