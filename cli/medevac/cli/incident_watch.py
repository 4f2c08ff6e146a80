"""`medevac incident watch`: the timeline of an incident as it is written, until the incident is over."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click
from kazoo.client import KazooClient

from medevac.cli import exits, options, output
from medevac.cli.zookeeper import store
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.core.wire import to_plain
from medevac.workers import incidents

EVERY = 1.0
"""Seconds between two looks, each of two small reads."""


@click.command()
@click.argument("incident_id", metavar="INCIDENT")
@options.zookeeper
@options.as_json
def watch(incident_id: str, zookeeper: str, as_json: bool) -> int:
    """Follow the timeline of INCIDENT until it is over; the exit code is 1 if it ended as parked.

    With --json each line of the timeline is an object on a line of its own, and the incident is the last.
    """
    with store(zookeeper) as client:
        opened_at = incidents.read(client, incident_id).incident.opened_at

        def tell(entry: JournalEntry) -> None:
            if as_json:
                click.echo(json.dumps(to_plain(entry)))
            else:
                output.entry(f"{entry.at - opened_at:+9.3f}  ", entry.text)

        ended = _follow(client, incident_id, tell)
    if as_json:
        click.echo(json.dumps(to_plain(ended)))
    else:
        output.say(f"{ended.id} is {ended.state}: {ended.reason}")
    return exits.PROBLEMS if ended.state is IncidentState.PARKED else 0


def _follow(client: KazooClient, incident_id: str, tell: Callable[[JournalEntry], None]) -> Incident:
    """Tell what is written, as it is, and return the incident when it is over."""
    known = 0
    while True:
        # In this order: what is written together with its end is there then.
        incident = incidents.read(client, incident_id).incident
        names = incidents.pages(client, incident_id)
        for name in names[known:]:
            for entry in incidents.entries_of(client, incident_id, name):
                tell(entry)
        known = len(names)
        if incident.state.final:
            return incident
        time.sleep(EVERY)
