"""Reconciliation of services: find in crm_mon's failures and resources what no resource alert told.

As with fencings (medevac.triggers.reconcile) it only adds, and the rules err towards silence.  The words of an
execution's status are those of pcmk_exec_status_str in Pacemaker's include/crm/common/results.h, which writes them
differently from release to release; 2.1.5 says "complete", "Timed Out" and "Error" (tests/data/pacemaker-status).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from medevac.core.cluster_resources import Failure, Instance
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.triggers.outage import Outage
from medevac.triggers.pacemaker import SOURCE, is_host_name
from medevac.triggers.pacemaker_resource import RETURNS, Services, judge_resource, plain
from medevac.triggers.pacemaker_status import Status
from medevac.triggers.reconcile import OLDEST, SAME, SETTLING, Memory
from medevac.triggers.recorder import Recorder

MENDING = 30.0
"""Seconds for which a failed monitor is left to the cluster, which restarts the service, and to the alert's spool."""
_STATUSES = {"complete": "0", "done": "0", "timed out": "2", "error": "4"}
_FOUND = "in the cluster's status"


@dataclass(frozen=True, slots=True)
class ServiceFindings:
    """What one look at the cluster says of services."""

    down: tuple[Event, ...]
    """Failures that this node has not looked up yet."""
    up: tuple[Event, ...]
    outages: tuple[Outage, ...]
    """What is failed from now on, as far as this node knows."""


def find_services(status: Status, memory: Memory, services: Services, *, reporter: str, now: float) -> ServiceFindings:
    """Return the events that the cluster's records call for; pure.

    *now* is the time just before the cluster was asked, in seconds since the epoch.
    """
    if not status.quorum or status.maintenance:
        return ServiceFindings((), (), memory.failed)  # The minority's view may be old.
    told = [(each, found) for each in status.failures if (found := _judge(each, services)) is not None]
    failing = {(found.facts["service"], each.node) for each, found in told}
    newest: dict[tuple[str, str], Event] = {}
    for each, found in sorted(told, key=lambda pair: pair[0].at):
        if _counts(each, found.kind, status, now):
            newest[found.facts["service"], each.node] = replace(found, reporter=reporter)
    back = [each for each in memory.failed if (each.service, each.host) not in failing and _is_back(each, status)]
    known = {(each.service, each.host): each for each in memory.failed if each not in back}
    failed = known | {name: _outage(event) for name, event in newest.items()}
    return ServiceFindings(
        down=tuple(event for event in newest.values() if event.id not in memory.posted),
        up=tuple(_up_event(each, reporter, now) for each in back),
        outages=tuple(each for each in failed.values() if each.host in status.nodes),
    )


def _judge(failure: Failure, services: Services) -> Event | None:
    """Return the event that the alert of *failure* would have been; None where it would have been none."""
    alert = {"rsc": failure.resource, "node": failure.node, "task": failure.task, "interval": str(failure.interval)}
    # crm_mon does not say what was expected: of a failure, anything but what came.
    alert |= {"rc": str(failure.code), "target_rc": "-1", "status": _STATUSES.get(failure.status.lower(), "")}
    found = judge_resource(alert, services)
    if isinstance(found, str) or not is_host_name(failure.node):
        return None
    kind, facts = found
    facts |= {"found": _FOUND, "time_from": "last-rc-change"}
    subject = Subject(SubjectKind.HOST, failure.node)
    name = _event_id(kind, facts["service"], failure.node, failure.at)
    return Event(name, kind, subject, SOURCE, "", failure.at, facts)


def _event_id(kind: EventKind, service: str, host: str, at: float) -> str:
    """Return an id that every run on every node gives the same failure."""
    said = "\0".join((kind, service, host, str(int(at))))
    return f"{int(at * 1_000_000):016x}-service-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def _counts(failure: Failure, kind: EventKind, status: Status, now: float) -> bool:
    age = now - failure.at
    waits = failure.task == "monitor" and age < MENDING
    fenced_since = any(each.target == failure.node and each.completed > failure.at - SAME for each in status.fencings)
    if waits or age > OLDEST or fenced_since or not _is_served(failure.node, status):
        return False
    found = _instances(plain(failure.resource), status)
    cared_for = bool(found) and all(each.managed and not each.disabled and not each.orphaned for each in found)
    return cared_for and not _runs(kind, failure.node, found)


def _is_served(name: str, status: Status) -> bool:
    """Tell whether the cluster can run services on that node and nobody has asked it not to."""
    node = status.nodes.get(name)
    return node is not None and node.online and not (node.unclean or node.standby or node.maintenance)


def _instances(service: str, status: Status) -> list[Instance]:
    return [each for each in status.instances if plain(each.resource) == service]


def _runs(kind: EventKind, host: str, found: Iterable[Instance]) -> bool:
    # What serves the whole cloud may have moved.
    anywhere = kind is EventKind.CONTROL_PLANE_DOWN
    return any(each.runs_on(host) or (anywhere and each.nodes and not each.failed) for each in found)


def _is_back(outage: Outage, status: Status) -> bool:
    found = [each for each in _instances(outage.service, status) if each.managed]
    return _is_served(outage.host, status) and _runs(outage.kind, outage.host, found)


def _outage(event: Event) -> Outage:
    return Outage(event.kind, event.facts["service"], event.subject.name, event.seen_at)


def _up_event(outage: Outage, reporter: str, now: float) -> Event:
    kind = RETURNS[outage.kind]
    facts = {"service": outage.service, "task": "monitor", "rc": "0", "host": outage.host}
    facts |= {"found": _FOUND, "time_from": "crm_mon"}
    return Event(new_event_id(now), kind, Subject(SubjectKind.HOST, outage.host), SOURCE, reporter, now, facts)


def post_services(found: ServiceFindings, memory: Memory, recorder: Recorder, now: float) -> list[Event]:
    """Store the events of which ZooKeeper knows nothing and return them; raises what `Poster.post` raises."""
    events = (*found.down, *found.up)
    since = {event.id: _since(event, memory, now) for event in events}
    known = recorder.seen(min(since.values()) - SETTLING, now + OLDEST) if events else []
    told = {event.id for event in events if any(_is_told(each, event, since[event.id]) for each in known)}
    return [event for event in events if event.id not in told and recorder.post(event)]


def _since(event: Event, memory: Memory, now: float) -> float:
    """Return when that began of which *event* tells the beginning, or the end: so far back is looked for a copy."""
    if event.kind in RETURNS:
        return event.seen_at
    failed_at = {(each.service, each.host): each.at for each in memory.failed}
    # We look once a minute, and so see an end soon after it.
    return max(failed_at[event.facts["service"], event.subject.name], now - OLDEST)


def _is_told(known: Event, event: Event, since: float) -> bool:
    """Tell whether *known* says what *event* says, or that it was over by then.

    A failed monitor and the failed start after it are one outage, and a compute host's clock may be behind.
    """
    over = known.kind is RETURNS.get(event.kind) and known.seen_at > since
    same = known.kind is event.kind and known.seen_at > since - (SETTLING if event.kind in RETURNS else 0.0)
    return (same or over) and known.subject == event.subject and known.facts.get("service") == event.facts["service"]


def remember_services(memory: Memory, found: ServiceFindings, now: float) -> Memory:
    """Return *memory* with what the next run should know, once *found* is stored."""
    before = f"{int((now - 2 * OLDEST) * 1_000_000):016x}"
    posted = (*memory.posted, *(event.id for event in found.down))
    return replace(memory, failed=found.outages, posted=tuple(name for name in posted if name >= before))
