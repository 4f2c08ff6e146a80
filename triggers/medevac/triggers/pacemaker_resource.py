"""What a resource alert says: which service of the cloud failed on which host, and which works again.

Pure, by a whitelist: only monitors that recur and starts, of the resources that are named in the settings.  Statuses
are those of enum pcmk_exec_status in Pacemaker's include/crm/common/results.h; what comes when was measured on 2.1.5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from medevac.core.event import EventKind

_DONE, _TIMED_OUT, _FAILED = 0, 2, 4
_STATUSES = {_DONE: "failed", _TIMED_OUT: "hung", _FAILED: "failed"}
"""Those in which the service itself was asked; 8, for example, says that its host cannot be reached."""
_NOT_RUNNING = 7
_WELL = frozenset({0, 8})
"""Result codes of what runs: as it should, and as the promoted instance."""
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
RETURNS = {
    EventKind.NOVA_COMPUTE_DOWN: EventKind.NOVA_COMPUTE_UP,
    EventKind.LIBVIRT_DOWN: EventKind.LIBVIRT_UP,
    EventKind.CONTROL_PLANE_DOWN: EventKind.CONTROL_PLANE_UP,
}
"""What tells that a service works again, by what told that it failed."""
_SILENT = frozenset(RETURNS) - {EventKind.NOVA_COMPUTE_DOWN}


@dataclass(frozen=True, slots=True)
class Services:
    """The names of the cluster's resources that run services of the cloud."""

    nova_compute: tuple[str, ...] = ("nova-compute",)
    libvirt: tuple[str, ...] = ("libvirt", "libvirtd", "virtqemud")
    control_plane: tuple[str, ...] = (
        "nova-api",
        "nova-conductor",
        "nova-scheduler",
        "keystone",
        "rabbitmq",
        "rabbitmq-server",
        "galera",
        "mariadb",
    )

    def kind(self, resource: str) -> EventKind | None:
        """Return what the failure of *resource* is, or None for one that is none of ours."""
        name = plain(resource)
        for kind, names in (
            (EventKind.NOVA_COMPUTE_DOWN, self.nova_compute),
            (EventKind.LIBVIRT_DOWN, self.libvirt),
            (EventKind.CONTROL_PLANE_DOWN, self.control_plane),
        ):
            if name in {plain(each) for each in names}:
                return kind
        return None


def plain(resource: str) -> str:
    """Return the name without the number of a clone's instance, "-clone", and Red Hat's "openstack-"."""
    return re.sub(r":[0-9]+$", "", resource).removesuffix("-clone").removeprefix("openstack-")


def judge_resource(alert: Mapping[str, str], services: Services) -> tuple[EventKind, dict[str, str]] | str:
    """Return what *alert* (CRM_alert_*, without that prefix) says and its facts, or why it says nothing."""
    resource, task = alert.get("rsc", ""), alert.get("task", "")
    kind = services.kind(resource)
    if kind is None:
        return f"the resource {resource[:80]!r} is none of the services that are watched"
    told = [alert.get(name, "") for name in ("rc", "target_rc", "status", "interval")]
    if not all(_NUMBER.fullmatch(value) for value in told):
        return "a resource alert whose figures cannot be read"
    rc, target, status, interval = map(int, told)
    recurring = task == "monitor" and interval > 0
    if not recurring and task != "start":
        return f"{task[:40]} of {resource}: only starts and monitors that recur tell how a service is"
    if status not in _STATUSES:
        return f"{task} of {resource}: status {status} is about its host or the cluster, not about the service"
    facts = {"service": plain(resource), "task": task, "rc": str(rc), "host": alert.get("node", "")}
    if status == _DONE and rc == target:
        works = recurring and rc in _WELL
        return (RETURNS[kind], facts) if works else f"{resource} was started; its monitor will tell whether it works"
    return kind, facts | {"cause": "stopped" if rc == _NOT_RUNNING else _STATUSES[status]}


def is_mended(kind: EventKind, facts: Mapping[str, str]) -> bool:
    """Tell whether the cluster is about to mend that, and nobody else can say whether it has.

    A failed monitor makes it restart the service.  Of nova-compute, triage asks Nova for a heartbeat since.
    """
    return kind in _SILENT and facts.get("task") == "monitor"
