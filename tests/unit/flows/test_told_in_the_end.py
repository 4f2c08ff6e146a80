"""People are paged of what a recovery leaves to them, unless a policy says who is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows.policy.language import Flow, Notify, Page, Policy, Step
from tests.unit.flows.recovering import SITE, Recovery, policy, trying

AGAIN = replace(SITE, capacity_again=300.0)


def without_room(*servers: str, **states: str) -> Recovery:
    recovery = Recovery(*servers, spares=("spare-1",), **states)
    with recovery.world.settled() as world:
        world.hosts["spare-1"].ram_mb = 1
    return recovery


def saying(step: Step) -> Policy:
    plain = policy(evacuate=trying(0))
    return replace(plain, when={"host.down": Flow((*plain.when["host.down"].steps, step))})


def paged(recovery: Recovery) -> list[str]:
    return [sent.text for sent in recovery.site.notifier.sent if sent.target == "page"]


def test_people_are_paged_once_of_servers_that_need_them() -> None:
    recovery = without_room("a")
    recovery.run(policy(evacuate=trying(0)))
    assert recovery.site.log.state == "parked"
    assert paged(recovery) == [recovery.site.log.reason]
    assert [sent.title for sent in recovery.site.notifier.sent] == ["medevac: host.down:dead:1"]


def test_of_servers_that_wait_for_room_they_are_paged_when_that_begins_and_not_at_each_try() -> None:
    recovery = without_room("a")
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    (first,) = paged(recovery)
    assert "Nova found no valid host for it. Tried again in 300 s" in first
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    assert paged(recovery) == [first]


def test_nobody_is_paged_of_a_recovery_that_ends_well() -> None:
    recovery = Recovery("a")
    recovery.run(policy())
    assert recovery.site.log.state == "recovered"
    assert recovery.site.notifier.sent == []


@pytest.mark.parametrize("step", [Page("{failed} of {policy} are down"), Notify(to="chat", text="{failed} are down")])
def test_where_a_policy_says_who_is_told_nobody_else_is(step: Step) -> None:
    recovery = without_room("a")
    recovery.run(saying(step))
    assert recovery.site.log.state == "parked"
    assert len(recovery.site.notifier.sent) == 1
    assert "are down" in recovery.site.notifier.sent[0].text


def test_a_page_that_does_not_go_out_stands_in_the_journal_and_the_incident_ends() -> None:
    recovery = without_room("a")
    recovery.site.notifier.deaf = {"page"}
    recovery.run(policy(evacuate=trying(0)))
    assert recovery.site.log.state == "parked"
    assert "page was not told" in recovery.told()
