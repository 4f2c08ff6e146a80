"""`medevac policy plan`: what would be done if hosts failed now.  The cloud is asked and never changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from medevac.cli import exits, options, output, plan_text, room
from medevac.cli.ground import Ground, failure_option, ground, policies_option
from medevac.core.errors import MedevacError, NotFoundError
from medevac.flows.picture import picture
from medevac.flows.preview import Preview

_DRAWING = 30.0
"""Seconds for Graphviz."""


@click.command("plan")
@click.option("--host", help="One host fails.")
@click.option("--hosts", metavar="HOST,HOST", help="Several hosts fail at once.")
@click.option("--az", help="All hosts of an availability zone fail at once.")
@failure_option
@options.site_file
@policies_option
@options.as_json
@click.option("--picture", "drawing", type=click.Choice(["mermaid", "dot", "svg"]), help="Draw the flow, only.")
def command(
    host: str | None,
    hosts: str | None,
    az: str | None,
    failure: str,
    site_file: Path | None,
    policies: Path | None,
    as_json: bool,
    drawing: str | None,
) -> None:
    """Tell what would be done if hosts failed now: steps, servers, order, what would be left, and room for it.

    The cloud is asked and never changed.  Exit code 1 when an incident would be held for want of a fence device, or
    a server left that nobody meant to leave, or no room found.
    """
    if sum(each is not None for each in (host, hosts, az)) != 1:
        raise click.UsageError("say one of --host, --hosts and --az")
    with ground(site_file, policies, failure) as found:
        seen = [found.preview(name) for name in _dying(found, host or hosts or "", az)]
        if drawing:
            click.echo(_drawn(seen, drawing))
            return
        outlook = room.outlook(found, seen)
        views = [plan_text.View(each, failure, found.fence_agent(each.host)) for each in seen]
    if as_json:
        output.as_json({"failure": failure, "hosts": [view.plain() for view in views], "room": room.plain(outlook)})
    else:
        click.echo("\n\n".join([*(view.text() for view in views), f"Room\n{room.text(outlook)}"]))
    if any(view.troubled for view in views) or (isinstance(outlook, room.Outlook) and not outlook.fit.fits):
        sys.exit(exits.PROBLEMS)


def _dying(found: Ground, hosts: str, zone: str | None) -> list[str]:
    """Return the names of the hosts that fail."""
    if zone is None:
        return list(dict.fromkeys(name.strip() for name in hosts.split(",") if name.strip()))
    services = found.overview.services()
    named = [service.host for service in services if service.zone == zone]
    if not named:
        known = ", ".join(sorted({service.zone for service in services if service.zone}))
        raise NotFoundError(f"no compute host is in availability zone {zone!r}; there are: {known}")
    return named


def _drawn(seen: Sequence[Preview], drawing: str) -> str:
    """Return the flows of *seen*, one drawing each; those of which nothing comes have none."""
    texts = []
    for each in seen:
        if not each.decision.recover:
            raise MedevacError(f"there is nothing to draw for {each.host}: {each.decision.reason}")
        drawn = picture(each.decision.document, _notes(each))
        texts.append(drawn.mermaid() if drawing == "mermaid" else drawn.dot())
    return "\n".join(texts if drawing != "svg" else map(_svg, texts))


def _notes(seen: Preview) -> dict[str, str]:
    """Return, for each evacuate step, how many servers it has."""
    return {f"evacuate:{policy.name}": f"{len(seen.plan.of(policy.name))} servers" for policy in seen.order}


def _svg(dot: str) -> str:
    program = shutil.which("dot")
    if program is None:
        raise MedevacError("--picture svg needs the program dot of Graphviz: install it, or take --picture mermaid")
    try:
        done = subprocess.run(
            [program, "-Tsvg"], input=dot, capture_output=True, text=True, timeout=_DRAWING, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MedevacError(f"Graphviz could not draw it: {error}") from error
    return done.stdout
