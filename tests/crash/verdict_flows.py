"""Verdict on flows: what must hold besides, where servers wait for each other or steps are carried out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from medevac.sandbox.cloud.model.ledger import Run
from medevac.sandbox.cloud.model.world import World
from tests.crash import verdict
from tests.crash.stage import DEAD, Stage

ACTIONS = "POST /compute/v2.1/servers/{id}/action"


def they_started_in_order(stage: Stage) -> Iterator[str]:
    """Check in the ledger that each ran once on a new host, the database first and its users after it."""
    with stage.cloud.world.settled() as world:
        started = [world.servers[run.server_id].name for run in _new_runs(world)]
    if started != ["db", "app", "web"]:
        yield f"they started as {started}"


def only_what_was_held_was_started(stage: Stage) -> Iterator[str]:
    """Check that Nova got one call for each evacuation, and one for each server that an evacuation left shut off."""
    with stage.cloud.world.settled() as world:
        calls = world.requests[ACTIONS]
        held = sum(record.stopped_at_destination for record in world.migrations.values())
    if calls != len(stage.cast.moved) + held:
        yield f"{calls} actions were asked for, and {held} servers were held"


def each_server_was_evacuated_once(stage: Stage) -> Iterator[str]:
    if stage.records() != Counter(stage.cast.moved):
        yield f"evacuation records: {dict(stage.records())}"


def each_server_moved_once(stage: Stage) -> Iterator[str]:
    """Check that of all tries only one succeeded, the last, and that each call to Nova left one record."""
    with stage.cloud.world.settled() as world:
        calls, records = world.requests[ACTIONS], list(world.migrations.values())
        ends = {
            server.name: [r.status for r in records if r.server_id == server.id] for server in world.servers.values()
        }
        runs = Counter(world.servers[run.server_id].name for run in _new_runs(world))
    for name, states in ends.items():
        if states[-1:] != ["done"] or states.count("done") != 1:
            yield f"the tries of {name} ended as {states}"
    if calls != len(records):
        yield f"{calls} actions were asked for, and {len(records)} records are there"
    if set(runs.values()) != {1}:
        yield f"they were started {dict(runs)} times"


def _new_runs(world: World) -> list[Run]:
    """Return what was started on another host than the dead one, in that order."""
    return [run for run in world.ledger.runs if run.host != DEAD]


_HOST_AND_INCIDENT: tuple[verdict.Check, ...] = (
    verdict.every_server_is_back_as_it_was,
    verdict.the_host_was_switched_off_once,
    verdict.the_host_is_out_with_our_reason,
    verdict.the_service_was_changed_once,
    verdict.the_incident_is_recovered_and_names_every_server,
)
STARTED_IN_ORDER: tuple[verdict.Check, ...] = (
    *_HOST_AND_INCIDENT,
    each_server_was_evacuated_once,
    they_started_in_order,
    only_what_was_held_was_started,
)
TRIED_AGAIN: tuple[verdict.Check, ...] = (*_HOST_AND_INCIDENT, each_server_moved_once)
