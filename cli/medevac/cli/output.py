"""How commands print: tables for people, JSON for machines, times that can be read at 3 a.m."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO

import click

_GAP = 2
"""Blanks between two columns, and before what did not fit on a line."""
_LEAST = 24
"""Columns of a terminal in which a text can still be read; with fewer it goes below."""


def as_json(value: object) -> None:
    """Print *value*, JSON's own types, indented."""
    click.echo(json.dumps(value, indent=2))


def say(text: str, indent: int = 0) -> None:
    """Print a sentence *indent* in; in a terminal no word of it is broken at the edge."""
    click.echo("\n".join(hung(" " * indent, text, _width(sys.stdout))))


def complain(text: str) -> None:
    """Print what is wrong to standard error, as `say` does; of several lines each stays as it is."""
    remark(f"medevac: {text}")


def remark(text: str) -> None:
    """Print to standard error what a program that reads our output need not know."""
    width = None if "\n" in text else _width(sys.stderr)
    click.echo("\n".join(hung("", text, width)), err=True)


def entry(head: str, text: str) -> None:
    """Print *text* behind *head*; in a terminal its further lines stand below its first."""
    click.echo("\n".join(hung(head, text, _width(sys.stdout))))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* in columns; in a terminal that is too narrow, what does not fit goes on lines below."""
    for line in arranged([head, *rows], _width(sys.stdout)):
        click.echo(line)


def moment(at: float | None) -> str:
    """Return "2026-11-22 14:03:09Z" for seconds since the epoch."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def seconds(length: float | None) -> str:
    """Return "12.3 s"."""
    return "-" if length is None else f"{length:.1f} s"


def hung(head: str, text: str, width: int | None) -> list[str]:
    """Return the lines of *text* behind *head*, folded to *width*; None: one line, whole, for programs that read."""
    if width is None or len(head) + len(text) <= width:
        return [(head + text).rstrip()]
    hang = len(head) if width - len(head) >= _LEAST else _GAP
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [head.rstrip()]


def arranged(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield the lines of a table that is *width* wide; None: one line a row."""
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = _lines(sizes, width)
    for row in rows:
        for number, columns in enumerate(lines):
            head = " " * (_GAP if number else 0) + "".join(row[n].ljust(sizes[n] + _GAP) for n in columns[:-1])
            yield from hung(head, row[columns[-1]], width)


def _lines(sizes: Sequence[int], width: int | None) -> list[list[int]]:
    """Return which columns of these *sizes* share a line."""
    lines: list[list[int]] = [[]]
    used = 0
    for number, size in enumerate(sizes):
        last = number == len(sizes) - 1
        if width is not None and lines[-1] and used + (min(size, _LEAST) if last else size) > width:
            lines.append([])
            used = _GAP
        lines[-1].append(number)
        used += size + _GAP
    return lines


def _width(stream: TextIO) -> int | None:
    """Return how wide the terminal is that *stream* writes to; None: it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
