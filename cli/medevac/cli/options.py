"""Options that mean the same on every command."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT_SITE = Path("/etc/medevac/medevac.yaml")

zookeeper = click.option(
    "--zookeeper",
    envvar="MEDEVAC_ZOOKEEPER",
    show_envvar=True,
    required=True,
    metavar="HOST:PORT,.../CHROOT",
    help="The site's ZooKeeper servers, and the path below which medevac's data lies.",
)
"""Where the site's ZooKeeper is; passed as `zookeeper`."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
"""For every command that reads; passed as `as_json`."""

site_file = click.option(
    "--site",
    "site_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="MEDEVAC_SITE",
    show_envvar=True,
    help=f"The site file; {DEFAULT_SITE} where it exists.",
)
"""What is known about the site; passed as `site_file`."""
