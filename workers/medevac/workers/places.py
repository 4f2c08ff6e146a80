"""Places: how many flows a worker runs at once, so that those which wait for hours take nothing from dead hosts."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.workers.engine.job import BoardJob

OTHERS = 16
"""Flows for hosts that live and for single servers; most of their time they wait, and a wait costs a thread."""
RETURNS = 8
"""Hosts that come back: each may wait for minutes for its nova-compute, and while it does another host may die."""


def has_place(job: BoardJob, running: Sequence[BoardJob], hosts: int) -> bool:
    """Tell whether *job* may run beside those that are *running*, *hosts* of which may be for hosts that died."""
    kind = _kind(job)
    beside = sum(_kind(other) == kind for other in running)
    return beside < {HOST_DOWN: hosts, HOST_UP: RETURNS}.get(kind, OTHERS)


def slots(hosts: int) -> int:
    """Return how many flows a worker runs at once, *hosts* of which may be for hosts that died."""
    return hosts + RETURNS + OTHERS


def _kind(job: BoardJob) -> str:
    """Return whose place *job* takes: of a host that died, so does one that does not say; of a return; or of others."""
    failure, colon, _ = str((job.details or {}).get("incident", "")).partition(":")
    return HOST_DOWN if not colon else failure if failure in (HOST_DOWN, HOST_UP) else ""
