"""What an alert says: judged against every captured fencing and node alert, by the rig's own tables."""

from __future__ import annotations

import collections
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medevac.core.event import Event, EventKind
from medevac.core.wire import decode, encode
from medevac.triggers.pacemaker import NotAnEvent, classify, describe
from tests.fixtures.pacemaker import captured, told_by_the_rig

NOW = 1_800_000_000.0
FENCED = {
    "CRM_alert_kind": "fencing",
    "CRM_alert_node": "compute3",
    "CRM_alert_rc": "0",
    "CRM_alert_desc": "Operation reboot of compute3 by node1 for pacemaker-controld.64@node3: OK (ref=920c2ccc)",
    "CRM_alert_timestamp_epoch": "1795340254",
    "CRM_alert_timestamp_usec": "059044",
}


def judge(environment: dict[str, str]) -> Event | NotAnEvent:
    return classify(environment, reporter="node1", now=NOW)


def event_of(environment: dict[str, str]) -> Event:
    found = judge(environment)
    assert isinstance(found, Event), found
    return found


def changed(**values: str) -> dict[str, str]:
    return FENCED | {f"CRM_alert_{name}": value for name, value in values.items()}


@pytest.mark.parametrize(("name", "fields"), told_by_the_rig("fencing").items())
def test_captured_fencing_alerts_become_what_the_rig_says(name: str, fields: dict[str, str]) -> None:
    event = event_of(dict(captured("fencing"))[name])
    assert event.kind == (EventKind.HOST_FENCED if fields["rc"] == "0" else EventKind.HOST_FENCING_FAILED)
    assert event.subject.name == fields["node"]
    assert event.facts["rc"] == fields["rc"]
    assert (event.facts["result"] == "OK") == (fields["rc"] == "0")
    # Put together again, the parts are what Pacemaker said: nothing was lost or misplaced.
    assert (
        "Operation {action} of {target} by {by} for {client}@{origin}: {result} (ref={ref})".format(**event.facts)
        == (fields["desc"])
    )


@pytest.mark.parametrize(("name", "fields"), told_by_the_rig("node").items())
def test_captured_node_alerts_become_lost_or_member(name: str, fields: dict[str, str]) -> None:
    event = event_of(dict(captured("node"))[name])
    assert event.kind == {"lost": EventKind.HOST_LOST, "member": EventKind.HOST_MEMBER}[fields["desc"]]
    assert event.subject.name == fields["node"]
    assert event.facts["nodeid"] == fields["nodeid"]


def test_the_copies_of_one_fencing_are_told_by_its_reference() -> None:
    events = [event_of(environment) for _, environment in captured("fencing")]
    copies = collections.Counter(event.facts["ref"] for event in events)
    assert len(copies) == 38
    assert collections.Counter(copies.values()) == {3: 34, 2: 4}
    assert all(len({e.subject.name for e in events if e.facts["ref"] == ref}) == 1 for ref in copies)


def test_captured_attribute_alerts_are_no_events() -> None:
    judged = [judge(environment) for _, environment in captured("attribute")]
    assert judged
    assert all(isinstance(found, NotAnEvent) and "attribute" in found.reason for found in judged)


def test_the_time_of_captured_alerts_is_that_of_pacemaker() -> None:
    for name, environment in captured("fencing"):
        stamp = environment["CRM_alert_timestamp"]  # ...:34.559044+0000
        assert f"{event_of(environment).seen_at % 60:09.6f}" == stamp[17:26], name


def test_operators_and_our_own_requests_are_told_apart() -> None:
    events = [event_of(environment) for _, environment in captured("fencing")]
    human = [event for event in events if event.facts.get("human") == "yes"]
    assert {(e.subject.name, e.facts["client"]) for e in human} == {("compute2", "stonith_admin.708")}
    ours = [event for event in events if event.facts.get("tag") == "medevac"]
    assert {(e.subject.name, e.facts["client"]) for e in ours} == {
        ("compute3", "(null).medevac.1284"),
        ("compute1", "(null).medevac.903"),
    }


def test_nothing_but_pacemakers_alert_is_kept() -> None:
    secret = FENCED | {"OS_PASSWORD": "hunter2", "CRM_notify_desc": "hunter2", "CRM_alert_recipient": "hunter2"}
    assert b"hunter2" not in encode(event_of(secret))


def test_raw_values_are_kept_and_bounded() -> None:
    event = event_of(changed(extra="x" * 100_000))
    assert event.facts["CRM_alert_desc"] == FENCED["CRM_alert_desc"]
    assert len(event.facts["CRM_alert_extra"]) == 1024
    many = FENCED | {f"CRM_alert_{number}": "y" * 5000 for number in range(500)}
    assert len(encode(event_of(many))) < 100_000


def test_an_unreadable_description_leaves_the_result_code_as_it_stands() -> None:
    for desc in ("", "Fencing went well", "Operation reboot of compute3 by node1: " + "x" * 5000):
        event = event_of(changed(desc=desc))
        assert (event.kind, event.facts["details"], event.facts["rc"]) == (EventKind.HOST_FENCED, "unknown", "0")
        assert event_of(changed(desc=desc, rc="-61")).kind == EventKind.HOST_FENCING_FAILED


@pytest.mark.parametrize("rc", ["", "zero", "0x0", "0 ", "\u0660", "1" * 400, "--1", "0_0"])
def test_a_result_code_that_is_no_number_is_left_to_a_human(rc: str) -> None:
    event = event_of(changed(rc=rc))
    assert (event.kind, event.subject.name) == (EventKind.UNCLASSIFIED, "compute3")
    assert "result code" in event.facts["doubt"]


