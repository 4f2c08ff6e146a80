"""The deadline of a policy: counted from the failure, it begins nothing more, and ends nothing that was begun."""

from __future__ import annotations

from dataclasses import replace

from medevac.flows import compiling
from medevac.flows.brief import Brief
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Disable, Ending, Evacuate, Fence, Flow, Match, Policy, Verify, Wait
from medevac.sandbox.cloud.model import verdict
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import SITE, Recovery, policy, trying


def within(seconds: float, promise: Policy) -> Policy:
    return replace(promise, deadline=Duration(seconds))


def test_who_was_not_asked_for_in_time_is_reported_and_who_was_is_watched_to_the_end() -> None:
    recovery = Recovery("a", "b", "c")
    recovery.world.settings = replace(recovery.world.settings, evacuate_seconds=40.0)
    recovery.run(within(60, policy(evacuate=trying(0, parallel=1))))

    results = recovery.results()
    assert list(results.values()).count("recovered") == 2
    (late,) = [row for row in recovery.rows().values() if row["result"] == "failed"]
    assert late["reason"] == "deadline passed, 60 s after the failure"
    assert late["attempts"] == 0
    assert len(recovery.records()) == 2
    assert recovery.site.log.state == "parked"
    assert verdict.violations(recovery.world) == ()


def test_a_second_try_after_the_deadline_is_not_begun_and_the_first_ones_failure_is_told() -> None:
    recovery = Recovery("a")
    recovery.server("a").pinned_zone = "nowhere"
    recovery.run(within(30, policy(evacuate=trying(5, wait=60))))

    assert recovery.rows()["a"]["reason"] == "deadline passed, 30 s after the failure: Nova found no valid host for it"
    assert recovery.rows()["a"]["attempts"] == 1


def test_the_deadline_counts_from_the_failure_and_not_from_the_first_step() -> None:
    recovery = Recovery("a", "b")
    recovery.site.clock.wait(100)
    recovery.run(within(100, policy()))

    assert recovery.results() == {"a": "failed", "b": "failed"}
    assert not recovery.records()
    assert recovery.service()[0], "the host is out of service all the same"


def test_other_policies_go_on() -> None:
    recovery = Recovery("a", "b")
    recovery.site.clock.wait(100)
    recovery.run(within(60, policy("quick", Match(server=("a",)))), policy("patient", Match(server=("b",))))

    assert recovery.results() == {"a": "failed", "b": "recovered"}


def test_a_flow_with_control_begins_nothing_after_the_deadline_of_its_policy() -> None:
    recovery = Recovery("a")
    recovery.server("a").pinned_zone = "nowhere"
    steps = (Fence(), Disable(), trying(0), Wait(Duration(600)), Evacuate(), Verify())
    promise = Policy(name="all", match=Match(), when={"host.down": Flow(steps)}, deadline=Duration(60))
    recovery.run(promise)

    assert recovery.rows()["a"]["reason"] == "deadline passed: Nova found no valid host for it"
    assert recovery.rows()["a"]["attempts"] == 1
    assert 60 <= recovery.seconds() < 120


def test_the_earlier_of_two_deadlines_counts() -> None:
    recovery = Recovery("a")
    recovery.server("a").pinned_zone = "nowhere"
    flow = Flow((Fence(), Disable(), trying(0), Wait(Duration(600)), Evacuate()), deadline=Duration(30))
    promise = Policy(name="all", match=Match(), when={"host.down": flow}, deadline=Duration(300))
    recovery.run(promise)

    assert recovery.rows()["a"]["reason"].startswith("deadline passed: ")
    assert recovery.seconds() < 60


def test_a_promise_that_is_kept_is_not_touched_by_its_deadline() -> None:
    recovery = Recovery("a", "b")
    recovery.run(within(300, policy()))

    assert set(recovery.results().values()) == {"recovered"}
    assert "deadline" not in recovery.told()


def test_a_deadline_changes_no_atom_so_that_jobs_of_earlier_releases_go_on() -> None:
    brief = Brief("host.down:dead:1", "host.down", "dead", START, SITE)
    plain, timed = policy(), within(60, policy())

    assert compiling.is_plain(timed, "host.down")
    assert [atom.name for atom in compiling.atoms(brief, timed)] == [
        atom.name for atom in compiling.atoms(brief, plain)
    ]
    assert [atom.name for atom in compiling.atoms(brief, timed)] == ["evacuate:everyone", "verify:everyone"]
    assert replace(timed, on_failure=Ending.SKIP) == timed
