"""Deeds: what a server's instance actions tell of its evacuations, long after their records were changed.

An action is what the API was asked for, and its events are what parts of Nova did about it
(api/openstack/compute/instance_actions.py; an event has start_time, finish_time and result, `Success` or `Error`).  Of
an evacuation the conductor records `rebuild_server`, ended once the destination was told (conductor/manager.py:
rebuild_instance), and the destination `compute_rebuild_instance`, which ends right after the record was set to `done`
(compute/manager.py: rebuild_instance).  Actions outlive their server, and no start of nova-compute changes old ones.
"""

from __future__ import annotations

from collections.abc import Iterable

from medevac.workers.openstack.convert import Json
from medevac.workers.openstack.times import to_epoch

EVACUATE = "evacuate"
REBUILD = "compute_rebuild_instance"
SUCCESS = "Success"
APART = 10.0
"""Seconds that Nova's API needs at most from recording an action to recording the migration: mostly none."""


def evacuation_asked_for(actions: Iterable[Json], recorded_at: float) -> str:
    """Return the id of the request by which the evacuation recorded at *recorded_at* was asked for; empty: unknown.

    The record does not name it.  The action is recorded first, by the same process (compute/api.py: evacuate).
    """
    asked = [(to_epoch(each["start_time"]), str(each["request_id"])) for each in actions if each["action"] == EVACUATE]
    at, request_id = max((each for each in asked if each[0] <= recorded_at), default=(0.0, ""))
    return request_id if recorded_at - at <= APART else ""


def end_of_rebuild(events: Iterable[Json]) -> float | None:
    """Return when a destination had rebuilt the server; None where none has, or not to the end."""
    ends = [
        to_epoch(each["finish_time"])
        for each in events
        if each["event"] == REBUILD and each.get("result") == SUCCESS and each.get("finish_time")
    ]
    return max(ends, default=None)