def test_a_missing_result_code_is_left_to_a_human() -> None:
    assert event_of({k: v for k, v in FENCED.items() if k != "CRM_alert_rc"}).kind == EventKind.UNCLASSIFIED


@pytest.mark.parametrize("node", ["", "a/b", "..", "-x", "com pute", "x" * 300, "h\u00f4te", "a\udcff"])
def test_a_node_that_is_no_host_name_is_left_to_a_human(node: str) -> None:
    event = event_of(changed(node=node))
    assert (event.kind, event.subject.name) == (EventKind.UNCLASSIFIED, "?")
    assert decode(Event, encode(event)) == event


@pytest.mark.parametrize(
    ("desc", "doubt"),
    [
        ("Operation reboot of compute4 by node1 for a.1@node3: OK (ref=1)", "another host"),
        ("Operation metadata of compute3 by node1 for a.1@node3: OK (ref=1)", "neither off nor reboot"),
        ("Operation off of compute3 by node1 for a.1@node3: Timed Out (ref=1)", "does not say OK"),
    ],
)
def test_a_text_that_contradicts_result_code_zero_is_no_evidence(desc: str, doubt: str) -> None:
    event = event_of(changed(desc=desc))
    assert event.kind == EventKind.UNCLASSIFIED
    assert doubt in event.facts["doubt"]


def test_unfencing_switches_a_host_on_and_is_no_event() -> None:
    unfenced = changed(desc="Operation on of compute3 by node1 for pacemaker-controld.64@node3: OK (ref=1)")
    assert isinstance(judge(unfenced), NotAnEvent)
    unreadable = changed(desc="Operation on of compute3, whatever comes next")
    assert isinstance(judge(unreadable), NotAnEvent)


def test_a_made_up_alert_is_a_test_and_says_nothing_about_a_host() -> None:
    event = event_of({"CRM_alert_kind": "medevac-test", "CRM_alert_node": "node1", "CRM_alert_trial": "7"})
    assert event.kind == EventKind.TEST
    assert event.facts["CRM_alert_trial"] == "7"


def test_unknown_kinds_are_left_to_a_human_and_an_empty_environment_is_nothing() -> None:
    assert event_of(changed(kind="fencing2")).kind == EventKind.UNCLASSIFIED
    assert event_of({"CRM_alert_node": "compute3"}).kind == EventKind.UNCLASSIFIED
    assert event_of({"CRM_alert_kind": "node", "CRM_alert_node": "c", "CRM_alert_desc": "?"}).kind == (
        EventKind.UNCLASSIFIED
    )
    assert isinstance(judge({}), NotAnEvent)


def test_without_the_epoch_the_timestamp_counts_and_without_both_our_clock() -> None:
    without = {k: v for k, v in FENCED.items() if "timestamp" not in k}
    stamped = without | {"CRM_alert_timestamp": "2026-11-22T09:37:34.559044+0000"}
    assert event_of(stamped).seen_at == pytest.approx(1795340254.559044)
    for hopeless in ({}, {"CRM_alert_timestamp": "09:37:34"}, {"CRM_alert_timestamp_epoch": "9" * 400}):
        assert event_of(without | hopeless).seen_at == NOW


def test_a_site_can_name_its_hosts_otherwise_than_its_nodes() -> None:
    event = classify(FENCED, reporter="node1", now=NOW, host_of=lambda node: f"{node}.example")
    assert isinstance(event, Event)
    assert event.subject.name == "compute3.example"


def test_a_hostile_description_costs_no_time() -> None:
    hostile = ("Operation a of b by c for d" + "@x: for @: " * 200)[:1020]
    started = time.process_time()
    describe(hostile)
    assert time.process_time() - started < 0.5


# What a process environment can hold: any text without NUL; bytes that are no UTF-8 arrive as lone surrogates.
values = st.text(st.characters(exclude_characters="\0", codec=None), max_size=60)
interesting = st.sampled_from(
    ["", "0", "-61", "fencing", "node", "lost", "compute3", "resource", FENCED["CRM_alert_desc"], "\udcff"]
)
alerts = st.dictionaries(
    st.sampled_from([*FENCED, "CRM_alert_nodeid", "CRM_alert_timestamp"])
    | values.map(lambda text: "CRM_alert_" + text.replace("=", "")),
    values | interesting,
)


@settings(deadline=None)
@given(alerts)
@example(FENCED)
def test_no_environment_makes_it_raise_or_lose_a_fencing_alert(environment: dict[str, str]) -> None:
    found = judge(environment)
    if environment.get("CRM_alert_kind") == "fencing" and not re.match(
        r"Operation on of ", environment.get("CRM_alert_desc", "")
    ):
        assert isinstance(found, Event)
    if isinstance(found, Event):
        assert found.kind != EventKind.HOST_FENCED or environment["CRM_alert_rc"].lstrip("-0") == ""
        assert decode(Event, encode(found)) == found
        encode(found).decode("utf-8")
        found.subject.name.encode("utf-8")


@settings(deadline=None)
@given(st.sampled_from(list(captured())), st.data())
def test_a_captured_alert_with_a_spoilt_value_never_becomes_another_hosts(
    alert: tuple[str, dict[str, str]], data: st.DataObject
) -> None:
    environment = dict(alert[1])
    spoilt = data.draw(st.sampled_from([name for name in environment if name.startswith("CRM_alert_")]))
    environment[spoilt] = data.draw(values)
    found = judge(environment)
    if isinstance(found, Event) and found.kind == EventKind.HOST_FENCED:
        assert found.subject.name == environment["CRM_alert_node"]
        assert environment["CRM_alert_rc"].lstrip("-0") == ""
