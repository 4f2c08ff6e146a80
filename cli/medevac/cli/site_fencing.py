"""`medevac site fencing`: whether hosts could be fenced: as the last rounds found, or tried now from here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from medevac.cli import exits, options, output
from medevac.cli.zookeeper import store
from medevac.core.wire import to_plain
from medevac.workers.fencing.rounds import FencePath, paths, try_host
from medevac.workers.ladders import fencer_of
from medevac.workers.site import read_site


@click.command()
@click.argument("hosts", metavar="[HOST]...", nargs=-1)
@click.option("--try", "now", is_flag=True, help="Try each rung of the HOSTs now, from here; nothing is switched.")
@options.site_file
@options.zookeeper
@options.as_json
def fencing(hosts: Sequence[str], now: bool, site_file: Path | None, zookeeper: str, as_json: bool) -> int:
    """Show whether hosts could be fenced if they died; exit 1 when one could not.

    Without --try: what the hourly rounds found, also while no worker runs. With it, the ladder of the site file is
    read and its devices are asked, as a worker on this machine would.
    """
    found = _tried(hosts, site_file) if now else _known(hosts, zookeeper)
    if as_json:
        output.as_json([{**to_plain(path), "valid": path.valid} for path in found])
    elif found:
        output.table(("HOST", "RUNG", "WORKS", "TRIED", "SAYS"), [row for path in found for row in _rows(path)])
    unknown = [host for host in hosts if host not in {path.host for path in found}]
    if (unknown or not found) and not as_json:
        of = f" of {', '.join(unknown)}" if unknown else ""
        output.say(
            f"No fence path{of} has been tried yet: rounds are gone by the worker that leads triage (fence_rounds)."
        )
    return 0 if all(path.valid for path in found) and not unknown else exits.PROBLEMS


def _known(hosts: Sequence[str], zookeeper: str) -> list[FencePath]:
    with store(zookeeper) as client:
        return [path for path in paths(client) if not hosts or path.host in hosts]


def _tried(hosts: Sequence[str], site_file: Path | None) -> list[FencePath]:
    if not hosts:
        raise click.UsageError("Name the hosts that are to be tried, as Nova does.")
    fencer = fencer_of(read_site(site_file))
    return [try_host(fencer, host, time.time()) for host in hosts]


def _rows(path: FencePath) -> list[tuple[str, ...]]:
    tried = output.moment(path.at)
    if not path.rungs:
        return [(path.host, "-", "no", tried, "it has no ladder in the site file")]
    return [
        (path.host, each.rung, ("yes" if each.suffices else "waits") if each.works else "no", tried, each.words)
        for each in path.rungs
    ]
