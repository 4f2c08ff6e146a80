"""Options that mean the same on every command."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import click

DEFAULT_SITE = Path("/etc/medevac/medevac.yaml")


def zookeeper_address(context: click.Context, value: str | None) -> str:
    """Return *value*, or else what the site file of this command line says; raise MissingParameter when it does not."""
    found = value or _from_site_file(context.params.get("site_file"))
    if not found:
        raise click.MissingParameter(
            "Nor is there a site file that says it (--site, MEDEVAC_SITE).",
            ctx=context,
            param_hint="'--zookeeper' (env var: 'MEDEVAC_ZOOKEEPER')",
            param_type="option",
        )
    return found


def _from_site_file(named: Path | None) -> str:
    path = named or _default_site(Path(os.environ["MEDEVAC_SITE"]) if os.environ.get("MEDEVAC_SITE") else None)
    if path is None:
        return ""
    try:
        from medevac.workers.site import zookeeper_of  # noqa: PLC0415 - it needs YAML, which a trigger host may lack
    except ModuleNotFoundError as error:
        if error.name != "yaml":
            raise
        return ""
    return zookeeper_of(path)


def _default_site(named: Path | None) -> Path | None:
    return named or (DEFAULT_SITE if DEFAULT_SITE.exists() else None)


def who() -> str:
    """Return the person who types: the one behind sudo, where there is one."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


LONGEST = 300
"""Characters of what people write about themselves and their reasons: it is kept, and shown in tables."""


def one_line(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """Return *value* if somebody can read it later: one line with something in it; empty when nothing was said."""
    if value is None:
        return ""
    value = value.strip()
    if not value or not value.isprintable() or len(value) > LONGEST:
        raise click.BadParameter(f"write one line of at most {LONGEST} characters.")
    return value


zookeeper = click.option(
    "--zookeeper",
    envvar="MEDEVAC_ZOOKEEPER",
    show_envvar=True,
    metavar="HOST:PORT,.../CHROOT",
    callback=lambda context, _, value: zookeeper_address(context, value),
    help="The site's ZooKeeper servers, and medevac's path there.  [default: as the site file says]",
)
"""Where the site's ZooKeeper is; passed as `zookeeper`."""

by = click.option("--by", default=who, show_default="you", callback=one_line, help="Who says so.")
"""For every command that changes something; passed as `by`."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
"""For every command that reads; passed as `as_json`."""

site_file = click.option(
    "--site",
    "site_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="MEDEVAC_SITE",
    show_envvar=True,
    is_eager=True,  # --zookeeper may have to be read from it
    callback=lambda _context, _parameter, value: _default_site(value),
    help=f"The site file; {DEFAULT_SITE} where it exists.",
)
"""What is known about the site, or None; passed as `site_file`."""
