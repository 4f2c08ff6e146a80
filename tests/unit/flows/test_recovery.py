"""Whole recoveries on the fakes: what goes wrong in the cloud, at the fence and with owners, and what comes of it."""

from __future__ import annotations

import pytest

from medevac.core.errors import ClaimLostError, NoEvidenceError
from medevac.core.evidence import FenceEvidence
from medevac.flows.policy.language import Evacuate, Flow, Leave, Match, Policy
from medevac.sandbox.cloud.model import actions, machines, verdict
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import DEAD, MARK, Recovery, policy, trying

EVACUATE = {"method": "POST", "body": '"evacuate"'}


def assert_clean(recovery: Recovery) -> None:
    with recovery.world.settled() as world:
        assert verdict.violations(world) == ()
        assert verdict.check_all_running(world) == ()


def test_a_dead_hosts_servers_come_back_as_they_were() -> None:
    recovery = Recovery("a", "b", off="stopped")
    recovery.run()
    assert recovery.raised is None
    assert recovery.site.log.state == "recovered"
    assert recovery.results() == {"a": "recovered", "b": "recovered", "off": "recovered"}
    assert recovery.server("off").vm_state == "stopped"
    assert recovery.service() == (True, True, f"{MARK}: host.down")
    assert recovery.site.bmc.power_commands()[DEAD]["off"] == 1
    assert_clean(recovery)


def test_policies_are_carried_out_most_urgent_first() -> None:
    recovery = Recovery("pet", "cattle")
    first = policy("pets", Match(server=("pet",)))
    recovery.run(first, policy("everyone"))
    asked = [entry.text for entry in recovery.site.log.entries if entry.text.startswith("asking")]
    assert asked == ["asking Nova to evacuate pet", "asking Nova to evacuate cattle"]


@pytest.mark.parametrize("kind", ["reset", "status"])
def test_a_cloud_that_is_away_in_the_middle_is_waited_for(kind: str) -> None:
    recovery = Recovery("a", "b", "c")
    recovery.after(1.0, lambda: recovery.fault(kind, until=31.0))
    recovery.run(policy(evacuate=trying(2, parallel=1)))
    assert recovery.results() == dict.fromkeys("abc", "recovered")
    assert set(recovery.records().values()) == {1}
    assert recovery.seconds() > 30
    assert_clean(recovery)


@pytest.mark.parametrize("path", ["/os-services", "/os-migrations", "/servers/detail", "/action"])
def test_any_part_of_the_cloud_may_be_away_at_first(path: str) -> None:
    recovery = Recovery("a", "b")
    recovery.fault("reset", path=path, until=20.0)
    recovery.run()
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert recovery.site.log.state == "recovered"
    assert set(recovery.records().values()) == {1}
    assert_clean(recovery)


def test_a_cloud_that_stays_away_ends_in_a_host_that_is_put_back_or_out_with_a_reason() -> None:
    recovery = Recovery("a")
    recovery.fault("reset", path="/servers/detail")
    recovery.run()
    assert recovery.raised is not None
    assert recovery.seconds() > 250
    assert recovery.service() == (False, False, None)


@pytest.mark.parametrize("kind", ["lost", "silent"])
def test_a_call_whose_answer_is_lost_is_not_made_twice(kind: str) -> None:
    recovery = Recovery("a", "b")
    recovery.fault(kind, count=1, **EVACUATE)
    recovery.run()
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert recovery.records() == {("a", "done"): 1, ("b", "done"): 1}
    assert recovery.calls() == 2
    assert "no answer came" in recovery.told()
    assert_clean(recovery)


def test_a_call_that_was_never_carried_out_is_made_again_after_looking() -> None:
    recovery = Recovery("a")
    recovery.fault("hang", count=1, **EVACUATE)
    recovery.run()
    assert recovery.results() == {"a": "recovered"}
    assert recovery.records() == {("a", "done"): 1}
    assert "left no trace" in recovery.told()
    assert_clean(recovery)


def test_an_evacuation_that_nova_accepted_and_forgot_is_reset_and_asked_for_again() -> None:
    recovery = Recovery("a", "b")
    recovery.world.mishaps.lose_evacuations = 1
    recovery.run(policy(evacuate=trying(2, wait=5, timeout=60)))
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert sorted(row["attempts"] for row in recovery.rows().values()) == [1, 2]
    assert_clean(recovery)


def test_a_destination_that_refuses_costs_attempts_and_holds_up_nobody_else() -> None:
    recovery = Recovery("a", "b", "c", "d")
    recovery.world.mishaps.refuse_claims["spare-1"] = 2
    recovery.run(policy(evacuate=trying(3, wait=5)))
    assert set(recovery.results().values()) == {"recovered"}
    rows = recovery.rows().values()
    assert sorted(row["attempts"] for row in rows)[:2] == [1, 1]
    assert sum(row["attempts"] for row in rows) == 6
    quick = [row["down_seconds"] for row in rows if row["attempts"] == 1]
    assert max(quick) < min(row["down_seconds"] for row in rows if row["attempts"] > 1)
    assert_clean(recovery)


