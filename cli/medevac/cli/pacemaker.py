"""The commands for a full cluster node: write the alert, check what recovery needs, find what no alert told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from medevac.cli import exits, options, output, pacemaker_agent
from medevac.cli.groups import Group
from medevac.core.errors import MedevacError
from medevac.core.wire import to_plain
from medevac.triggers import reconcile as reconciliation
from medevac.triggers.pacemaker_command import ask, status
from medevac.triggers.pacemaker_configuration import (
    ALERT,
    CONFIGURATION_FILE,
    Advice,
    Alert,
    Configuration,
    alert_xml,
    on_version,
)
from medevac.triggers.pacemaker_status import Status
from medevac.triggers.reconcile_services import ServiceFindings, find_services, post_services, remember_services
from medevac.triggers.recorder import Recorder
from medevac.triggers.settings import settings_from

AGENT = "/opt/medevac/bin/medevac-alert"
MEMORY = Path("/var/lib/medevac/reconcile.json")
_PATIENCE = 10.0
_RECONCILE_LIMIT = 45.0
"""Seconds for everything that ZooKeeper is asked; the timer comes every minute."""

_as_user = click.option(
    "--user", default=pacemaker_agent.USER, show_default=True, help="As whom Pacemaker runs alert agents."
)


@click.group(cls=Group)
def group() -> None:
    """Connect a Pacemaker cluster: run these on a full cluster node."""


@group.command()
@click.option("--agent", default=AGENT, show_default=True, help="Where medevac-alert is, on every full node.")
@click.option("--config", default=CONFIGURATION_FILE, show_default=True, help="The agent's settings, on every node.")
@click.option("--test/--no-test", default=True, show_default=True, help="Post a test event through the agent.")
@_as_user
@options.zookeeper
def install(agent: str, config: str, test: bool, user: str, zookeeper: str) -> int:
    """Write the alert into the cluster's configuration, and prove that events arrive."""
    configuration = _configuration()
    _write(configuration, alert_xml(agent, zookeeper, config))
    click.echo(f"Pacemaker runs {agent} for fencing, node and resource alerts from now on.")
    alert = _configuration().alert()
    if alert is None:
        raise MedevacError("the alert was written and is not there: see pacemaker.log")
    if test:
        click.echo(f"{pacemaker_agent.prove(alert, user).capitalize()}.")
    return 0


def _configuration() -> Configuration:
    return Configuration(ask("cibadmin", "--query"))


def _write(configuration: Configuration, alert: str) -> None:
    if configuration.alert() is not None:
        ask("cibadmin", "--replace", "--scope", "alerts", "--xml-text", alert)
    elif configuration.has_alerts:
        ask("cibadmin", "--create", "--scope", "alerts", "--xml-text", alert)
    else:
        ask("cibadmin", "--create", "--scope", "configuration", "--xml-text", f"<alerts>{alert}</alerts>")


@group.command()
def remove() -> int:
    """Take the alert out of the cluster's configuration; others stay."""
    if _configuration().alert() is None:
        click.echo("There is no alert of medevac's.")
        return 0
    ask("cibadmin", "--delete", "--scope", "alerts", "--xml-text", f'<alert id="{ALERT}"/>')
    click.echo("Pacemaker tells medevac nothing from now on.")
    return 0


@group.command()
@click.option("--test", is_flag=True, help="Post a test event through the agent, and wait for it to arrive.")
@_as_user
@options.as_json
def check(test: bool, user: str, as_json: bool) -> int:
    """Check alert, agent, fencing and monitors; exit 1 when something would fail at 3 a.m."""
    configuration = _configuration()
    alert = configuration.alert()
    advice = [*configuration.advice(), *on_version(status().version)]
    if alert is not None:
        advice += _try(alert, user, test=test)
    _show(advice, as_json=as_json)
    return exits.PROBLEMS if any(each.grave for each in advice) else 0


def _try(alert: Alert, user: str, *, test: bool) -> list[Advice]:
    try:
        found = list(pacemaker_agent.check(alert, user))
        if test and not found:
            pacemaker_agent.prove(alert, user)
    except MedevacError as error:
        return [Advice("agent", str(error), "on every full node: medevac pacemaker check")]
    return found


def _show(advice: list[Advice], *, as_json: bool) -> None:
    if as_json:
        output.as_json(to_plain(advice))
    elif advice:
        rows = [("problem" if each.grave else "note", each.about, each.problem, each.remedy) for each in advice]
        output.table(("", "ABOUT", "WHAT", "REMEDY"), rows)
    else:
        click.echo("The cluster is set up as recovery needs it.")


@group.command()
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    default=MEMORY,
    envvar="MEDEVAC_STATE",
    show_envvar=True,
    show_default=True,
    help="Where this node keeps what the last run saw.",
)
@options.zookeeper
@options.as_json
def reconcile(state: Path, zookeeper: str, as_json: bool) -> int:
    """Post what the cluster's records say and no alert told; a timer runs it on every full node."""
    memory = reconciliation.read_memory(state)
    now = time.time()
    seen = status()
    found = reconciliation.find(seen, memory, reporter=os.uname().nodename, now=now)
    services = _services(seen, memory, now)
    posted = []
    if found.fencings or found.members or services.down or services.up:
        with Recorder(zookeeper, _RECONCILE_LIMIT, patience=_PATIENCE) as recorder:
            posted = [*reconciliation.post(found, recorder), *post_services(services, memory, recorder, now)]
    remembered = remember_services(reconciliation.remember(seen, memory, found, now), services, now)
    reconciliation.write_memory(state, remembered)
    if as_json:
        output.as_json(to_plain(posted))
    for event in () if as_json else posted:
        click.echo(f"Posted event {event.id}: {event.kind} of {event.subject.name}.")
    return 0


def _services(seen: Status, memory: reconciliation.Memory, now: float) -> ServiceFindings:
    """Return what is failed; which resources are services, the agent's own settings say."""
    settings = settings_from(os.environ)
    if settings.complaint:
        output.complain(settings.complaint)
    return find_services(seen, memory, settings.services, reporter=os.uname().nodename, now=now)
