"""The commands about the job board: what is to be done, and who does it."""

from __future__ import annotations

import click

from medevac.cli import options, output
from medevac.cli.groups import Group
from medevac.cli.zookeeper import store
from medevac.core.wire import to_plain
from medevac.workers import board_view


@click.group(cls=Group)
def group() -> None:
    """See what is on the job board, and who works on it."""


@group.command("list")
@options.zookeeper
@options.as_json
def list_(zookeeper: str, as_json: bool) -> None:
    """List the jobs on the board.  A job that is done leaves it: see `medevac incident list`."""
    with store(zookeeper) as client:
        found = list(board_view.jobs(client))
    if as_json:
        output.as_json(to_plain(found))
        return
    if not found:
        click.echo("The board is empty. What is done or parked: medevac incident list")
        return
    rows = [(j.id, j.priority, j.incident, output.moment(j.posted_at), j.owner or "nobody yet") for j in found]
    output.table(("JOB", "PRIORITY", "INCIDENT", "POSTED", "CLAIMED BY"), rows)


@group.command()
@click.argument("job")
@options.zookeeper
@options.as_json
def show(job: str, zookeeper: str, as_json: bool) -> None:
    """Show one job (its id or its incident) and how far its steps are."""
    with store(zookeeper) as client:
        row = board_view.find(client, job)
        atoms = board_view.atoms(client, row)
    if as_json:
        output.as_json({"job": to_plain(row), "steps": to_plain(atoms)})
        return
    click.echo(f"{row.id}: {row.name}, priority {row.priority}, attempt {row.attempt}")
    click.echo(f"  posted at {output.moment(row.posted_at)}, claimed by {row.owner or 'nobody yet'}")
    click.echo("\nSteps")
    output.table(("STEP", "STATE"), [(atom.name, atom.state) for atom in atoms])
