"""Groups of commands: listed in whole sentences, loaded when asked for, and helpful about slips of the pen."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import click

from medevac.core.errors import MedevacError

_SUMMARY = 120
"""Characters of a command's first sentence in the list of its group; click would cut it short."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sub-command: where it lives, what the list says of it, and which extra brings what it imports."""

    target: str
    summary: str
    extra: str


class Group(click.Group):
    """A group with whole sentences in its list, some of whose sub-commands are imported only when they are called."""

    def __init__(self, *arguments: Any, entries: Mapping[str, Entry] = MappingProxyType({}), **named: Any) -> None:  # noqa: ANN401 - click's
        """Offer *entries*, by name, beside the commands that are added as to any group."""
        super().__init__(*arguments, **named)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the sub-commands that this installation has."""
        lazy = [name for name, entry in self._entries.items() if _exists(entry)]
        return [*super().list_commands(ctx), *lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the sub-command, or return None when there is none of that name."""
        if cmd_name in self.commands or cmd_name not in self.list_commands(ctx):
            return super().get_command(ctx, cmd_name)
        return _load(cmd_name, self._entries[cmd_name])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table: click's own would import every sub-command for its first sentence."""
        rows = [(name, self._summary(name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _summary(self, name: str) -> str:
        own = self.commands.get(name)
        return own.get_short_help_str(limit=_SUMMARY) if own else self._entries[name].summary

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command, or fail with the names that come near."""
        near = difflib.get_close_matches(args[0], self.list_commands(ctx))
        if near and args[0] not in self.list_commands(ctx):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(map(repr, near))}?")
        return super().resolve_command(ctx, args)


def _exists(entry: Entry) -> bool:
    return importlib.util.find_spec(entry.target.partition(":")[0]) is not None


def _load(name: str, entry: Entry) -> click.Command:
    module, _, attribute = entry.target.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "medevac":
            raise
        raise MedevacError(
            f"'{name}' needs {error.name}; install it with: pip install 'medevac[{entry.extra}]'"
        ) from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.target} is not a click command")
    return command
