"""One server failed and its host lives: restart, reset, resume, rebuild, move; each looks before it acts."""

from __future__ import annotations

import pytest

from medevac.core.errors import ClaimLostError
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    Allow,
    ColdMigrate,
    FirstOf,
    Kill,
    LiveMigrate,
    Page,
    Rebuild,
    Reset,
    Restart,
    Resume,
    WaitFor,
)
from medevac.sandbox.cloud.model import actions, guests, machines
from medevac.sandbox.fakes import START
from tests.unit.flows.living import ILL, Living, on

CRASHED, HUNG, IO, WORKLOAD = "server.crashed", "server.hung", "server.io-error", "workload.failed"


def crashed(**others: str) -> Living:
    living = Living(CRASHED, "a", "other", **others)
    with living.world.settled() as world:
        guests.crash(world, living.server("a").id)
    return living


def hung(*, busy: bool = False, age: float = 3600) -> Living:
    living = Living(HUNG, "a", "other")
    with living.world.settled() as world:
        guests.hang(world, living.server("a").id, busy=busy)
        living.server("a").updated_at = START - age
    return living


def disk_error(*, mended_after: float | None) -> Living:
    living = Living(IO, "a", "other")
    with living.world.settled() as world:
        machines.break_storage(world, ILL)
        if living.guest("a").state != "paused":  # type: ignore[union-attr]  # it is there
            guests.pause(world, living.server("a").id)
    if mended_after is not None:
        living.at(mended_after, lambda world: machines.mend_storage(world, ILL))
    return living


def runs(living: Living, name: str = "a") -> list[str]:
    return list(living.world.ledger.hosts_of(living.server(name).id))


def verbs(living: Living) -> list[str]:
    """Return what was asked for, of whom."""
    return [entry.text for entry in living.site.log.entries if "intends" in entry.facts]


def test_a_server_that_crashed_is_started_again_where_it_was_and_nothing_else_is_touched() -> None:
    living = crashed()
    living.answer()
    assert living.raised is None
    assert living.site.log.state == "recovered"
    assert living.results() == {"a": "recovered"}
    assert runs(living) == [ILL]
    assert living.rows()["a"]["down_seconds"] is not None
    assert verbs(living) == ["restart for a"]
    assert living.calls("PUT") == 0
    living.assert_clean()


def test_one_that_nova_has_called_shut_off_by_then_is_started() -> None:
    living = crashed()
    living.site.clock.wait(30)
    with living.world.settled():
        assert living.server("a").vm_state == "stopped"
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert (living.server("a").vm_state, runs(living)) == ("active", [ILL])


def test_one_that_its_owner_has_stopped_since_it_crashed_stays_off() -> None:
    living = crashed()
    living.site.clock.wait(2)
    with living.world.settled() as world:
        actions.stop(world, living.server("a").id, by_owner=True)
    living.site.clock.wait(30)
    living.answer()
    assert living.reason("a") == "its owner stopped it meanwhile"
    assert verbs(living) == []
    assert runs(living) == []


@pytest.mark.parametrize("cause", ["forgotten", "migration"])
def test_one_of_which_libvirt_cannot_say_why_it_is_off_stays_so_once_nova_has_shut_it_off(cause: str) -> None:
    living = crashed()
    living.facts = {"cause": cause}
    living.site.clock.wait(30)
    living.answer()
    assert "it may well have been shut down from inside" in living.reason("a")
    assert runs(living) == []


def test_one_that_somebody_started_meanwhile_is_left_alone() -> None:
    living = crashed()
    with living.world.settled() as world:
        guests.start(world, living.server("a").id, ILL, "somebody was faster")
    living.answer()
    assert living.reason("a") == "it runs already on dead"
    assert verbs(living) == []


def test_after_three_restarts_in_an_hour_it_is_moved_instead() -> None:
    living = crashed()
    server = living.server("a").id
    living.history.earlier = [(server, START - 60.0 * n, "restart") for n in range(1, 4)]
    living.answer()
    assert "medevac has restarted it 3 times" in living.told()
    assert living.results() == {"a": "recovered"}
    assert living.hosts()["a"] != ILL
    assert living.server("a").vm_state == "active"
    assert len(runs(living)) == 1
    living.assert_clean()


