"""The command that runs a worker: triage, a conductor, or both."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from medevac.cli import options
from medevac.workers.site import read_site
from medevac.workers.worker import Roles, Worker
from medevac.workers.zookeeper import SESSION_TIMEOUT


@click.command()
@options.site_file
@click.option(
    "--role",
    type=click.Choice(["both", "triage", "conductor"]),
    default="both",
    show_default=True,
    help="What this worker does.",
)
@click.option(
    "--session-timeout",
    type=click.FloatRange(1.0, 40.0),
    default=SESSION_TIMEOUT,
    show_default=True,
    help="Seconds of silence after which another worker takes over.",
)
@click.option("--verbose", is_flag=True, help="Log every call and every transition.")
def command(site_file: Path | None, role: str, session_timeout: float, verbose: bool) -> None:
    """Run triage and a conductor until told to stop (SIGTERM, Ctrl-C).

    Run one on each of at least two machines: one leads triage, all claim jobs, and any may die at any time.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s",
    )
    for noisy in () if verbose else ("kazoo", "taskflow", "keystoneauth", "stevedore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    roles = Roles(
        triage=role in ("both", "triage"), conductor=role in ("both", "conductor"), session_timeout=session_timeout
    )
    Worker(read_site(site_file), roles).run()