def test_a_server_that_finds_no_place_is_reported_and_the_others_recover() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    recovery.server("a").pinned_zone = "nowhere"
    recovery.run(policy(evacuate=trying(1, wait=5)))
    assert recovery.results() == {"a": "failed", "b": "recovered"}
    assert recovery.site.log.state == "parked"
    assert "a: Nova found no valid host for it" in recovery.site.log.reason
    assert recovery.rows()["a"]["attempts"] == 4, "twice while b was on its way, which does not count, and twice"


def test_a_stopped_server_arrives_stopped_also_after_an_attempt_that_left_it_in_error() -> None:
    recovery = Recovery(spares=("spare-1",), off="stopped")
    recovery.world.mishaps.fail_spawns["spare-1"] = 1
    recovery.run(policy(evacuate=trying(2, wait=5)))
    assert recovery.results() == {"off": "recovered"}
    assert recovery.rows()["off"]["attempts"] == 2
    assert recovery.server("off").vm_state == "stopped"
    assert_clean(recovery)


def test_without_evidence_nothing_is_touched() -> None:
    recovery = Recovery("a")
    recovery.site.bmc.order(DEAD, "refuse")
    recovery.run()
    assert isinstance(recovery.raised, NoEvidenceError)
    assert "the BMC refuses" in str(recovery.raised)
    assert (recovery.calls("POST"), recovery.calls("PUT")) == (0, 0)
    assert recovery.service() == (False, False, None)
    assert_clean(recovery)


def test_a_bmc_that_lies_about_the_order_is_not_believed() -> None:
    recovery = Recovery("a")
    recovery.site.bmc.order(DEAD, "refuse", count=2)
    recovery.run()
    assert recovery.results() == {"a": "recovered"}
    assert "trying again" in recovery.told()
    assert_clean(recovery)


def test_evidence_that_comes_while_the_fence_device_fails_is_taken() -> None:
    recovery = Recovery("a")
    recovery.site.bmc.order(DEAD, "hang")

    def pacemaker_fences() -> None:
        recovery.order("power")
        recovery.site.log.add_evidence(FenceEvidence(DEAD, START + 5, "pacemaker", "off", "by node2: OK"))

    recovery.after(5.0, pacemaker_fences)
    recovery.run()
    assert recovery.results() == {"a": "recovered"}
    assert_clean(recovery)


def test_evidence_that_is_there_makes_the_fence_device_unneeded() -> None:
    recovery = Recovery("a")
    recovery.order("power")
    recovery.site.log.add_evidence(FenceEvidence(DEAD, START, "pacemaker", "off", "by node2: OK"))
    recovery.run()
    assert recovery.results() == {"a": "recovered"}
    assert recovery.site.bmc.power_commands() == {}


def test_a_plan_that_fails_for_good_leaves_the_host_as_it_was() -> None:
    recovery = Recovery("a")
    recovery.fault("status", path="/servers/detail", status=500, until=1e6)
    recovery.run()
    assert recovery.raised is not None
    assert recovery.service() == (False, False, None)
    assert recovery.calls("PUT") == 2
    assert "is back as it was before" in recovery.told()


def test_a_put_back_without_an_answer_is_looked_up() -> None:
    recovery = Recovery("a")
    recovery.fault("reset", path="/servers/detail")
    recovery.after(1.0, lambda: recovery.fault("silent", method="PUT", count=1))
    recovery.run()
    assert recovery.service() == (False, False, None)
    assert recovery.calls("PUT") == 2
    assert "is back as it was before" in recovery.told()


def test_an_operators_own_mark_survives_recovery_and_revert() -> None:
    for fails in (False, True):
        recovery = Recovery("a")
        host = recovery.world.hosts[DEAD]
        host.disabled, host.disabled_reason = True, "new disks, Ada"
        if fails:
            recovery.fault("reset", path="/servers/detail")
        recovery.run()
        assert recovery.service() == (not fails, True, "new disks, Ada")


def test_what_an_operator_changed_meanwhile_is_not_undone() -> None:
    recovery = Recovery("a")
    recovery.fault("reset", path="/servers/detail")

    def operator() -> None:
        host = recovery.world.hosts[DEAD]
        host.disabled_reason = "hands off, Ada"

    recovery.after(10.0, operator)
    recovery.run()
    assert recovery.service() == (True, True, "hands off, Ada")
    assert recovery.calls("PUT") == 1


