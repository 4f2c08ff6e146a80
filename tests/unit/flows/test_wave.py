"""The wave: what is due, what counts as an attempt, and what is never asked for twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows.evacuation import Wave
from medevac.flows.journey import Limits
from medevac.flows.plan import Plan, PlannedServer
from medevac.flows.ports import Migration

LIMITS = Limits(parallel=2, timeout=60.0, retries=1, wait=10.0, grace=5.0, patience=100.0)


def servers(count: int) -> tuple[PlannedServer, ...]:
    return tuple(PlannedServer(f"s{n}", f"name-{n}", "p", "everyone", "active") for n in range(count))


def wave(count: int = 1, *, baseline: int = 0, adopted: tuple[int, ...] = (), limits: Limits = LIMITS) -> Wave:
    planned = servers(count)
    return Wave(Plan("h1", 0.0, baseline, adopted, None, planned, ()), planned, limits)


def record(number: int, server: str, status: str, destination: str = "h2") -> Migration:
    return Migration(number, server, status, "h1", destination, 1.0, 2.0)


def results(of: Wave) -> dict[str, str]:
    return {outcome.id: outcome.result for outcome in of.outcomes()}


def test_no_more_than_the_bound_are_under_way() -> None:
    some = wave(5)
    first = some.due(0.0)
    for server in first:
        some.asked(server.id, 0.0)
    assert [server.id for server in first] == ["s0", "s1"]
    assert some.due(0.0) == ()
    some.observe(1.0, [record(1, "s0", "done")])
    assert [server.id for server in some.due(1.0)] == ["s2"]


def test_a_finished_record_ends_the_journey_with_its_destination() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(3.0, [record(1, "s0", "done", "h9")])
    (outcome,) = one.outcomes()
    assert (outcome.result, outcome.destination, outcome.moved_at, outcome.attempts) == ("moved", "h9", 3.0, 1)


def test_records_of_an_earlier_evacuation_of_the_host_say_nothing() -> None:
    one = wave(baseline=7)
    one.observe(0.0, [record(7, "s0", "completed")])
    assert [server.id for server in one.due(0.0)] == ["s0"]


def test_a_record_that_was_live_at_the_time_of_the_plan_is_adopted_and_not_asked_for_again() -> None:
    one = wave(baseline=7, adopted=(7,))
    one.observe(0.0, [record(7, "s0", "pre-migrating")])
    assert one.due(0.0) == ()
    one.observe(1.0, [record(7, "s0", "done")])
    assert results(one) == {"s0": "moved"}


def test_a_conductor_that_takes_over_does_not_ask_for_what_is_under_way_or_done() -> None:
    three = wave(3)
    three.observe(0.0, [record(1, "s0", "done"), record(2, "s1", "accepted", "")])
    assert [server.id for server in three.due(0.0)] == ["s2"]


def test_a_failed_attempt_is_asked_for_again_only_after_the_wait() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "failed")])
    assert one.due(10.9) == ()
    assert [server.id for server in one.due(11.0)] == ["s0"]


def test_who_found_no_host_while_others_were_under_way_is_asked_for_again_at_once_and_when_they_are_through() -> None:
    two = wave(2)
    for number in (0, 1):
        two.asked(f"s{number}", 0.0)
    no_host, other = record(1, "s0", "error", ""), record(2, "s1", "accepted", "")
    two.observe(1.0, [no_host, other])
    assert [server.id for server in two.due(1.0)] == ["s0"]
    two.asked("s0", 1.0)
    seen = [no_host, record(3, "s0", "error", "")]
    two.observe(2.0, [*seen, other])
    assert two.due(2.0) == ()
    two.observe(3.0, [*seen, record(2, "s1", "done")])
    assert [server.id for server in two.due(3.0)] == ["s0"]
    two.asked("s0", 3.0)
    for number in (1, 2):
        seen.append(replace(record(3 + number, "s0", "error", ""), created_at=3.0, updated_at=4.0))
        two.observe(3.0 + number, [*seen, record(2, "s1", "done")])
        assert results(two)["s0"] == ("waiting", "failed")[number - 1], "these two count"


def test_who_waits_for_others_to_get_out_of_its_way_goes_with_as_few_as_that_beside_it() -> None:
    many = wave(9, limits=replace(LIMITS, parallel=9))
    for number in range(9):
        many.asked(f"s{number}", 0.0)
    seen = [record(10 + number, f"s{number}", "accepted", "") for number in range(1, 9)]
    seen += [record(1, "s0", "error", ""), record(2, "s0", "error", "")]
    many.observe(10.0, seen)
    assert many.due(10.0) == (), "eight are in its way"
    through = [record(10 + number, f"s{number}", "done") for number in range(1, 5)]
    many.observe(11.0, [*seen, *through])
    assert [server.id for server in many.due(11.0)] == ["s0"], "four are"


def test_who_waits_until_there_are_fewer_in_its_way_waits_no_longer_than_for_room() -> None:
    many = wave(9, limits=replace(LIMITS, parallel=9))
    for number in range(9):
        many.asked(f"s{number}", 0.0)
    seen = [record(10 + number, f"s{number}", "accepted", "") for number in range(1, 9)]
    many.observe(1.0, [*seen, record(1, "s0", "error", ""), record(2, "s0", "error", "")])
    assert many.due(1.0 + LIMITS.wait - 0.1) == ()
    assert [server.id for server in many.due(1.0 + LIMITS.wait)] == ["s0"]


@pytest.mark.parametrize("second", [record(2, "s0", "error", ""), record(2, "s0", "accepted", "")])
def test_whom_a_destination_is_building_is_not_asked_for_again_though_a_second_call_came_to_nothing(
    second: Migration,
) -> None:
    two = wave(2)
    for number in (0, 1):
        two.asked(f"s{number}", 0.0)
    first, other = record(1, "s0", "pre-migrating"), record(3, "s1", "running")
    two.observe(1.0, [first, second, other])
    assert two.due(1.0 + LIMITS.wait) == ()
    assert set(two.under_way) == set(two.taken_up) == {"s0", "s1"}
    two.observe(30.0, [replace(first, status="done"), second, other])
    assert results(two)["s0"] == "moved"


def test_a_call_that_gets_no_answer_after_a_conflict_is_waited_for() -> None:
    two = wave(2)
    for number in (0, 1):
        two.asked(f"s{number}", 0.0)
    two.observe(1.0, [record(1, "s0", "error", ""), record(2, "s1", "running")])
    assert [server.id for server in two.due(1.0)] == ["s0"]
    two.unanswered("s0", 1.0, "away")
    assert two.due(1.0) == ()
    two.rejected("s0", 20.0, "no")
    assert two.due(20.0) == ()


def test_a_conductor_that_takes_over_does_not_count_what_others_were_in_the_way_of() -> None:
    two = wave(2)
    two.observe(9.0, [record(1, "s0", "error", ""), record(2, "s0", "error", ""), record(4, "s1", "running")])
    assert results(two) == {"s0": "waiting", "s1": "asked"}, "with one try more, two that counted would have been all"


def test_who_found_no_host_though_nobody_was_in_the_way_waits() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "error", "")])
    assert one.due(10.9) == ()
    assert [server.id for server in one.due(11.0)] == ["s0"]


def test_the_failed_record_of_the_first_attempt_does_not_fail_the_second() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "failed")])
    one.asked("s0", 12.0)
    one.observe(12.5, [record(1, "s0", "failed")])
    assert results(one) == {"s0": "asked"}
    one.observe(13.0, [record(1, "s0", "failed"), record(2, "s0", "done")])
    assert results(one) == {"s0": "moved"}


def test_attempts_made_by_a_dead_conductor_count() -> None:
    one = wave()
    one.observe(0.0, [record(1, "s0", "error", ""), record(2, "s0", "error", "")])
    (outcome,) = one.outcomes()
    assert (outcome.result, outcome.attempts) == ("failed", 2)
    assert outcome.reason == "Nova found no valid host for it"


def test_a_refusal_counts_as_an_attempt_and_the_last_one_fails_the_server() -> None:
    one = wave()
    one.rejected("s0", 0.0, "no")
    assert results(one) == {"s0": "waiting"}
    one.rejected("s0", 20.0, "no")
    assert results(one) == {"s0": "failed"}


def test_a_cloud_that_takes_no_calls_costs_no_attempt_but_patience_ends() -> None:
    one = wave()
    for now in (10.0, 50.0, 109.0):
        one.unanswered("s0", now, "away")
        assert results(one) == {"s0": "waiting"}
    one.unanswered("s0", 111.0, "away")
    assert results(one) == {"s0": "failed"}


def test_a_call_without_an_answer_is_looked_up_after_the_grace_and_not_before() -> None:
    one = wave()
    one.asked("s0", 0.0, "no answer")
    one.observe(5.0, [])
    assert one.overdue(5.0) == ()
    assert [journey.server.id for journey in one.overdue(5.1)] == ["s0"]


def test_an_attempt_with_a_record_may_take_its_time_out() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "accepted", "")])
    assert one.overdue(60.0) == ()
    assert len(one.overdue(60.1)) == 1


def test_a_record_that_was_given_up_and_succeeds_after_all_is_believed() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "accepted", "")])
    one.give_up_attempt("s0", 61.0, "reset")
    one.observe(62.0, [record(1, "s0", "done")])
    assert results(one) == {"s0": "moved"}


def test_one_servers_failure_leaves_the_others_on_their_way() -> None:
    two = wave(2)
    two.fail("s0", "stuck")
    two.asked("s1", 0.0)
    two.observe(1.0, [record(1, "s1", "done")])
    assert two.finished
    assert results(two) == {"s0": "failed", "s1": "moved"}


def test_a_first_record_that_succeeds_after_a_second_call_is_believed_though_the_second_stays_accepted() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "accepted", "")])
    one.give_up_attempt("s0", 61.0, "reset")
    one.asked("s0", 72.0)
    one.observe(73.0, [record(1, "s0", "done", "h3"), record(2, "s0", "accepted", "")])
    (outcome,) = one.outcomes()
    assert (outcome.result, outcome.destination) == ("moved", "h3")


def test_a_call_that_a_dead_conductor_was_about_to_make_is_waited_for_and_not_made_again_at_once() -> None:
    one = wave()
    assert one.may_have_been_asked("s0", [100.0]) is not None
    assert one.due(101.0) == ()
    assert one.overdue(104.0) == ()
    one.observe(104.5, [record(1, "s0", "done")])
    assert results(one) == {"s0": "moved"}


def test_a_call_that_left_its_record_is_known_by_that_and_not_by_the_intention() -> None:
    one = wave()
    one.observe(0.0, [record(1, "s0", "failed")])
    assert one.may_have_been_asked("s0", [100.0]) is None
    assert one.may_have_been_asked("s0", [100.0, 120.0]) is not None


def test_a_record_that_the_source_has_cleaned_up_after_does_not_say_that_the_server_arrived() -> None:
    one = wave(1)
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "completed")])
    assert [journey.server.id for journey in one.doubtful()] == ["s0"]
    one.arrived("s0", 2.0, "spare")
    assert one.finished
    assert one.doubtful() == ()


def test_what_the_source_has_closed_while_a_destination_works_on_it_is_not_given_up_until_that_one_has_failed() -> None:
    one = wave(1)
    one.asked("s0", 0.0)
    taken_up = replace(record(1, "s0", "completed"), destination="spare")
    one.observe(1.0, [taken_up])
    assert not one.is_abandoned("s0", 1.0)
    assert not one.is_abandoned("s0", 1000.0)
    one.observe(1001.0, [replace(taken_up, status="failed")])
    assert one.doubtful() == ()
    assert one.failed("s0")


def test_what_the_source_has_closed_before_a_destination_had_it_is_given_up_after_a_while() -> None:
    one = wave(1)
    one.asked("s0", 0.0)
    one.observe(1.0, [replace(record(1, "s0", "completed"), destination="")])
    assert not one.is_abandoned("s0", 1.0)
    assert one.is_abandoned("s0", 60.0)


def test_what_the_source_has_closed_is_not_given_up_while_the_call_waits_in_a_queue_and_a_while_after_that() -> None:
    one = wave()
    one.asked("s0", 0.0)
    one.observe(1.0, [replace(record(1, "s0", "completed"), destination="")])
    assert not one.is_abandoned("s0", 1.0)
    assert not one.is_abandoned("s0", 60.0, queued=True)
    assert not one.is_abandoned("s0", 61.0)
    assert one.is_abandoned("s0", 70.0)


def test_what_the_source_has_closed_and_was_given_up_does_not_speak_for_the_next_attempt() -> None:
    one = wave(1)
    one.asked("s0", 0.0)
    one.observe(1.0, [record(1, "s0", "completed")])
    one.give_up_attempt("s0", 1.0, "broken off")
    one.asked("s0", 100.0)
    one.observe(101.0, [record(1, "s0", "completed"), record(2, "s0", "pre-migrating")])
    assert one.doubtful() == ()
    one.observe(102.0, [record(1, "s0", "completed"), record(2, "s0", "done")])
    assert one.finished