def test_restarts_of_another_day_or_of_another_server_do_not_count() -> None:
    living = crashed()
    mine, other = living.server("a").id, living.server("other").id
    living.history.earlier = [(mine, START - 7200.0 * n, "restart") for n in range(1, 4)]
    living.history.earlier += [(other, START - 5.0, "reset")] * 9
    living.answer()
    assert living.hosts()["a"] == ILL
    assert living.results() == {"a": "recovered"}


def test_where_nothing_helps_somebody_is_paged_and_the_incident_is_parked() -> None:
    living = crashed()
    living.site.world.mishaps.order("status", path="/action", status=409, count=-1)
    living.answer()
    assert living.site.log.state == "parked"
    assert [sent.target for sent in living.site.notifier.sent] == ["page"]


def test_a_server_in_error_is_rebooted_the_hard_way() -> None:
    living = crashed()
    living.server("a").vm_state = "error"
    living.answer(on(CRASHED, Restart()))
    assert living.results() == {"a": "recovered"}
    assert living.server("a").vm_state == "active"


@pytest.mark.parametrize("state", ["stopped", "paused", "suspended"])
def test_what_its_owner_stopped_is_nobodys_failure(state: str) -> None:
    living = Living(WORKLOAD, a=state)
    living.answer()
    assert living.results() == {"a": "left"}
    assert living.site.log.state == "recovered"
    assert living.calls("POST") == 0


def test_a_server_that_its_owner_stops_locks_or_deletes_meanwhile_is_left() -> None:
    def stop(living: Living) -> None:
        actions.stop(living.world, living.server("a").id, by_owner=True)

    def lock(living: Living) -> None:
        living.server("a").locked = True

    def delete(living: Living) -> None:
        actions.delete(living.world, living.server("a").id)

    for act in (stop, lock, delete):
        living = Living(WORKLOAD, "a")
        living.at(20, lambda _, act=act, living=living: act(living))
        living.answer(on(WORKLOAD, WaitFor(port=80, within=Duration(60)), Restart()))
        assert living.results() == {"a": "skipped"}, act
        assert verbs(living) == [], act


def test_one_that_is_busy_is_waited_for_and_not_touched_meanwhile() -> None:
    living = Living(WORKLOAD, "a")
    living.server("a").task_state = "image_snapshot"
    living.at(40, lambda _: setattr(living.server("a"), "task_state", None))
    living.answer()
    asked = [entry.at for entry in living.site.log.entries if "intends" in entry.facts]
    assert [at - START >= 40 for at in asked] == [True]
    assert living.results() == {"a": "recovered"}


def test_a_server_that_is_gone_or_elsewhere_is_no_work() -> None:
    living = Living(CRASHED, "a")
    decision = living.decision()
    assert decision.recover
    with living.world.settled() as world:
        world.move(living.server("a"), "spare-1")
    living.answer()
    assert living.site.log.state == "recovered"
    assert living.calls("POST") == 0


def test_a_server_that_hangs_is_reset() -> None:
    living = hung()
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert verbs(living) == ["reset for a"]
    assert living.guest("a").silent is False  # type: ignore[union-attr]  # it is there


def test_one_whose_disks_or_network_move_is_not_reset() -> None:
    living = hung(busy=True)
    living.answer()
    assert living.results() == {"a": "skipped"}
    assert "it works" in living.reason("a")
    assert verbs(living) == []
    assert living.site.log.state == "recovered"


def test_one_whose_guest_answers_again_is_not_reset() -> None:
    living = hung()
    with living.world.settled() as world:
        guests.wake(world, living.server("a").id)
    living.answer()
    assert living.reason("a") == "its guest answers again"
    assert verbs(living) == []


def test_one_that_may_still_be_booting_is_not_reset() -> None:
    living = hung(age=30)
    living.answer()
    assert "it may still be booting" in living.reason("a")
    assert verbs(living) == []


def test_what_cannot_be_seen_is_not_reset_and_somebody_is_paged() -> None:
    living = hung()
    with living.world.settled() as world:
        machines.stop_libvirt(world, ILL)
    living.answer()
    assert verbs(living) == []
    assert living.site.log.state == "parked"
    assert [sent.target for sent in living.site.notifier.sent] == ["page"]


def test_a_limit_holds_for_resets_too() -> None:
    living = hung()
    living.history.earlier = [(living.server("a").id, START - 10.0, "restart")]
    living.answer(on(HUNG, Reset(at_most=1)))
    assert verbs(living) == []
    assert "somebody must see to it" in living.reason("a")


