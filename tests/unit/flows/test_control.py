"""Control: rounds, alternatives, conditions and endings on the fakes, with TaskFlow's real engine."""

from __future__ import annotations

import pytest

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    Disable,
    Ending,
    Evacuate,
    Fence,
    FirstOf,
    Flow,
    If,
    Match,
    Notify,
    Page,
    Policy,
    Result,
    Retry,
    Step,
    Together,
    Verify,
    Wait,
)
from medevac.flows.policy.placeholders import PLACEHOLDERS
from medevac.sandbox.cloud.model import actions, verdict
from tests.unit.flows.recovering import Recovery, policy, trying

ONCE = trying(0, wait=0)


def flow(*steps: Step, name: str = "everyone", match: Match | None = None, **settings: object) -> Policy:
    made = Flow((Fence(), Disable(), *steps), **settings)  # type: ignore[arg-type]  # tests name the fields that exist
    return Policy(name=name, match=match or Match(), when={"host.down": made})


def again(times: int, *steps: Step, wait: float = 10, back_off: int = 1) -> Retry:
    return Retry(times=times, wait=Duration(wait), back_off=back_off, steps=steps)


def assert_clean(recovery: Recovery) -> None:
    with recovery.world.settled() as world:
        assert verdict.violations(world) == ()


def asked(recovery: Recovery) -> list[str]:
    return [e.text.split()[-1] for e in recovery.site.log.entries if e.text.startswith("asking Nova to evacuate")]


