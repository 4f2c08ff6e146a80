"""Prints: a digest of what each key of the site file says, so that workers which go by different files are noticed.

What may differ from machine to machine is left out: where secrets and policies lie, the words before Pacemaker's
commands, who answers as gateway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass

from medevac.workers.roll import RollEntry
from medevac.workers.site import Site

CLOUD = "cloud"
"""Which cloud it is: the key that tells it by name is compared by where the name leads."""
_OF_THE_MACHINE = ("zookeeper", "policies", CLOUD)
_WITHIN = ("through", "cluster", "gateway", "file", "env")
_DIGITS = 12


def prints(site: Site, cloud: str) -> dict[str, str]:
    """Return a digest for each key of *site*, and of *cloud*, the address of the cloud that it leads to."""
    said = {each.name: _said(getattr(site, each.name)) for each in fields(site) if each.name not in _OF_THE_MACHINE}
    return {key: hashlib.sha256(text.encode()).hexdigest()[:_DIGITS] for key, text in (said | {CLOUD: cloud}).items()}


def differing(workers: Sequence[RollEntry]) -> tuple[str, ...]:
    """Return the keys of which *workers* say different things; those of a release that does not tell are left out."""
    told = [worker.site for worker in workers if worker.site]
    shared = set.intersection(*(set(site) for site in told)) if told else set()
    return tuple(sorted(key for key in shared if len({site[key] for site in told}) > 1))


def problem(workers: Sequence[RollEntry]) -> str:
    """Return what is wrong where they differ, and what to do; empty where they do not."""
    keys = differing(workers)
    if not keys:
        return ""
    sides: dict[tuple[str, ...], list[str]] = {}
    for worker in workers:
        if worker.site:
            sides.setdefault(tuple(worker.site[key] for key in keys), []).append(worker.name)
    between = " and ".join(", ".join(sorted(side)) for side in sorted(sides.values()))
    named = " and ".join(f"'{key}'" for key in keys)
    verb = "is" if len(keys) == 1 else "are"
    return (
        f"the workers go by different site files: {named} of {between} {verb} not the same. "
        "Who claims an incident decides by its own: bring the files to the same state and restart the workers"
    )


def _said(value: object) -> str:
    """Return *value* as a text that is the same wherever it is the same."""
    if is_dataclass(value):
        inner = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in _WITHIN}
        return f"{type(value).__name__}{_said(inner)}"
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{key}:{_said(each)}" for key, each in value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_said, value)) + "]"
    return repr(value)