def test_a_paused_server_is_resumed_when_its_disk_is_back() -> None:
    living = disk_error(mended_after=90)
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert living.guest("a").state == "running"  # type: ignore[union-attr]  # it is there
    assert living.seconds() >= 90
    assert living.calls("POST") == 0


def test_one_whose_disk_stays_away_is_not_restarted_and_somebody_is_paged() -> None:
    living = disk_error(mended_after=None)
    living.answer()
    assert living.site.log.state == "parked"
    assert living.guest("a").state == "paused"  # type: ignore[union-attr]  # it is there
    assert [sent.target for sent in living.site.notifier.sent] == ["page"]
    assert living.calls("POST") == 0


def test_one_that_somebody_resumed_is_left() -> None:
    living = disk_error(mended_after=0.5)
    living.site.clock.wait(1)
    living.site.hypervisor.resume(ILL, living.server("a").id)
    living.site.hypervisor.asked.clear()
    living.answer(on(IO, Resume()))
    assert living.reason("a") == "it is not paused any more"
    assert living.site.hypervisor.asked == []


def test_a_killed_server_may_be_restarted_by_the_same_policy() -> None:
    living = disk_error(mended_after=5)
    living.answer(on(IO, Kill(), WaitFor(port=80, within=Duration(30)), Restart()))
    assert living.results() == {"a": "recovered"}
    assert runs(living) == [ILL]
    living.assert_clean()


def test_rebuild_needs_the_ceiling_and_an_image() -> None:
    living = Living(WORKLOAD, "a")
    living.answer(on(WORKLOAD, Rebuild()))
    assert "allows no more than evacuate" in living.reason("a")
    living = Living(WORKLOAD, "a")
    living.answer(on(WORKLOAD, Rebuild(), allow=Allow.REBUILD))
    if living.server("a").image_id:
        assert living.results() == {"a": "recovered"}
        assert "what was on its disk is lost" in living.reason("a")
    else:
        assert "boots from a volume" in living.reason("a")


@pytest.mark.parametrize(
    ("ceiling", "step"),
    [(Allow.RESTART, Reset()), (Allow.RESET, LiveMigrate()), (Allow.RESET, ColdMigrate()), (Allow.MIGRATE, Kill())],
)
def test_nothing_is_done_beyond_the_ceiling(ceiling: Allow, step: Reset | LiveMigrate | ColdMigrate | Kill) -> None:
    living = hung()
    living.answer(on(HUNG, FirstOf(((step,), (Page(),))), allow=ceiling))
    assert verbs(living) == []
    assert living.site.hypervisor.asked == []
    assert f"allows no more than {ceiling.value} for it" in living.told()
    assert len(living.site.notifier.sent) == 1


def test_a_call_without_an_answer_is_looked_up_and_not_repeated_where_it_was_carried_out() -> None:
    living = crashed()
    living.fault("silent", method="POST", path="/action", count=1)
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert verbs(living) == ["restart for a"]


def test_a_call_that_left_no_trace_is_made_again() -> None:
    living = Living(WORKLOAD, "a")
    living.server("a").updated_at = START - 3600
    living.fault("reset", method="POST", path="/action", count=1)
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert len(verbs(living)) <= 2


def test_a_claim_that_is_lost_ends_all_deeds() -> None:
    living = Living(WORKLOAD, "a")
    living.site.log.owned = False
    living.answer()
    assert isinstance(living.raised, ClaimLostError)
    assert living.calls("POST") == 0


def test_what_a_dead_worker_was_about_to_ask_is_looked_for_first() -> None:
    living = Living(WORKLOAD, "a")
    living.server("a").updated_at = START - 3600
    living.site.log.intended = {living.server("a").id: [living.site.clock.now()]}
    living.answer()
    asked = [entry.at for entry in living.site.log.entries if "intends" in entry.facts]
    assert len(asked) == 1
    assert asked[0] - START > 10.0
    assert living.results() == {"a": "recovered"}


def test_a_restart_that_a_dead_worker_had_asked_for_is_not_asked_for_again() -> None:
    living = Living(WORKLOAD, "a")
    living.site.log.intended = {living.server("a").id: [living.site.clock.now()]}
    living.site.cloud.reboot(living.server("a").id)
    living.answer()
    assert verbs(living) == []
    assert living.results() == {"a": "recovered"}
    assert runs(living) == [ILL]
