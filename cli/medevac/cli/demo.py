"""`medevac demo`: a whole site on this machine, a host that dies, and the verdict on what medevac made of it."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console

from medevac.sandbox.demo.cast import FEWEST_SERVERS
from medevac.sandbox.demo.play import play
from medevac.sandbox.demo.story import Options

_DEFAULTS = Options()


def _in_a_folder(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """Return *value* if a file can be made there: the report comes when the demo is over, too late to find out."""
    if value is not None and not os.access(value.parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"there is no folder {str(value.parent)!r} that can be written to.")
    return value


@click.command()
@click.option("--hosts", type=click.IntRange(2, 50), default=_DEFAULTS.hosts, show_default=True, help="Compute hosts.")
@click.option(
    "--servers",
    type=click.IntRange(FEWEST_SERVERS, 1000),
    default=_DEFAULTS.servers,
    show_default=True,
    help="Servers on all of them; two fifths stand on the host that dies.",
)
@click.option("--seed", type=int, default=_DEFAULTS.seed, show_default=True, help="Decides who stands where.")
@click.option(
    "--policies",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Policies of your own, in the place of the demo's three.",
)
@click.option("--no-kill", is_flag=True, help="Let the busy conductor live.")
@click.option(
    "--fencing",
    type=click.Choice(["medevac", "pacemaker"]),
    default=_DEFAULTS.fencing,
    show_default=True,
    help="Who fences: with medevac, Pacemaker's own fencing fails first.",
)
@click.option(
    "--bmc",
    type=click.Choice(["obey", "lie", "refuse"]),
    default=_DEFAULTS.bmc,
    show_default=True,
    help="How the host's power controller behaves. One that lies makes two copies: see them found.",
)
@click.option(
    "--evacuate-seconds",
    type=click.FloatRange(0.5, 60.0),
    default=_DEFAULTS.evacuate_seconds,
    show_default=True,
    help="How long the cloud takes to move one server.",
)
@click.option(
    "--session-timeout",
    type=click.FloatRange(2.0, 40.0),
    default=_DEFAULTS.session_timeout,
    show_default=True,
    help="Seconds of silence after which another conductor takes over; 8 outside the demo.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_in_a_folder,
    help="Write the report to this file too.",
)
@click.option("--keep", is_flag=True, help="Leave the site up until Ctrl-C, and say how to look around.")
@click.option("--plain", is_flag=True, help="Lines of text, even in a terminal.")
def command(
    hosts: int,
    servers: int,
    seed: int,
    policies: Path | None,
    no_kill: bool,
    fencing: str,
    bmc: str,
    evacuate_seconds: float,
    session_timeout: float,
    json_file: Path | None,
    keep: bool,
    plain: bool,
) -> int:
    """Watch a compute host die and its servers come back, on a site of its own on this machine.

    ZooKeeper, TaskFlow, triage, conductors, alert agent and Nova's client are the real ones; the cloud and its power
    controllers are simulated.  Exits with 0 only if everything held that has to.
    """
    options = Options(
        hosts=hosts,
        servers=servers,
        seed=seed,
        kill=not no_kill,
        fencing=fencing,
        bmc=bmc,
        evacuate_seconds=evacuate_seconds,
        session_timeout=session_timeout,
        policies=policies,
    )
    console = Console(force_terminal=False if plain else None)
    return play(options, console, json_file=json_file, keep=keep)
