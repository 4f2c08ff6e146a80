"""nova-compute is away and the servers run on: what is built in, and the three promises that authors may make."""

from __future__ import annotations

from medevac.flows.policy.deeds import Service
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    Allow,
    Disable,
    Evacuate,
    Fence,
    Kill,
    Leave,
    Match,
    Verify,
    Wait,
    WaitFor,
)
from medevac.sandbox.cloud.model import actions, guests, machines
from tests.unit.flows.living import ILL, Living, on

DOWN = "nova-compute.down"
BACK = WaitFor(service=Service.NOVA_COMPUTE, within=Duration(600))


def comes_back(living: Living, after: float) -> None:
    living.at(after, lambda world: machines.start_compute(world, ILL))


def test_by_default_the_host_takes_no_new_servers_until_the_service_is_back_and_nothing_is_touched() -> None:
    living = Living(DOWN, "a", "b")
    comes_back(living, 120)
    living.answer()
    assert living.raised is None
    assert living.site.log.state == "recovered"
    assert living.results() == dict.fromkeys("ab", "recovered")
    assert "it ran on" in living.reason("a")
    assert living.service() == (False, False, None)
    assert living.calls("POST") == 0
    assert living.site.notifier.sent == []
    assert living.site.hypervisor.asked == []
    living.assert_clean()


def test_by_default_somebody_is_paged_where_it_stays_away_and_the_host_stays_disabled() -> None:
    living = Living(DOWN, "a", "b")
    living.answer()
    (sent,) = living.site.notifier.sent
    assert sent.target == "page"
    assert sent.text.startswith("nova-compute.down of dead: nova-compute on the host does not answer; its servers are")
    assert sent.text.endswith("2 servers of built-in, 0 of them need you.")
    assert living.site.log.state == "held"
    assert "nova-compute on dead is still down" in living.site.log.reason
    forced, disabled, reason = living.service()
    assert (forced, disabled) == (False, True)
    assert str(reason).startswith("medevac nova-compute.down:dead:1")
    assert living.hosts() == {"a": ILL, "b": ILL}
    living.assert_clean()


def test_an_operators_own_mark_is_kept_and_the_host_is_not_enabled_for_him() -> None:
    living = Living(DOWN, "a")
    host = living.world.hosts[ILL]
    host.disabled, host.disabled_reason = True, "new disks, Ada"
    comes_back(living, 60)
    living.answer()
    assert living.service() == (False, True, "new disks, Ada")
    assert living.site.log.state == "recovered"


def test_an_empty_host_takes_no_new_servers_either() -> None:
    living = Living(DOWN)
    living.answer()
    assert living.service()[:2] == (False, True)
    assert living.site.log.state == "held"
    assert "there is no server on it" in living.site.log.reason


def test_after_n_minutes_the_servers_of_one_policy_are_killed_with_proof_and_evacuated_and_the_others_run_on() -> None:
    living = Living(DOWN, "a", "b", "calm")
    strict = on(DOWN, Disable(), BACK, Kill(), Evacuate(), Verify(), name="strict", match=Match(server=("a", "b")))
    living.answer(strict, on(DOWN, Leave()))
    assert living.raised is None
    assert living.results() == {"a": "recovered", "b": "recovered", "calm": "left"}
    hosts = living.hosts()
    assert hosts["calm"] == ILL
    assert {hosts["a"], hosts["b"]} <= {"spare-1", "spare-2"}
    assert living.seconds() >= 600
    assert sorted(call[0] for call in living.site.hypervisor.asked) == ["kill", "kill"]
    assert living.service()[0] is False
    assert living.site.bmc.power_commands() == {}
    living.assert_clean()


def test_nothing_is_killed_when_the_service_is_back_in_time() -> None:
    living = Living(DOWN, "a")
    comes_back(living, 300)
    living.answer(on(DOWN, Disable(), BACK, Kill(), Evacuate(), Verify()))
    assert living.results() == {"a": "recovered"}
    assert living.hosts() == {"a": ILL}
    assert living.site.hypervisor.asked == []
    assert living.service() == (False, False, None)


def test_a_drain_that_waits_without_looking_still_kills_nobody_when_the_failure_is_over_by_then() -> None:
    living = Living(DOWN, "a")
    comes_back(living, 3600)
    living.answer(on(DOWN, Disable(), Wait(Duration(8 * 3600)), Kill(), Evacuate(), Verify()))
    assert living.seconds() >= 8 * 3600
    assert living.site.hypervisor.asked == []
    assert living.results() == {"a": "recovered"}


