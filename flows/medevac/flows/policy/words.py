"""Words of the language that are no dataclass: failures, words kept for later, and words of other tools."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BUILT_IN = "built-in"
"""The name of the policy that is built in; a site's cannot have it."""
BUILT_IN_FILE = Path(__file__).with_name("built-in.yaml")

HOST_DOWN = "host.down"
HOST_UP = "host.up"
NETWORK_DOWN = "host.network.down"
ROLES = ("management", "storage", "tenant")
"""What a network of a host may be for; more than one may be for the same."""

FAILURES: Mapping[str, str] = {
    HOST_DOWN: "The host is dead, or is fenced because it is believed to be.",
    NETWORK_DOWN: "The host runs, but a network of it is gone: for each role that has no flow of its own.",
    "host.network.management.down": "The host runs and cannot be managed; its servers work.",
    "host.network.storage.down": "The host runs and does not reach its servers' disks.",
    "host.network.tenant.down": "The host runs, and nobody reaches its servers.",
    "host.degraded": "The host runs with a fault that will get worse: memory, disk, temperature.",
    HOST_UP: "A host that was dead is back.",
    "libvirt.down": "libvirt on the host does not answer; its servers may be healthy.",
    "nova-compute.down": "nova-compute on the host does not answer; its servers are healthy but unmanageable.",
    "server.crashed": "One server's process ended though nobody asked for it.",
    "server.hung": "One server runs but does nothing: its watchdog fired or its guest agent is silent.",
    "server.io-error": "One server was paused because its disk returned errors.",
    "workload.failed": "The server runs, but what it is for does not work, says its owner's probe.",
    "control-plane.down": "Nova itself does not answer.",
}
"""Every failure that `when` may name, and what it means."""

SERVER_FAILURES = frozenset({"server.crashed", "server.hung", "server.io-error", "workload.failed"})
"""Failures of one server; its host lives."""

UNANSWERED: Mapping[str, str] = {
    HOST_UP: "hosts come back to service by themselves, as the site file says",
    "control-plane.down": "it concerns no host and no server: recoveries wait for the cloud by themselves",
}
"""Failures that no policy's flow is carried out for, and why."""

REPORTED = frozenset(FAILURES) - frozenset(UNANSWERED)
"""The failures that something in this release reports, and that flows of policies answer."""


def failure_of(kind: str, facts: Mapping[str, str]) -> str:
    """Return the failure that an event of *kind* reports: for a network, that of its role where *facts* tell it."""
    role = facts.get("role", "")
    return f"host.network.{role}.down" if kind == NETWORK_DOWN and role in ROLES else kind


def wider(failure: str) -> str:
    """Return the failure whose flow holds for *failure* where a policy has none of its own; empty: there is none."""
    return NETWORK_DOWN if failure in {f"host.network.{role}.down" for role in ROLES} else ""


RESERVED: Mapping[str, tuple[str, str]] = {
    "stop": ("the end of the whole flow", "write 'on_failure: stop' beside the flow's 'steps'"),
    "revert": ("the undoing of the whole flow", "write 'on_failure: revert' beside the flow's 'steps'"),
}
"""Words that mean something only elsewhere: what, and what to write instead."""

SYNONYMS: Mapping[str, str] = {
    "on": "when",
    "name": "policy",
    "description": "about",
    "zone": "az",
    "availability_zone": "az",
    "tenant": "project",
    "instance": "server",
    "vm": "server",
    "force_down": "disable",
    "exclude": "except",
    "unless": "not",
    "depends_on": "after",
    "max_action": "allow",
    "tags": "tag",
    "parallel_steps": "together",
    "side_by_side": "together",
    "alternatives": "first_of",
    "try": "first_of",
    "sleep": "wait",
    "pause": "wait",
    "message": "notify",
    "ignore": "leave",
    "skip": "leave",
    "urgent": "critical",
    "medium": "normal",
}
"""Words that other tools use, and ours for the same thing: only for "did you mean"."""


def said(
    about: str, *, key: str = "", also: str = "", least: float | None = None, most: float | None = None
) -> dict[str, object]:
    """Return a field's metadata: what it means, its key where that is not its name, its bounds (both allowed).

    *also* is a second key for the same; the bounds of a Duration are seconds.
    """
    return {"about": about, "key": key, "also": also, "least": least, "most": most}
