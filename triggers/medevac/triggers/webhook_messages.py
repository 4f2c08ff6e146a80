"""What monitoring systems post, to what they say.  Pure; hostile input raises TellingError and nothing else.

Alertmanager's format is its webhook_config's, version 4 (Prometheus documentation, "configuration", webhook_config).
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medevac.core.event import EventKind
from medevac.triggers.telling import BACK, TellingError, Told, kind_of
from medevac.triggers.webhook_settings import Rule

SOURCE = "webhook"
ALERTMANAGER = "alertmanager"
MOST_ALERTS = 500
"""Alerts in one message."""
LONGEST_LABEL = 1024
"""Characters of a label's value that are looked at."""

_FIELDS = {"kind", "host", "server", "service", "facts", "seen_at", "key"}
_NEVER = "0001-01-01"
"""Alertmanager's time of what has not ended."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one message says."""

    told: tuple[Told, ...]
    ignored: tuple[str, ...] = ()
    """Why alerts in it say nothing, a sentence each."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return the document; raises TellingError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise TellingError("the body is no JSON") from error


def ours(document: object, reporter: str) -> Heard:
    """Return what a message in our own format says: an object with kind, and host, server or service."""
    if not isinstance(document, dict):
        raise TellingError("expected one object: kind, host (or server, or service), facts, seen_at, key")
    unknown = set(map(str, document)) - _FIELDS
    if unknown:
        raise TellingError(f"{min(unknown)[:80]!r} is no field; choose from {', '.join(sorted(_FIELDS))}")
    kind = kind_of(_text(document, "kind"))
    facts = document.get("facts", {})
    if not isinstance(facts, dict) or not all(isinstance(value, str) for value in facts.values()):
        raise TellingError("facts must be an object of texts")
    seen_at = document.get("seen_at")
    if seen_at is not None and (isinstance(seen_at, bool) or not isinstance(seen_at, int | float)):
        raise TellingError("seen_at must be seconds since the epoch")
    host = _text(document, "host")
    name = _text(document, "server") or _text(document, "service") or host
    told = {name: _clean(value) for name, value in facts.items()} | ({"host": host} if host else {})
    at = None if seen_at is None else _seconds(seen_at)
    return Heard((Told(kind, name, told, SOURCE, reporter, at, _text(document, "key")),))


def alertmanager(document: object, rules: Sequence[Rule], reporter: str) -> Heard:
    """Return what a message of Alertmanager's says, by the first of *rules* that matches each alert."""
    alerts = document.get("alerts") if isinstance(document, dict) else None
    if not isinstance(alerts, list) or not all(isinstance(alert, dict) for alert in alerts):
        raise TellingError("expected Alertmanager's webhook format: an object with a list of alerts")
    if len(alerts) > MOST_ALERTS:
        raise TellingError(f"more than {MOST_ALERTS} alerts in one message")
    heard = [_alert(alert, rules, reporter) for alert in alerts]
    told = tuple(each for each in heard if isinstance(each, Told))
    return Heard(told, tuple(each for each in heard if isinstance(each, str)))


def _alert(alert: Mapping[str, Any], rules: Sequence[Rule], reporter: str) -> Told | str:
    """Return what one alert says, or why it says nothing."""
    labels = _labels(alert)
    called = labels.get("alertname", "an alert without a name")[:80]
    rule = next((rule for rule in rules if _matches(rule, labels)), None)
    if rule is None:
        return f"{called}: no rule of the webhook's settings matches its labels"
    resolved = alert.get("status") == "resolved"
    kind = BACK.get(rule.kind) if resolved else rule.kind
    if kind is None:
        return f"{called}: resolved, which nothing follows from for {rule.kind}"
    facts = {name: _filled(value, labels) for name, value in rule.facts.items()} | {"alert": called}
    if rule.host and labels.get(rule.host):
        facts["host"] = _bare(labels[rule.host])
    at = _moment(alert, "endsAt" if resolved else "startsAt")
    key = _text(alert, "fingerprint") or json.dumps(labels, sort_keys=True)[:400]
    return Told(kind, _bare(labels.get(rule.name, "")), facts, ALERTMANAGER, reporter, at, f"{key} {kind}")


def _matches(rule: Rule, labels: Mapping[str, str]) -> bool:
    return all(pattern.fullmatch(labels.get(label, "")) for label, pattern in rule.match.items())


def _labels(alert: Mapping[str, Any]) -> dict[str, str]:
    labels = alert.get("labels")
    if not isinstance(labels, dict):
        return {}
    return {name: _clean(value)[:LONGEST_LABEL] for name, value in labels.items() if isinstance(value, str)}


def _filled(value: str, labels: Mapping[str, str]) -> str:
    return labels.get(value[1:], "") if value.startswith("$") else value


def _bare(name: str) -> str:
    """Return *name* without a port."""
    return re.sub(r":[0-9]{1,5}$", "", name)


def _moment(alert: Mapping[str, Any], name: str) -> float | None:
    said = _text(alert, name)
    if not said or said.startswith(_NEVER):
        return None
    try:
        # Go writes nine digits of a second; six are as many as we read.
        moment = dt.datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", said[:40]))
        return _seconds(moment.timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise TellingError(f"{name} is no time: {said[:40]!r}") from error


def _seconds(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise TellingError("a time that no clock shows") from error


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    if not isinstance(value, str):
        raise TellingError(f"{name} must be a text")
    return _clean(value)


def _clean(value: str) -> str:
    r"""Return *value* fit for storing: halves of characters, which JSON can hold, as \ud800."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def allowed(told: Told, kinds: frozenset[EventKind]) -> Told:
    """Return *told*, or raise TellingError where the settings do not let the webhook say that."""
    if told.kind not in kinds:
        raise TellingError(f"the webhook is not to tell {told.kind} (kinds in its settings)")
    return told
