"""Prose: texts folded for a terminal of 80 columns, and flows in the words in which they are written."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

import yaml

WIDTH = 80


def folded(text: str, indent: int = 0, hang: int = 2) -> str:
    """Return *text* in lines that begin *indent* in, those after the first *hang* more; words are never broken."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )


def names(words: Iterable[str], indent: int = 0) -> str:
    """Return *words* with commas between, folded."""
    return folded(", ".join(words), indent, hang=0)


def as_yaml(document: object, indent: int = 0) -> str:
    """Return *document*, JSON's own types, as YAML in which what is small stands on one line."""
    text = yaml.safe_dump(document, default_flow_style=None, sort_keys=False, width=WIDTH - indent, allow_unicode=True)
    return textwrap.indent(text.removesuffix("...\n").rstrip(), " " * indent)


def count(number: int, noun: str) -> str:
    """Return "1 server" or "2 servers"."""
    return f"{number} {noun}{'s' * (number != 1)}"
