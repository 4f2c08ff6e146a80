"""`policy history` on a real ZooKeeper: what triage keeps when it decides, and what people see of it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from kazoo.client import KazooClient

from medevac.cli.root import root
from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.core.event import Event, EventKind, Subject, SubjectKind
from medevac.core.wire import encode
from medevac.flows.plan import Settings
from medevac.flows.policy.language import PolicySet
from medevac.flows.policy.reader import read_policies
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers import policy_history
from medevac.workers.housekeeping import DAY, Retention, tidy
from medevac.workers.intake import Desk, Intake
from medevac.workers.zookeeper import PACKET_LIMIT

POLICIES = Path(__file__).parent / "policies"


class Fixed:
    """Promises that do not change by themselves."""

    def __init__(self, policy_set: PolicySet) -> None:
        self.policy_set = policy_set

    def current(self) -> PolicySet:
        return self.policy_set


def decide(zk: KazooClient, host: str, policy_set: PolicySet) -> None:
    """Let triage handle the death of *host*."""
    site = FakeSite(SiteSpec((HostSpec("compute-1", "az1"), HostSpec("compute-2", "az1"))))
    desk = Desk(zk, site.cloud, site.clock, Fixed(policy_set), Settings(), lambda name: name, "triage")
    subject = Subject(SubjectKind.HOST, host)
    event = Event(
        id=f"event-{host}",
        kind=EventKind.HOST_FENCED,
        subject=subject,
        seen_at=site.clock.now(),
        reporter="node1",
        source="test",
    )
    zk.create(layout.event(event.id), encode(event))
    Intake(desk).handle(event)


def history(hosts: str, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["policy", "history", *arguments], env={"MEDEVAC_ZOOKEEPER": hosts})


def test_a_site_without_incidents_has_no_history(zk_hosts: str, zk: KazooClient) -> None:
    assert history(zk_hosts).output == "No policy set has decided about an incident yet.\n"


def test_a_set_is_kept_once_with_the_incidents_that_it_decided_about(zk_hosts: str, zk: KazooClient) -> None:
    policy_set = read_policies(POLICIES)
    decide(zk, "compute-1", policy_set)
    decide(zk, "compute-2", policy_set)
    assert history(zk_hosts).output == (
        f"{policy_set.digest}  since 2023-11-14 22:13:20Z, 2 incidents\n"
        "  policies: pet, gold, batch, small, ssd\n"
        "  decided about: host.down:compute-1:1, host.down:compute-2:1\n"
    )
    (row,) = json.loads(history(zk_hosts, "--json").output)
    assert row["incidents"] == ["host.down:compute-1:1", "host.down:compute-2:1"]


def test_another_set_is_kept_beside_it_and_both_can_be_read(zk_hosts: str, zk: KazooClient, tmp_path: Path) -> None:
    policy_set = read_policies(POLICIES)
    decide(zk, "compute-1", policy_set)
    (tmp_path / "1.yaml").write_text("policy: all\nmatch: everyone\nwhen: {host.down: leave}\n")
    other = read_policies(tmp_path)
    decide(zk, "compute-2", other)
    assert len(json.loads(history(zk_hosts, "--json").output)) == 2
    shown = history(zk_hosts, "show", other.digest[:5]).output
    assert shown.startswith(f"# policy set {other.digest}, first used at 2023-11-14 22:13:20Z\n---\npolicy: all\n")
    kept = json.loads(history(zk_hosts, "show", policy_set.digest, "--json").output)
    assert [policy["policy"] for policy in kept["policies"]] == ["pet", "gold", "batch", "small", "ssd"]


def test_what_is_shown_can_be_used_as_a_policy_file_again(zk_hosts: str, zk: KazooClient, tmp_path: Path) -> None:
    policy_set = read_policies(POLICIES)
    decide(zk, "compute-1", policy_set)
    for number, document in enumerate(history(zk_hosts, "show", policy_set.digest).output.split("\n---\n")[1:]):
        (tmp_path / f"{number}.yaml").write_text(document)
    assert read_policies(tmp_path) == policy_set


def test_a_digest_that_nothing_begins_with_is_said(zk_hosts: str, zk: KazooClient) -> None:
    error = history(zk_hosts, "show", "abc").exception
    assert isinstance(error, MedevacError)
    assert "there is no policy set whose digest begins with 'abc'" in str(error)


def test_a_set_that_is_too_large_for_zookeeper_holds_up_no_incident(
    zk_hosts: str, zk: KazooClient, caplog: pytest.LogCaptureFixture
) -> None:
    small = read_policies(POLICIES)
    huge = tuple(replace(policy, about="x" * PACKET_LIMIT) for policy in small.policies[:1])
    policy_history.keep(zk, PolicySet(huge, "f" * 16), 1.0)
    assert "is not kept for the history" in caplog.text
    assert zk.get_children(layout.POLICIES) == []


def test_a_set_goes_when_it_is_old_and_the_last_of_its_incidents_has_gone(zk: KazooClient) -> None:
    policy_set = read_policies(POLICIES)
    now = time.time()
    policy_history.keep(zk, policy_set, now - 100 * DAY)
    policy_history.keep(zk, PolicySet(policy_set.policies, "a" * 16), now)
    decide(zk, "compute-1", PolicySet(policy_set.policies, "b" * 16))
    tidy(zk, Retention(), now)
    assert sorted(zk.get_children(layout.POLICIES)) == ["a" * 16, "b" * 16]
