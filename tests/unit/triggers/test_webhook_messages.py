"""What monitoring systems post: their words to events, and hostile words to a sentence."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medevac.core.event import Event, EventKind, SubjectKind
from medevac.core.wire import decode, encode
from medevac.triggers.telling import TellingError, event_of
from medevac.triggers.webhook_messages import alertmanager, allowed, ours, parse
from medevac.triggers.webhook_settings import WebhookSettings, settings_from

NOW = time.time()
SERVER = "11111111-2222-3333-4444-555555555555"
RULES = settings_from(
    {
        "alert": [
            {
                "match": {"alertname": "MemoryErrors|DiskFailing"},
                "kind": "host.degraded",
                "facts": {"what": "$alertname", "detail": "$device"},
            },
            {"match": {"alertname": "NovaComputeDown"}, "kind": "nova-compute.down", "name": "host"},
            {"match": {"alertname": "SiteDown"}, "kind": "workload.failed", "name": "server_id", "host": "hypervisor"},
        ]
    }
).rules


def alert(name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    """As Alertmanager 0.27 sends it."""
    return {
        "status": status,
        "labels": {"alertname": name, "instance": "compute-3:9100", **labels},
        "annotations": {"summary": "it is bad"},
        "startsAt": "2026-11-22T09:26:24.407024123Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-22T09:30:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c1f5a3e2b4d60718",
    }


def message(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "receiver": "medevac", "groupLabels": {}, "alerts": list(alerts)}


def events(document: object) -> list[Event]:
    return [event_of(told, NOW) for told in alertmanager(document, RULES, "monitor").told]


def test_an_alert_becomes_the_event_that_its_rule_says() -> None:
    (event,) = events(message(alert("DiskFailing", device="sda")))
    assert (event.kind, event.subject.name, event.source) == (EventKind.HOST_DEGRADED, "compute-3", "alertmanager")
    assert event.facts == {"what": "DiskFailing", "detail": "sda", "alert": "DiskFailing"}
    assert event.seen_at == pytest.approx(1795339584.407024)


def test_a_repeated_alert_is_the_same_event_and_another_start_is_another() -> None:
    first, again = (events(message(alert("DiskFailing")))[0] for _ in range(2))
    assert first.id == again.id
    later = alert("DiskFailing") | {"startsAt": "2026-11-22T10:00:00Z"}
    assert events(message(later))[0].id != first.id
    other = alert("DiskFailing") | {"fingerprint": "another"}
    assert events(message(other))[0].id != first.id


def test_resolved_is_the_return_where_there_is_one_and_nothing_elsewhere() -> None:
    heard = alertmanager(
        message(alert("NovaComputeDown", "resolved", host="compute-3"), alert("DiskFailing", "resolved")), RULES, "m"
    )
    (told,) = heard.told
    event = event_of(told, NOW)
    assert (event.kind, event.seen_at) == (EventKind.NOVA_COMPUTE_UP, 1795339800.0)
    assert heard.ignored == ("DiskFailing: resolved, which nothing follows from for host.degraded",)


def test_a_server_is_named_by_its_uuid_and_its_host_by_another_label() -> None:
    (event,) = events(message(alert("SiteDown", server_id=SERVER.replace("-", "").upper(), hypervisor="compute-1:80")))
    assert (event.subject.kind, event.subject.name) == (SubjectKind.SERVER, SERVER)
    assert event.facts["host"] == "compute-1"


def test_an_alert_that_no_rule_knows_is_ignored_with_a_reason() -> None:
    heard = alertmanager(message(alert("Watchdog")), RULES, "m")
    assert heard.told == ()
    assert "no rule" in heard.ignored[0]


def test_our_own_format_says_kind_subject_facts_time_and_key() -> None:
    document = {"kind": "server.hung", "server": SERVER, "host": "compute-1", "facts": {"by": "zabbix"}, "key": "k"}
    event = event_of(ours(document, "monitor").told[0], NOW)
    assert (event.kind, event.subject.name, event.facts) == (
        EventKind.SERVER_HUNG,
        SERVER,
        {"by": "zabbix", "host": "compute-1"},
    )


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "expected one object"),
        ({}, "nothing of the kind"),
        ({"kind": "host.dwn", "host": "c"}, "Did you mean host.down"),
        ({"kind": 7}, "kind must be a text"),
        ({"kind": "host.down", "host": "../../x"}, "cannot be a host"),
        ({"kind": "host.down", "host": ""}, "cannot be a host"),
        ({"kind": "host.down", "host": "c", "hots": 1}, "hots"),
        ({"kind": "host.down", "host": "c", "facts": []}, "facts must be"),
        ({"kind": "host.down", "host": "c", "facts": {"a": 1}}, "facts must be"),
        ({"kind": "host.down", "host": "c", "facts": {"a b": "1"}}, "no name of a fact"),
        ({"kind": "host.down", "host": "c", "facts": {f"a{n}": "" for n in range(50)}}, "more than"),
        ({"kind": "host.down", "host": "c", "seen_at": "now"}, "seen_at must be"),
        ({"kind": "host.down", "host": "c", "seen_at": True}, "seen_at must be"),
        ({"kind": "host.down", "host": "c", "seen_at": 10**400}, "no clock"),
        ({"kind": "host.down", "host": "c", "seen_at": float("nan")}, "future"),
        ({"kind": "host.down", "host": "c", "key": "k" * 600}, "a key of more"),
        ({"kind": "server.hung", "server": "me"}, "no server's uuid"),
        ({"kind": "host.network.down", "host": "c"}, "wants the fact 'role'"),
        ({"kind": "unclassified", "host": "c"}, "nothing of the kind"),
    ],
)
def test_what_cannot_be_understood_is_told(document: object, complaint: str) -> None:
    with pytest.raises(TellingError, match=complaint):
        event_of(ours(document, "monitor").told[0], NOW)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 50_000, b"9" * 10_000])
def test_what_is_no_json_is_told(body: bytes) -> None:
    with pytest.raises(TellingError, match="no JSON"):
        parse(body)


@pytest.mark.parametrize(
    "document", [{}, [], {"alerts": {}}, {"alerts": ["x"]}, {"alerts": [{}] * 501}, None, "alerts"]
)
def test_what_is_no_message_of_alertmanagers_is_told(document: object) -> None:
    with pytest.raises(TellingError):
        alertmanager(document, RULES, "m")


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59", 7])
def test_times_that_are_none_are_told(at: object) -> None:
    with pytest.raises(TellingError):
        events(message(alert("DiskFailing") | {"startsAt": at}))


def test_evidence_is_not_taken_from_the_webhook_unless_its_settings_say_so() -> None:
    told = ours({"kind": "host.fenced", "host": "compute-1"}, "monitor").told[0]
    with pytest.raises(TellingError, match=r"not to tell host\.fenced"):
        allowed(told, WebhookSettings().kinds)
    assert allowed(told, settings_from({"kinds": ["host.fenced"]}).kinds) == told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(["kind", "host", "server", "service", "facts", "seen_at", "key", "alerts", "labels", "status"])


@settings(deadline=None, max_examples=300)
@given(JSON | st.dictionaries(WORDS, JSON | st.sampled_from([*EventKind, SERVER, "compute-1"]), max_size=5))
def test_no_document_raises_anything_else_and_every_event_can_be_stored(document: object) -> None:
    for read in (ours, lambda document, reporter: alertmanager(document, RULES, reporter)):
        try:
            made = [event_of(told, NOW) for told in read(document, "monitor").told]
        except TellingError as error:
            str(error).encode("utf-8")
            continue
        assert [decode(Event, encode(event)) for event in made] == made


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_body_raises_anything_else(body: bytes) -> None:
    try:
        parse(body)
    except TellingError:
        return
    json.loads(body)