def test_a_retry_takes_on_only_the_servers_that_are_left() -> None:
    recovery = Recovery("a", "b", "c", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 2
    recovery.run(flow(again(3, ONCE, Verify())))
    assert recovery.raised is None
    assert recovery.results() == dict.fromkeys("abc", "recovered")
    assert len(asked(recovery)) == 5
    assert sorted(row["attempts"] for row in recovery.rows().values()) == [1, 2, 2]
    assert_clean(recovery)


def test_each_round_waits_longer_by_the_back_off() -> None:
    recovery = Recovery("a")
    recovery.server("a").pinned_zone = "nowhere"
    recovery.run(flow(again(3, ONCE, wait=10, back_off=3)))
    assert recovery.results() == {"a": "failed"}
    assert recovery.rows()["a"]["attempts"] == 4
    assert 10 + 30 + 90 <= recovery.seconds() < 10 + 30 + 90 + 30
    assert recovery.site.log.state == "parked"
    assert_clean(recovery)


def test_rounds_end_when_everybody_is_back() -> None:
    recovery = Recovery("a")
    recovery.run(flow(again(5, ONCE, Verify())))
    assert asked(recovery) == ["a"]
    assert "round 2" not in recovery.told()


def test_a_server_that_moved_and_is_in_error_is_looked_at_again_and_not_asked_for_again() -> None:
    recovery = Recovery("a")
    recovery.run(flow(ONCE, again(2, Evacuate(), Verify(within=Duration(1)))))
    assert recovery.results() == {"a": "recovered"}
    assert asked(recovery) == ["a"]


def test_the_next_alternative_is_for_those_that_the_first_has_left() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 1
    first, second = (ONCE,), (Wait(Duration(5)), ONCE)
    recovery.run(flow(FirstOf((first, second)), Verify()))
    assert recovery.raised is None
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert len(asked(recovery)) == 3
    assert "alternative 2 of first_of for 1 servers" in recovery.told()
    assert_clean(recovery)


def test_no_alternative_is_tried_when_the_first_brings_everybody_back() -> None:
    recovery = Recovery("a", "b")
    recovery.run(flow(FirstOf(((ONCE, Verify()), (Wait(Duration(500)),)))))
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert recovery.seconds() < 100


@pytest.mark.parametrize("zone", ["nowhere", None])
def test_a_condition_chooses_servers_by_what_a_step_did_for_them(zone: str | None) -> None:
    recovery = Recovery("a", "b")
    recovery.server("a").pinned_zone = zone
    then, otherwise = (Notify(to="ops", text="{failed} of {servers} failed"),), (Wait(Duration(7)),)
    recovery.run(flow(ONCE, If("evacuate", Result.FAILED, then, otherwise), Verify()))
    assert recovery.raised is None
    assert recovery.results() == {"a": "failed" if zone else "recovered", "b": "recovered"}
    assert [sent.text for sent in recovery.site.notifier.sent] == (["1 of 1 failed"] if zone else [])
    assert "waiting 7 s" in recovery.told()


def test_steps_side_by_side_are_joined_and_go_on_when_all_have_ended() -> None:
    recovery = Recovery("a", "b")
    recovery.run(flow(Together((ONCE, Page(text="on it"), Wait(Duration(3)))), Verify()))
    assert recovery.raised is None
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert [(sent.target, sent.text) for sent in recovery.site.notifier.sent] == [("page", "on it")]
    assert_clean(recovery)


def test_two_evacuations_side_by_side_stand_behind_each_other() -> None:
    recovery = Recovery("a", "b")
    recovery.run(flow(Together((ONCE, ONCE)), Verify()))
    assert sorted(asked(recovery)) == ["a", "b"]
    assert set(recovery.records().values()) == {1}
    assert_clean(recovery)


def test_a_second_evacuate_does_not_count_the_tries_of_the_first_as_its_own() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 1
    recovery.run(flow(ONCE, Evacuate(on_failure=ONCE.on_failure), Verify()))
    assert recovery.results() == {"a": "recovered"}
    assert recovery.rows()["a"]["attempts"] == 2
    assert_clean(recovery)


def test_after_the_deadline_nothing_is_begun_and_what_moved_is_still_looked_at() -> None:
    recovery = Recovery("a", "b")
    recovery.server("b").pinned_zone = "nowhere"
    steps = (ONCE, Wait(Duration(600)), Evacuate(), Verify())
    recovery.run(flow(*steps, deadline=Duration(60)))
    assert recovery.results() == {"a": "recovered", "b": "failed"}
    assert recovery.rows()["b"]["reason"].startswith("deadline passed")
    assert sorted(asked(recovery)) == ["a", "b", "b", "b"], "b at once, and when a is no longer in its way"
    assert 60 <= recovery.seconds() < 120
    assert recovery.site.log.state == "parked"


def test_stop_begins_nothing_more_of_its_policy_and_says_so() -> None:
    recovery = Recovery("a", "b", "other")
    recovery.server("a").pinned_zone = "nowhere"
    stopping = flow(
        ONCE, Wait(Duration(900)), Verify(), name="strict", match=Match(server=("a", "b")), on_failure=Ending.STOP
    )
    recovery.run(stopping, policy("rest"))
    assert recovery.results() == {"a": "failed", "b": "recovered", "other": "recovered"}
    assert recovery.seconds() < 300
    assert recovery.site.log.state == "parked"
    assert "policy strict: stopped after 'evacuate' failed for 1 servers" in recovery.site.log.reason


def test_a_failure_that_a_condition_sees_to_does_not_stop_the_flow() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 1
    mend = If("evacuate", Result.FAILED, (Evacuate(),))
    recovery.run(flow(ONCE, mend, Verify(), on_failure=Ending.STOP))
    assert recovery.results() == {"a": "recovered"}
    assert recovery.site.log.state == "recovered"


def test_revert_gives_the_host_back_when_nothing_has_moved() -> None:
    recovery = Recovery("a")
    recovery.server("a").pinned_zone = "nowhere"
    recovery.run(flow(ONCE, Wait(Duration(900)), on_failure=Ending.REVERT))
    assert recovery.raised is None
    assert recovery.service() == (False, False, None)
    assert recovery.site.log.state == "parked"
    assert "undone after 'evacuate' failed" in recovery.site.log.reason
    assert recovery.seconds() < 300


def test_revert_keeps_the_host_out_while_servers_have_left_it_and_another_policy_goes_on() -> None:
    recovery = Recovery("a", "b", "other")
    recovery.server("a").pinned_zone = "nowhere"
    first = flow(ONCE, name="undoing", match=Match(server=("a", "b")), on_failure=Ending.REVERT)
    recovery.run(first, policy("rest"))
    assert recovery.raised is None
    assert recovery.results() == {"a": "failed", "b": "recovered", "other": "recovered"}
    assert recovery.service()[0] is True


def test_controls_stand_inside_controls() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 3
    inner = again(1, ONCE, wait=1)
    alternatives = FirstOf(((inner,), (If("evacuate", Result.FAILED, (again(2, ONCE, wait=1),)),)))
    recovery.run(flow(again(1, alternatives, Verify())))
    assert recovery.raised is None
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert_clean(recovery)


def test_what_an_owner_took_meanwhile_is_not_tried_in_another_round() -> None:
    recovery = Recovery("a", "b")
    recovery.server("b").pinned_zone = "nowhere"
    recovery.after(5.0, lambda: actions.delete(recovery.world, recovery.server("b").id))
    recovery.run(flow(again(2, ONCE, wait=30), Verify()))
    assert recovery.results()["a"] == "recovered"
    assert recovery.rows()["b"]["result"] in {"skipped", "failed"}
    assert_clean(recovery)


def test_every_placeholder_of_a_message_is_filled() -> None:
    recovery = Recovery("web-1")
    recovery.run(flow(ONCE, Page(text=" ".join(f"{name}={{{name}}}" for name in PLACEHOLDERS))))
    (sent,) = recovery.site.notifier.sent
    assert [name for name in PLACEHOLDERS if f"{name}=" not in sent.text] == []
    assert "{" not in sent.text


def test_a_policy_that_covers_nobody_here_tells_nobody() -> None:
    recovery = Recovery("a")
    recovery.run(flow(ONCE, Page(text="help"), name="empty", match=Match(server=("none",))), policy("rest"))
    assert recovery.site.notifier.sent == []


def test_a_cloud_that_stays_away_inside_a_round_reverts_the_recovery_as_without_one() -> None:
    recovery = Recovery("a")
    recovery.after(2.0, lambda: recovery.fault("reset"))
    recovery.run(flow(again(5, ONCE)))
    assert recovery.raised is not None
    assert recovery.seconds() < 2000
