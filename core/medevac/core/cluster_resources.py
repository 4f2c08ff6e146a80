"""What the cluster says of its resources now, and of the operations that failed: parts of crm_mon's XML as nouns.

Source: Pacemaker 2.1.5's schemas api/resources-2.24.rng and api/failure-2.8.rng, and tests/data/pacemaker-status.
"""

from __future__ import annotations

import calendar
import re
import time

# The text comes from the cluster's own command on this machine, which only root and haclient can be.
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

_AROUND = frozenset({"clone", "group", "bundle", "replica"})
_STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Instance:
    """A resource, or one instance of a cloned one, as the cluster sees it."""

    resource: str
    """Its id; all instances of an anonymous clone have the same."""
    nodes: tuple[str, ...]
    """Where it is active; empty: nowhere."""
    failed: bool
    managed: bool
    """The cluster acts on it, and on all that it is part of: neither unmanaged nor in maintenance."""
    disabled: bool
    """An operator wants it, or what it is part of, stopped."""
    orphaned: bool
    """It is no longer configured."""

    def runs_on(self, node: str) -> bool:
        """Tell whether it works on *node*, as far as the cluster knows."""
        return node in self.nodes and not self.failed


@dataclass(frozen=True, slots=True)
class Failure:
    """The newest failure of one operation of a resource on a node; it stays until somebody cleans it up."""

    resource: str
    node: str
    task: str
    interval: int
    """Milliseconds; 0 for what does not recur."""
    code: int
    """The agent's exit code, as OCF counts."""
    status: str
    """How the execution ended, such as "complete" or "Timed Out"."""
    at: float
    """When it failed or, of what does not recur, began: seconds since the epoch on the clock of the node itself."""


def instances(root: ET.Element) -> tuple[Instance, ...]:
    """Return the resources below <resources> of crm_mon's answer *root*."""
    found = root.find("./resources")
    return () if found is None else tuple(_instances(found, managed=True, disabled=False))


def _instances(around: ET.Element, *, managed: bool, disabled: bool) -> Iterator[Instance]:
    for each in around:
        is_managed = managed and each.get("managed", "true") == "true" and each.get("maintenance") != "true"
        is_disabled = disabled or each.get("disabled") == "true" or each.get("target_role", "").lower() == _STOPPED
        if each.tag in _AROUND:
            yield from _instances(each, managed=is_managed, disabled=is_disabled)
        elif each.tag == "resource":
            yield Instance(
                resource=each.get("id", ""),
                nodes=tuple(node.get("name", "") for node in each.iterfind("./node")),
                failed=each.get("failed") == "true" or each.get("blocked") == "true",
                managed=is_managed,
                disabled=is_disabled,
                orphaned=each.get("orphaned") == "true",
            )


def failures(root: ET.Element) -> tuple[Failure, ...]:
    """Return the failed operations of crm_mon's answer *root* that can be read: of none is more believed."""
    found = (_failure(each) for each in root.iterfind("./failures/failure"))
    return tuple(each for each in found if each is not None)


def _failure(found: ET.Element) -> Failure | None:
    task, interval = found.get("task", ""), found.get("interval", "")
    named = re.fullmatch(rf"(.+)_{re.escape(task)}_{re.escape(interval)}", found.get("op_key", ""))
    try:
        at = calendar.timegm(time.strptime(found.get("last-rc-change", ""), "%Y-%m-%d %H:%M:%SZ"))
        figures = int(interval), int(found.get("exitcode", ""))
    except ValueError:
        return None
    if named is None:
        return None
    return Failure(named[1], found.get("node", ""), task, *figures, found.get("status", ""), float(at))
