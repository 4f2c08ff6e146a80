"""`medevac incident ack`: a human's word that a host is off, with the name and the reason of who gives it."""

from __future__ import annotations

import platform
import time

import click

from medevac.cli import options, output
from medevac.cli.zookeeper import PATIENCE, store
from medevac.core.errors import MedevacError
from medevac.core.event import Event, EventKind, SubjectKind, new_event_id
from medevac.core.incident import Incident
from medevac.triggers.post import Poster
from medevac.workers import incidents

SOURCE = "operator"


@click.command()
@click.argument("incident_id", metavar="INCIDENT")
@click.option("--fenced", is_flag=True, required=True, help="Say that the host is off, or cut off from its storage.")
@click.option("--by", required=True, callback=options.one_line, help="Your name; it is kept.")
@click.option("--why", required=True, callback=options.one_line, help="How you know; it is kept.")
@options.zookeeper
def ack(incident_id: str, fenced: bool, by: str, why: str, zookeeper: str) -> None:
    """Give your word that the host of INCIDENT is off: its servers are started elsewhere on it.

    If the host runs after all, its servers run twice and destroy their disks. Pull the power, or read it yourself.
    """
    del fenced  # click has seen that it is there
    with store(zookeeper) as client:
        incident = incidents.read(client, incident_id).incident
    _require(incident)
    now = time.time()
    facts = {"human": "yes", "by": by, "action": "acknowledged", "result": why, "incident": incident.id}
    event = Event(new_event_id(now), EventKind.HOST_FENCED, incident.subject, SOURCE, platform.node(), now, facts)
    with Poster(zookeeper, PATIENCE) as poster:
        poster.post(event)
    output.say(f"Noted: {incident.subject.name} is off on the word of {by} ({why}).")
    click.echo(f"What becomes of it: medevac incident show {incident.id}")


def _require(incident: Incident) -> None:
    """Raise MedevacError unless a human's word can change anything about *incident*."""
    if incident.subject.kind is not SubjectKind.HOST:
        message = f"{incident.id} is about a {incident.subject.kind}: only a host can be fenced"
        raise MedevacError(message)
    if incident.state.final:
        message = (
            f"{incident.id} has ended ({incident.state}). If the host is dead now, say so: "
            f"medevac event post host.fenced {incident.subject.name}"
        )
        raise MedevacError(message)
    if incident.evidence is not None:
        proof = incident.evidence
        message = f"{incident.id} has evidence already: {proof.detail}, on the word of {proof.source}"
        raise MedevacError(message)
