"""The commands about incidents: what failed, and where its recovery stands."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from medevac.cli import incident_orders, options, output
from medevac.cli.groups import Group
from medevac.cli.incident_ack import ack
from medevac.cli.incident_watch import watch
from medevac.cli.zookeeper import store
from medevac.core.incident import Incident, IncidentState
from medevac.core.wire import to_plain
from medevac.flows.policy.words import HOST_DOWN
from medevac.workers import incidents
from medevac.workers.brakes import view
from medevac.workers.brakes.orders import Order
from medevac.workers.brakes.view import BrakeView


@click.group(cls=Group)
def group() -> None:
    """See what failed, and where its recovery stands."""


group.add_command(incident_orders.hold)
group.add_command(incident_orders.abort)
group.add_command(incident_orders.release)
group.add_command(ack)
group.add_command(watch)


@group.command("list")
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over: recovering, or held.")
@options.zookeeper
@options.as_json
def list_(only_open: bool, zookeeper: str, as_json: bool) -> None:
    """List all incidents, oldest first."""
    with store(zookeeper) as client:
        found = [each for each in incidents.read_all(client) if not (only_open and each.state.final)]
        seen = view.look(client, found, time.time())
    if as_json:
        output.as_json(to_plain(found))
        return
    if not found:
        click.echo("No incident is open." if only_open else "No incident is known.")
        return
    rows = [(i.id, _state(i, seen), output.moment(i.opened_at), i.reason) for i in found]
    output.table(("INCIDENT", "STATE", "SEEN", "WHY"), rows)


@group.command()
@click.argument("incident_id", metavar="INCIDENT")
@options.zookeeper
@options.as_json
def show(incident_id: str, zookeeper: str, as_json: bool) -> None:
    """Show one incident: its state, its evidence, its timeline and its report."""
    with store(zookeeper) as client:
        incident = incidents.read(client, incident_id).incident
        journal = incidents.journal(client, incident_id)
        report = incidents.report(client, incident_id)
        seen = view.look(client, [incident], time.time())
    if as_json:
        stands = {"held": to_plain(seen.by_incident.get(incident_id)), "unclaimed": seen.unclaimed.get(incident_id)}
        output.as_json({"incident": to_plain(incident), "journal": to_plain(journal), "report": report, **stands})
        return
    _head(incident, seen)
    click.echo("\nTimeline (seconds after it was seen)")
    width = max((len(entry.step) for entry in journal), default=0)
    for entry in journal:
        output.entry(f"  {entry.at - incident.opened_at:+9.3f}  {entry.step:<{width}}  ", entry.text)
    if report is not None:
        _report(report)


def _state(incident: Incident, seen: BrakeView) -> str:
    waits = seen.by_incident.get(incident.id)
    if incident.state is IncidentState.RECOVERING:
        if waits:
            return "being aborted" if waits.held_by == Order.ABORT else "on hold"
        return "waiting" if incident.id in seen.unclaimed else incident.state.value
    return incident.state.value + (f" by {waits.held_by}" if waits and waits.held_by else "")


def _head(incident: Incident, seen: BrakeView) -> None:
    click.echo(f"{incident.id}: {_state(incident, seen)}")
    output.say(incident.reason, 2)
    if waits := seen.by_incident.get(incident.id):
        again = f", looked at again at {output.moment(waits.again_at)}" if waits.again_at else ""
        if waits.reason != incident.reason:
            output.say(waits.reason, 2)
        output.say(f"set going by {waits.released_by}{again}", 2)
    if incident.id in seen.unclaimed:
        output.say(seen.unclaimed[incident.id], 2)
    click.echo(f"  seen at {output.moment(incident.opened_at)}, attempt {incident.attempt}")
    proof = incident.evidence
    if proof is None and incident.failure != HOST_DOWN:
        return
    said = f"{proof.detail}, on the word of {proof.source}, at {output.moment(proof.at)}" if proof else _none(incident)
    if proof and proof.confirmed_by:
        said += f", confirmed by {', '.join(proof.confirmed_by)}"
    output.say(f"evidence that {incident.subject.name} is off: {said}", 2)


def _none(incident: Incident) -> str:
    return "none" if incident.state.final else "none yet"


def _report(report: Mapping[str, Any]) -> None:
    if not report["servers"]:
        return
    click.echo("\nServers")
    rows = [
        (row["name"], row["policy"] or "-", row["result"], output.seconds(row["down_seconds"]), row["reason"])
        for row in report["servers"]
    ]
    output.table(("SERVER", "POLICY", "RESULT", "DOWN", "WHY"), rows)
