"""The root command, and the one place where errors become exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from medevac.cli import exits, output
from medevac.cli.groups import Entry, Group
from medevac.core.errors import MedevacError, UnreachableError

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


@click.command(
    cls=Group,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="medevac", message="medevac %(version)s")
def root() -> None:
    """Bring the servers of dead OpenStack compute hosts back, as their policies promise.

    Exit codes: 0 done, 1 problems found, 2 not understood, 3 cannot reach ZooKeeper, cloud or cluster.
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
        return exits.INTERRUPTED
    except MedevacError as error:
        output.complain(str(error))
        return exits.UNREACHABLE if isinstance(error, UnreachableError) else exits.PROBLEMS
    return outcome if isinstance(outcome, int) else 0
