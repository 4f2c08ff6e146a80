"""Hold, abort and release: what an operator says about one incident, also while no worker runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click
from kazoo.client import KazooClient

from medevac.cli import exits, options, output
from medevac.cli.zookeeper import store
from medevac.core.errors import MedevacError, StoreUnreachableError
from medevac.workers.brakes import orders
from medevac.workers.brakes.orders import Given

_incidents = click.argument("incident_ids", metavar="INCIDENT...", nargs=-1, required=True)
_why = click.option("--why", required=True, callback=options.one_line, help="Why, for the journal of the incident.")


@click.command()
@options.zookeeper
@_incidents
@_why
@options.by
def hold(zookeeper: str, incident_ids: Sequence[str], why: str, by: str) -> int:
    """Let nothing more be begun for an incident until it is released.

    A step that is under way stops at its next call; what Nova was asked for already goes on.
    """
    return _give(zookeeper, incident_ids, Given(by, why, time.time()), orders.hold)


@click.command()
@options.zookeeper
@_incidents
@_why
@options.by
def release(zookeeper: str, incident_ids: Sequence[str], why: str, by: str) -> int:
    """Let an incident go that is on hold, or held by the breaker, a limit or a maintenance.

    What waits for room, for its storage or for its host is tried at once.

    Not by this: what is disarmed (medevac site arm), what waits for proof that its host is off, and a site that is
    cut off from its cloud.
    """
    return _give(zookeeper, incident_ids, Given(by, why, time.time()), orders.release)


@click.command()
@options.zookeeper
@_incidents
@_why
@options.by
def abort(zookeeper: str, incident_ids: Sequence[str], why: str, by: str) -> int:
    """Stop a recovery, undo what can be undone, and end the incident as parked; it says what could not be undone."""
    return _give(zookeeper, incident_ids, Given(by, why, time.time()), orders.abort)


def _give(
    zookeeper: str, incident_ids: Sequence[str], said: Given, order: Callable[[KazooClient, str, Given], str]
) -> int:
    failed = 0
    with store(zookeeper) as client:
        for incident_id in incident_ids:
            try:
                output.say(f"{incident_id}: {order(client, incident_id, said)}.")
            except StoreUnreachableError:
                raise
            except MedevacError as error:
                failed = exits.PROBLEMS
                output.complain(str(error))
    return failed
