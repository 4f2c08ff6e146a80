"""The root command: sub-commands loaded when asked for, and one place where errors become exit codes."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from medevac.core.errors import MedevacError, StoreUnreachableError

PROBLEMS = 1
"""Exit code: done as asked, and something is wrong; or it could not be done."""
USAGE = 2
"""Exit code: the command was not understood (click's own)."""
UNREACHABLE = 3
"""Exit code: ZooKeeper did not answer."""
INTERRUPTED = 130
"""Exit code: Ctrl-C, as shells count it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sub-command: where it lives, what the list says of it, and which extra brings what it imports."""

    target: str
    summary: str
    extra: str


COMMANDS = {
    "demo": Entry("medevac.cli.demo:command", "Watch a host die and its servers come back.", "sandbox"),
    "event": Entry("medevac.cli.event:group", "What was seen: post, list, replay.", "cli"),
    "incident": Entry("medevac.cli.incident:group", "What failed, and where its recovery stands.", "worker"),
    "job": Entry("medevac.cli.job:group", "What is on the board, and who works on it.", "worker"),
    "pacemaker": Entry("medevac.cli.pacemaker:group", "Connect a Pacemaker cluster: install, check.", "cli"),
    "policy": Entry("medevac.cli.policy:group", "What shall be recovered how: check, explain, plan, test.", "worker"),
    "site": Entry("medevac.cli.site:group", "How the site stands, and what needs a human.", "worker"),
    "worker": Entry("medevac.cli.worker:command", "Run triage and a conductor.", "worker"),
}


class LazyGroup(click.Group):
    """A group whose sub-commands are imported when they are called, never for the list of them."""

    def __init__(self, *arguments: Any, entries: Mapping[str, Entry] = COMMANDS, **named: Any) -> None:  # noqa: ANN401 - click's
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
        return own.get_short_help_str(limit=100) if own else self._entries[name].summary

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command, or fail with the names that come near."""
        near = difflib.get_close_matches(args[0], self.list_commands(ctx))
        if near and args[0] not in self.list_commands(ctx):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {' or '.join(near)}?")
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


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="medevac", message="medevac %(version)s")
def root() -> None:
    """Bring the servers of dead OpenStack compute hosts back, as their policies promise.

    Exit codes: 0 done, 1 problems found, 2 not understood, 3 cannot reach ZooKeeper.
    """


def run(arguments: Sequence[str] | None = None, command: click.Command = root) -> int:
    """Run *command* on *arguments* (the process's own by default) and return the process's exit code.

    A command that returns an int sets the code by it.
    """
    try:
        outcome = command.main(args=arguments, prog_name="medevac", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except MedevacError as error:
        click.echo(f"medevac: {error}", err=True)
        return UNREACHABLE if isinstance(error, StoreUnreachableError) else PROBLEMS
    return outcome if isinstance(outcome, int) else 0
