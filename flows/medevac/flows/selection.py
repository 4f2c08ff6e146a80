"""Selection: which servers of a dead host Nova can and we may evacuate, and the sentence for each that stays."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.policy.matching import matches
from medevac.flows.ports import Server

EVACUABLE = frozenset({"active", "stopped", "error"})
"""The vm_states that Nova evacuates (nova/compute/api.py: evacuate); others answer 409."""

OWNER_DELETES = frozenset({"deleting", "soft-deleting"})


def why_left(server: Server, shared_storage: Sequence[str]) -> str:
    """Return why *server* is not evacuated, or nothing when it is.

    *shared_storage* are globs of the availability zones in which disks made from images survive their host.
    """
    if server.task_state in OWNER_DELETES or server.vm_state in ("deleted", "soft-delete"):
        return "its owner is deleting it"
    if not server.launched:
        return f"it never ran (vm_state {server.vm_state}): Nova does not evacuate it"
    if server.vm_state not in EVACUABLE:
        return f"Nova does not evacuate a server that is {server.vm_state}; it waits for its host"
    if server.image_id and not any(matches(glob, server.zone) for glob in shared_storage):
        return (
            f"its disk was made from an image, and the site file does not say that zone {server.zone or '(none)'} "
            f"has shared storage: an evacuation would rebuild the disk empty"
        )
    return ""