def test_no_proof_no_evacuation() -> None:
    living = Living(DOWN, "a")
    living.answer(on(DOWN, Disable(), Evacuate(), Verify()))
    assert living.calls("POST") == 0
    assert living.results() == {"a": "failed"}
    assert living.reason("a") == "not evacuated: there is no proof that it is off on dead"
    assert living.hosts() == {"a": ILL}
    living.assert_clean()


def test_a_kill_that_cannot_be_proven_evacuates_nothing() -> None:
    living = Living(DOWN, "a")
    with living.world.settled() as world:
        machines.stop_libvirt(world, ILL)
    living.answer(on(DOWN, Kill(), Evacuate(), Verify()))
    assert living.calls("POST") == 0
    assert living.results() == {"a": "failed"}
    living.assert_clean()


def test_a_proof_is_void_when_somebody_has_started_the_server_again() -> None:
    living = Living(DOWN, "a")
    server = living.server("a").id
    living.at(100, lambda world: guests.start(world, server, ILL, "somebody used virsh"))
    living.answer(on(DOWN, Kill(), Wait(Duration(200)), Evacuate(), Verify()))
    assert "its proof counts no more" in living.told()
    assert living.hosts() == {"a": ILL}
    living.assert_clean()


def test_what_was_killed_is_started_in_place_where_the_service_came_back_before_it_was_evacuated() -> None:
    living = Living(DOWN, "a")
    comes_back(living, 100)
    living.answer(on(DOWN, Kill(), Wait(Duration(200)), Evacuate(), Verify()))
    assert living.results() == {"a": "recovered"}
    assert living.hosts() == {"a": ILL}
    assert living.guest("a").state == "running"  # type: ignore[union-attr]  # it is there
    living.assert_clean()


def test_a_fence_is_for_the_whole_host_only_where_every_policy_on_it_wants_it() -> None:
    fencing = (Disable(), Fence(), Evacuate(), Verify())
    living = Living(DOWN, "a", "b")
    living.answer(on(DOWN, *fencing, name="one", match=Match(server=("a",))), on(DOWN, *fencing, name="two"))
    assert living.raised is None
    assert living.results() == dict.fromkeys("ab", "recovered")
    assert living.site.bmc.power_commands() != {}
    assert living.site.hypervisor.asked == []
    assert living.service()[0] is True
    living.assert_clean()


def test_where_one_policy_leaves_its_servers_a_fence_kills_only_those_of_its_own() -> None:
    living = Living(DOWN, "a", "calm")
    living.answer(on(DOWN, Fence(), Evacuate(), Verify(), name="strict", match=Match(server=("a",))), on(DOWN, Leave()))
    assert living.results() == {"a": "recovered", "calm": "left"}
    assert living.site.bmc.power_commands() == {}
    assert [call[0] for call in living.site.hypervisor.asked] == ["kill"]
    assert "dead is not fenced" in living.told()
    assert living.guest("calm").state == "running"  # type: ignore[union-attr]  # it is there
    living.assert_clean()


def test_a_host_is_not_fenced_while_another_policy_still_waits() -> None:
    living = Living(DOWN, "a", "patient")
    quick = on(DOWN, Fence(), Evacuate(), Verify(), name="quick", match=Match(server=("a",)))
    patient = on(DOWN, BACK, Fence(), Evacuate(), Verify())
    living.answer(quick, patient)
    assert living.results() == {"a": "recovered", "patient": "recovered"}
    assert "dead is not fenced, for policy everyone waits longer" in living.told()
    living.assert_clean()


def test_a_server_that_its_owner_deletes_or_locks_meanwhile_is_left() -> None:
    living = Living(DOWN, "a", "b", "c")
    gone, locked = living.server("a").id, living.server("b")
    living.at(30, lambda world: actions.delete(world, gone))
    living.at(30, lambda _: setattr(locked, "locked", True))
    living.answer(on(DOWN, Wait(Duration(120)), Kill(), Evacuate(), Verify()))
    assert living.results() == {"a": "skipped", "b": "skipped", "c": "recovered"}
    assert len(living.site.hypervisor.asked) == 1


def test_a_ceiling_holds_for_every_step() -> None:
    living = Living(DOWN, "a")
    living.answer(on(DOWN, Kill(), Evacuate(), Verify(), allow=Allow.MIGRATE))
    assert living.site.hypervisor.asked == []
    assert "policy everyone allows no more than migrate for it" in living.told()
    assert living.hosts() == {"a": ILL}


def test_a_held_incident_that_is_set_going_again_when_the_service_is_back_enables_the_host() -> None:
    living = Living(DOWN, "a")
    living.answer()
    assert living.site.log.state == "held"
    with living.world.settled() as world:
        machines.start_compute(world, ILL)
    living.answer()
    assert living.site.log.state == "recovered"
    assert living.service() == (False, False, None)
    assert len(living.site.notifier.sent) == 1
