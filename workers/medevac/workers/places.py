"""Places: how many flows a worker runs at once, so that those which wait for hours take nothing from dead hosts."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.workers.engine.job import BoardJob

OTHERS = 16
"""Flows for hosts that live and for single servers; most of their time they wait, and a wait costs a thread."""
_HOSTS = (HOST_DOWN, HOST_UP)


def has_place(job: BoardJob, running: Sequence[BoardJob], hosts: int) -> bool:
    """Tell whether *job* may run beside those that are *running*, *hosts* of which may be for hosts that died."""
    kind = is_of_dead_host(job)
    beside = sum(is_of_dead_host(other) is kind for other in running)
    return beside < (hosts if kind else OTHERS)


def is_of_dead_host(job: BoardJob) -> bool:
    """Tell whether *job* is for a host that died, or returns; so is one that does not say."""
    failure, colon, _ = str((job.details or {}).get("incident", "")).partition(":")
    return not colon or failure in _HOSTS