def test_servers_whose_policy_leaves_them_are_left_and_need_nobody() -> None:
    leave = Policy(name="leave", match=Match(server=("b",)), when={"host.down": Flow((Leave(),))})
    recovery = Recovery("a", "b")
    recovery.run(leave, policy())
    assert recovery.results() == {"a": "recovered", "b": "left"}
    assert recovery.site.log.state == "recovered"
    assert recovery.server("b").host == DEAD


def test_a_server_that_nova_does_not_evacuate_is_left_and_somebody_is_told() -> None:
    recovery = Recovery("a", held="paused")
    recovery.run()
    assert recovery.results() == {"a": "recovered", "held": "left"}
    assert recovery.site.log.state == "parked"
    assert "held: Nova does not evacuate a server that is paused" in recovery.site.log.reason


def test_a_server_deleted_meanwhile_is_skipped() -> None:
    recovery = Recovery("a", "b", "c")
    gone = recovery.server("a").id  # Nova lists the newest first, and so it is the last
    recovery.after(0.5, lambda: actions.delete(recovery.world, gone))
    recovery.run(policy(evacuate=trying(0, parallel=1)))
    assert recovery.results() == {"a": "skipped", "b": "recovered", "c": "recovered"}
    assert recovery.site.log.state == "recovered"


def test_a_server_that_its_owner_locks_meanwhile_is_left_alone() -> None:
    names = [f"s{n:02}" for n in range(12)]
    recovery = Recovery(*names)
    last = recovery.server("s00")
    recovery.after(5.0, lambda: setattr(last, "locked", True))
    recovery.run(policy(evacuate=trying(0, parallel=1)))
    assert recovery.results()["s00"] == "skipped"
    assert "its owner locked it meanwhile" in recovery.rows()["s00"]["reason"]
    assert last.host == DEAD


def test_a_server_that_was_locked_before_is_evacuated_and_stays_locked() -> None:
    recovery = Recovery("a")
    recovery.server("a").locked = True
    recovery.run()
    assert recovery.results() == {"a": "recovered"}
    assert recovery.server("a").locked


def test_a_claim_that_is_lost_ends_all_calls() -> None:
    recovery = Recovery("a", "b", "c")

    def lose() -> None:
        recovery.site.log.owned = False
        recovery.world.requests.clear()

    recovery.after(0.5, lose)
    recovery.run(policy(evacuate=trying(0, parallel=1)))
    assert isinstance(recovery.raised, ClaimLostError)
    assert (recovery.calls("POST"), recovery.calls("PUT")) == (0, 0)


def test_no_more_servers_are_under_way_at_once_than_the_policy_allows() -> None:
    recovery = Recovery(*"abcdef")
    recovery.run(policy(evacuate=Evacuate(parallel=2)))
    spans = sorted((row["asked_at"], row["back_at"]) for row in recovery.rows().values())
    for asked_at, _ in spans:
        assert sum(begin <= asked_at < end for begin, end in spans) <= 2
    assert_clean(recovery)


def test_many_servers_cost_little_more_than_one_call_each() -> None:
    recovery = Recovery(*[f"s{n}" for n in range(100)], spares=("spare-1", "spare-2", "spare-3"))
    recovery.run()
    assert set(recovery.results().values()) == {"recovered"}
    assert sum(recovery.world.requests.values()) <= 180


def test_a_long_wait_for_one_retry_asks_the_cloud_seldom() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    recovery.world.mishaps.fail_spawns["spare-1"] = 1
    recovery.run(policy(evacuate=trying(1, wait=120)))
    assert recovery.results() == {"a": "recovered"}
    assert recovery.seconds() > 120
    assert recovery.calls("GET") < 170


def test_what_a_dead_conductor_was_about_to_ask_is_asked_only_after_its_call_has_had_time() -> None:
    recovery = Recovery("a", "b")
    recovery.site.log.intended = {recovery.server("a").id: [recovery.site.clock.now()]}
    recovery.run()
    asked = {entry.text.split()[-1]: entry.at for entry in recovery.site.log.entries if "asking Nova" in entry.text}
    assert asked["b"] - START < 5.0
    assert asked["a"] - START > 10.0
    assert set(recovery.records().values()) == {1}
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert_clean(recovery)


def test_a_nova_compute_that_starts_in_the_middle_breaks_off_what_is_done_again() -> None:
    recovery = Recovery("a", "b")

    def comes_back() -> None:
        with recovery.world.settled() as world:
            machines.power_on(world, DEAD)
            machines.mend_network(world, DEAD)
            machines.start_compute(world, DEAD)

    recovery.after(0.5, comes_back)
    recovery.run(policy(evacuate=trying(3, wait=1)))
    assert recovery.results() == {"a": "recovered", "b": "recovered"}, recovery.told()
    assert {recovery.server(name).host for name in "ab"} <= {"spare-1", "spare-2"}
    assert recovery.service()[:2] == (True, True)
