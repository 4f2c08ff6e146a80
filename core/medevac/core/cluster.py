"""What the cluster says of itself now: crm_mon's XML as nouns.

Pure: parses text, runs nothing.  Source: `crm_mon -1 --output-as=xml --fence-history=2` of Pacemaker 2.1.5
(api-version 2.25; the elements and attributes named here are in crm_mon's schemas from 2.0.5 on).
"""

from __future__ import annotations

import calendar
import time

# The text comes from the cluster's own command on this machine, which only root and haclient can be.
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

from medevac.core.cluster_resources import Failure, Instance, failures, instances
from medevac.core.errors import MedevacError

REMOTE = "remote"
HUMAN = "a human"
"""The delegate of a fencing that nobody carried out: `stonith_admin --confirm`."""


class StatusError(MedevacError):
    """The cluster's answer cannot be read: it is not what Pacemaker 2 prints with --output-as=xml."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the cluster sees it."""

    name: str
    online: bool
    unclean: bool
    """It should be fenced, and has not been yet."""
    remote: bool
    """A pacemaker_remote node, such as a compute host; otherwise a full cluster node."""
    standby: bool = False
    """An operator lets nothing run on it."""
    maintenance: bool = False
    """An operator lets Pacemaker keep its hands off it."""


@dataclass(frozen=True, slots=True)
class Fencing:
    """One completed attempt from the fencing history."""

    target: str
    action: str
    success: bool
    completed: float
    """Seconds since the epoch, to the second, on the clock of the node that was asked."""
    delegate: str
    client: str
    origin: str

    @property
    def human(self) -> bool:
        """Tell whether this is only the word of an operator."""
        return self.delegate == HUMAN


@dataclass(frozen=True, slots=True)
class Status:
    """One look at the cluster."""

    version: str
    """Pacemaker's, such as 2.1.5-a3f44794f94; empty while there is no controller in charge."""
    quorum: bool
    """Whether the node that was asked is among the majority."""
    nodes: Mapping[str, Node]
    fencings: tuple[Fencing, ...]
    """The newest first."""
    instances: tuple[Instance, ...] = ()
    failures: tuple[Failure, ...] = ()
    maintenance: bool = False
    """An operator lets the cluster keep its hands off everything."""

    @property
    def remotes(self) -> tuple[Node, ...]:
        """Return the pacemaker_remote nodes."""
        return tuple(node for node in self.nodes.values() if node.remote)


def parse_status(text: str) -> Status:
    """Return what crm_mon printed.  Raises StatusError for anything else."""
    root = parse_document(text, "crm_mon's answer")
    if root.tag != "pacemaker-result":
        raise StatusError(f"crm_mon answered with <{root.tag}> instead of <pacemaker-result>")
    controller = root.find("./summary/current_dc")
    nodes = [_node(found) for found in root.iterfind("./nodes/node")]
    fencings = [_fencing(found) for found in root.iterfind("./fence_history/fence_event[@completed]")]
    options = root.find("./summary/cluster_options")
    return Status(
        version=controller.get("version", "") if controller is not None else "",
        quorum=controller is not None and controller.get("with_quorum") == "true",
        nodes={node.name: node for node in nodes},
        fencings=tuple(sorted(fencings, key=lambda each: each.completed, reverse=True)),
        instances=instances(root),
        failures=failures(root),
        maintenance=options is not None and options.get("maintenance-mode") == "true",
    )


def parse_document(text: str, what: str) -> ET.Element:
    """Return the root element of *text*; raise StatusError, naming it *what*, when it is no XML."""
    try:
        return ET.fromstring(text)  # noqa: S314 - from a command of ours
    except ET.ParseError as error:
        raise StatusError(f"{what} is no XML ({error}): {text[:80]!r}") from error


def _node(found: ET.Element) -> Node:
    return Node(
        name=found.get("name", ""),
        online=found.get("online") == "true" and found.get("pending") != "true",
        unclean=found.get("unclean") == "true",
        remote=found.get("type") == REMOTE,
        standby=found.get("standby") == "true",
        maintenance=found.get("maintenance") == "true",
    )


def _fencing(found: ET.Element) -> Fencing:
    return Fencing(
        target=found.get("target", ""),
        action=found.get("action", ""),
        success=found.get("status") == "success",
        completed=_moment(found.get("completed", "")),
        delegate=found.get("delegate", ""),
        client=found.get("client", ""),
        origin=found.get("origin", ""),
    )


def _moment(text: str) -> float:
    try:
        return float(calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%SZ")))
    except ValueError as error:
        raise StatusError(f"crm_mon dates a fencing {text[:40]!r}; expected 2026-11-22 09:36:02Z") from error
