"""Pacemaker's alert environment to an Event, by a whitelist (docs/triggers.md: what is an event and what is not).

Pure: no clock, no files, no network.  The facts about Pacemaker were measured on 2.1.5; the format of
CRM_alert_desc is that of stonith__event_description in Pacemaker's lib/fencing/st_client.c, the same from 2.0.5 on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.triggers.pacemaker_resource import Services, judge_resource

SOURCE = "pacemaker"
UNKNOWN_HOST = "?"
"""The subject's name where no host can be told; no host can be called so."""
TEST_ALERT = "medevac-test"
"""The kind of alert that `medevac pacemaker` makes up to see whether events arrive; Pacemaker sends none of it."""
TAG = "medevac"
"""The tag under which medevac itself asks Pacemaker to fence (stonith_admin --tag)."""
RAW_LIMIT = 1024
"""Characters kept of a raw value."""
RAW_COUNT = 40
"""Raw variables kept; Pacemaker sets at most 19."""

_PREFIX = "CRM_alert_"
_NODE_KINDS = {"lost": EventKind.HOST_LOST, "member": EventKind.HOST_MEMBER}
_CUTTING_ACTIONS = frozenset({"off", "reboot"})
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_ACTION = re.compile(r"Operation (?P<action>\S+) of ")
_DESCRIPTION = re.compile(
    r"Operation (?P<action>\S+) of (?P<target>\S+) by (?P<by>a human|the cluster|\S+)"
    r" for (?P<client>\S+)@(?P<origin>[^\s@]+): (?P<result>.*) \(ref=(?P<ref>[^)]+)\)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class NotAnEvent:
    """An alert that can start nothing, and the reason as a sentence for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Finding:
    """What an alert says, before it is dated and signed."""

    kind: EventKind
    facts: Mapping[str, str]


def classify(
    environment: Mapping[str, str],
    *,
    reporter: str,
    now: float,
    host_of: Callable[[str], str] = str,
    services: Services | None = None,
) -> Event | NotAnEvent:
    """Return what the alert in *environment* says; never raises, and never drops what could be an event.

    *reporter* is the machine we run on, *now* its clock (seconds since the epoch).  *host_of* turns the name of a
    Pacemaker node into that of a nova host, where a site names them differently.  *services* names the resources
    that run the cloud's services.
    """
    alert = {text(name[len(_PREFIX) :]): text(value) for name, value in environment.items() if name.startswith(_PREFIX)}
    finding = _judge(alert, services or Services())
    if isinstance(finding, NotAnEvent):
        return finding
    node = alert.get("node", "")
    seen_at, time_from = _seen_at(alert, now)
    return Event(
        id=new_event_id(now),
        kind=finding.kind,
        subject=Subject(SubjectKind.HOST, host_of(node) if is_host_name(node) else UNKNOWN_HOST),
        source=SOURCE,
        reporter=reporter,
        seen_at=seen_at,
        facts={**_raw(alert), **finding.facts, "time_from": time_from},
    )


def is_host_name(name: str) -> bool:
    """Tell whether a host can be called so; what cannot must not become part of a path in ZooKeeper."""
    return _HOST.fullmatch(name) is not None


def text(value: str) -> str:
    r"""Return *value* fit for storing: bytes that are not UTF-8, which Python carries as surrogates, as \udcff."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _judge(alert: Mapping[str, str], services: Services) -> _Finding | NotAnEvent:
    kind = alert.get("kind", "")
    if kind == "resource":
        return _judge_service(alert, services)
    if kind == "attribute":
        return NotAnEvent("an attribute alert: Pacemaker repeats and drops them, so nothing is built on them")
    if kind == TEST_ALERT:
        return _Finding(EventKind.TEST, {})
    if kind not in {"fencing", "node"}:
        return _unclassified(f"unknown kind of alert {kind[:80]!r}") if alert else NotAnEvent("not called by Pacemaker")
    if not is_host_name(alert.get("node", "")):
        return _unclassified("no host can be told from CRM_alert_node")
    return _judge_fencing(alert) if kind == "fencing" else _judge_node(alert)


def _judge_service(alert: Mapping[str, str], services: Services) -> _Finding | NotAnEvent:
    found = judge_resource(alert, services)
    if isinstance(found, str):
        return NotAnEvent(found)
    if not is_host_name(alert.get("node", "")):
        return _unclassified("no host can be told from CRM_alert_node")
    return _Finding(*found)


def _judge_node(alert: Mapping[str, str]) -> _Finding:
    kind = _NODE_KINDS.get(alert.get("desc", ""))
    if kind is None:
        return _unclassified("a node alert that says neither lost nor member")
    return _Finding(kind, {"nodeid": alert.get("nodeid", "")[:RAW_LIMIT]})


def _judge_fencing(alert: Mapping[str, str]) -> _Finding | NotAnEvent:
    facts = describe(alert.get("desc", ""))
    if facts.get("action") == "on":
        return NotAnEvent("unfencing (action on): the host was let in again, not cut off")
    rc = alert.get("rc", "")
    if not _NUMBER.fullmatch(rc):
        return _unclassified("the result code of the fencing is no number", facts)
    facts = {**facts, "rc": str(int(rc))}
    if int(rc) != 0:
        return _Finding(EventKind.HOST_FENCING_FAILED, facts)
    doubt = _doubt(facts, alert["node"])
    return _unclassified(doubt, facts) if doubt else _Finding(EventKind.HOST_FENCED, facts)


def _doubt(facts: Mapping[str, str], node: str) -> str:
    """Return why a fencing with result code 0 must not be taken for one, or nothing.

    Whoever believes it starts second copies of servers, so a text that contradicts the code is no evidence; a
    text that cannot be read at all leaves the code as it stands.
    """
    if facts.get("target", node) != node:
        return "the text of the fencing names another host than CRM_alert_node"
    if facts.get("action", "off") not in _CUTTING_ACTIONS:
        return "the action of the fencing is neither off nor reboot"
    if not facts.get("result", "OK").startswith("OK"):
        return "the result code of the fencing is 0, and its text does not say OK"
    return ""


def describe(description: str) -> dict[str, str]:
    """Return the parts of CRM_alert_desc of a fencing alert; `details: unknown` where it cannot be read.

    Parts: action, target, by, client, origin, result, ref; human: yes where nobody powered anything off; tag:
    medevac where the fencing was our own request.
    """
    # Bounded, since matching a hostile text can take time by a power of its length.
    match = _DESCRIPTION.fullmatch(description) if len(description) <= RAW_LIMIT else None
    if match is None:
        action = _ACTION.match(description)
        return {"details": "unknown", **(_cut(action.groupdict()) if action else {})}
    parts = _cut(match.groupdict())
    if parts["by"] == "a human":
        parts["human"] = "yes"
    if TAG in parts["client"].split("."):
        parts["tag"] = TAG
    return parts


def _cut(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: value[:RAW_LIMIT] for name, value in parts.items()}


def _unclassified(doubt: str, facts: Mapping[str, str] | None = None) -> _Finding:
    return _Finding(EventKind.UNCLASSIFIED, {**(facts or {}), "doubt": doubt})


def _raw(alert: Mapping[str, str]) -> dict[str, str]:
    # The recipient is our own configuration, no evidence.
    names = sorted(name for name in alert if name != "recipient")[:RAW_COUNT]
    return {f"{_PREFIX}{name[:RAW_LIMIT]}": alert[name][:RAW_LIMIT] for name in names}


def _seen_at(alert: Mapping[str, str], now: float) -> tuple[float, str]:
    """Return when it happened and from where that is known: Pacemaker's two clocks, or our own."""
    epoch, micro = alert.get("timestamp_epoch", ""), alert.get("timestamp_usec", "0")
    if re.fullmatch(r"[0-9]{9,11}", epoch, re.ASCII):
        return int(epoch) + (int(micro) / 1e6 if re.fullmatch(r"[0-9]{1,6}", micro, re.ASCII) else 0.0), "epoch"
    import datetime as dt  # noqa: PLC0415 - Pacemaker 2 always gives the epoch: nobody else should pay for this

    try:
        # The format is the administrator's choice (timestamp-format); this reads the one that we recommend.
        return dt.datetime.fromisoformat(alert.get("timestamp", "")).timestamp(), "timestamp"
    except (ValueError, OverflowError, OSError):
        return now, "agent"
