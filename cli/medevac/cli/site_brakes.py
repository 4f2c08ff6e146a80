"""Disarm, arm and maintenance: what people tell medevac before they work on the site."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from medevac.cli import options, output, places
from medevac.cli.moments import Moment, Until
from medevac.cli.zookeeper import store
from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.workers import board_view
from medevac.workers.brakes import marks
from medevac.workers.brakes.going import set_going
from medevac.workers.brakes.marks import CLOUD, Disarm, Maintenance, Mode
from medevac.workers.brakes.view import ending

UNTIL = "When it ends by itself: 2h, a time (UTC, where it names no zone), or never."


def _place_name(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """Return *value* if it can be the name of a place: dots alone would be the path of something else in ZooKeeper."""
    name = options.one_line(context, parameter, value)
    if name and not name.strip("."):
        raise click.BadParameter(f"no zone, aggregate, rack or host is called {name!r}.")
    return name


unchecked_option = click.option("--unchecked", is_flag=True, help="Do not ask the cloud whether there is such a place.")
reason_option = click.option(
    "--reason", "--why", required=True, callback=options.one_line, help="Why, for those who find it at night."
)


class NotMarkedError(MedevacError):
    """There is no such mark."""


@click.command()
@options.zookeeper
@click.option(
    "--scope",
    default=CLOUD,
    show_default=True,
    callback=_place_name,
    help="cloud, or a zone, aggregate, rack or host by its name.",
)
@click.option("--mode", type=click.Choice([str(mode) for mode in Mode]), default=str(Mode.FREEZE), show_default=True)
@click.option("--until", type=Moment(), required=True, help=UNTIL)
@reason_option
@options.site_file
@unchecked_option
@options.by
def disarm(
    zookeeper: str, scope: str, mode: str, until: Until, reason: str, site_file: Path | None, unchecked: bool, by: str
) -> None:
    """Begin nothing in a part of the cloud: freeze holds what fails there, ignore forgets it.

    Recoveries that have begun are finished: a host that is half recovered is worse than one that is whole.
    Write zone:NAME, aggregate:NAME, rack:NAME or host:NAME where a name could mean two things.
    """
    now = time.time()
    mark = Disarm(scope, Mode(mode), by, reason, now, until.at(now))
    if scope != CLOUD and not unchecked:
        places.check(scope, site_file)
    with store(zookeeper) as client:
        replaced = [each for each in marks.disarms(client, now) if each.scope == scope]
        marks.put(client, mark)
        begun = [row.incident for row in board_view.jobs(client) if row.claims]
    output.say(f"{mark}, {ending(mark.until)}.")
    for each in replaced:
        output.say(f"That takes the place of: {each}, {ending(each.until)}.")
    if begun:
        output.say(f"Under way, and finished first where they are in {scope}: {', '.join(begun)}")


@click.command()
@options.zookeeper
@click.option("--scope", default=CLOUD, show_default=True, callback=_place_name, help="As it was disarmed.")
@options.by
def arm(zookeeper: str, scope: str, by: str) -> None:
    """Arm what was disarmed: what was held meanwhile is judged anew, by what Nova says then."""
    with store(zookeeper) as client:
        now = time.time()
        known = marks.disarms(client, now)
        if not marks.remove(client, layout.disarm(scope)):
            raise NotMarkedError(_nothing(scope, known))
        going = set_going(client, lambda each: each.held_by == "disarm", f"armed by {by}: judged anew", now)
    scopes = [each.scope for each in known]
    output.say(f"{scope} {'is armed' if scope in scopes else 'was armed already: its time was over'}. {_judged(going)}")
    if others := [each for each in scopes if each != scope]:
        output.say(f"Still disarmed: {', '.join(others)}.")


@click.command()
@options.zookeeper
@click.argument("host", callback=_place_name)
@click.option("--until", type=Moment(), help=UNTIL)
@click.option("--reason", "--why", callback=options.one_line, help="Why, for those who find it at night.")
@click.option("--end", is_flag=True, help="The maintenance is over.")
@options.site_file
@unchecked_option
@options.by
def maintenance(
    zookeeper: str,
    host: str,
    until: Until | None,
    reason: str,
    end: bool,
    site_file: Path | None,
    unchecked: bool,
    by: str,
) -> None:
    """Announce that HOST (Nova's name of it) will be stopped: that starts no recovery.

    If no server runs on it when it stops, nothing is done.  If some do, the incident is held, and told: you decide.
    When the maintenance ends and the host is still away, its recovery begins.
    """
    if end and (until is not None or reason):
        raise click.UsageError("give either --until and --reason, or --end")
    if end:
        with store(zookeeper) as client:
            _end(client, host, by)
        return
    if until is None or not reason:
        raise click.UsageError("give --until and --reason, or --end")
    if not unchecked:
        places.check(f"host:{host}", site_file)
    now = time.time()
    mark = Maintenance(host, by, reason, now, until.at(now))
    with store(zookeeper) as client:
        replaced = [each for each in marks.maintenances(client, now) if each.host == host]
        marks.put(client, mark)
    output.say(f"{host} is in maintenance by {by} ({reason}), {ending(mark.until)}.")
    for each in replaced:
        output.say(f"That takes the place of what {each.by} announced ({each.reason}), {ending(each.until)}.")


def _end(client: object, host: str, by: str) -> None:
    if not marks.remove(client, layout.maintenance(host)):
        raise NotMarkedError(f"{host} is not in maintenance: `medevac site status` shows which hosts are")
    going = set_going(
        client,
        lambda each: each.held_by == "maintenance" and host in (each.subject.name, each.host),
        f"maintenance ended by {by}: judged anew",
        time.time(),
    )
    output.say(f"The maintenance of {host} is over. {_judged(going)}")


def _judged(going: Sequence[str]) -> str:
    return f"Judged anew: {', '.join(going)}" if going else "Nothing was held by it."


def _nothing(scope: str, known: Sequence[Disarm]) -> str:
    if not known:
        return "nothing is disarmed"
    return f"{scope} is not disarmed; these are: {', '.join(each.scope for each in known)}"


def show(disarms: Sequence[Disarm], maintenances: Sequence[Maintenance]) -> None:
    """Print what is marked; nothing when nothing is."""
    if disarms:
        rows = [(m.scope, str(m.mode), m.by, output.moment(m.until or None), m.reason) for m in disarms]
        output.table(("DISARMED", "MODE", "BY", "UNTIL", "WHY"), rows)
        click.echo()
    if maintenances:
        announced = [(m.host, m.by, output.moment(m.until or None), m.reason) for m in maintenances]
        output.table(("IN MAINTENANCE", "BY", "UNTIL", "WHY"), announced)
        click.echo()
