"""The way back of a host: what it waits for, what holds it, and what is never touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows.policy.duration import Duration
from medevac.flows.ports import HostService, NoHypervisor
from medevac.flows.returning import (
    FORCED,
    FORCED_BEFORE,
    WayBack,
    forced_words,
    mark,
    taken_out_by,
    was_forced_before,
)
from medevac.sandbox.cloud.model import evacuation, guests, machines, verdict
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from tests.unit.flows.recovering import DEAD, MARK, policy, trying
from tests.unit.wayback.returns import OF, QUICK, RecoveredAt, Return

IN_SERVICE = (False, False, None)


def test_a_host_whose_servers_were_evacuated_is_in_service_again_with_everything_clean() -> None:
    host = Return("a", "b")
    host.power_on()
    host.run()
    assert host.raised is None
    assert host.ended == "recovered", host.told()
    assert host.service() == IN_SERVICE
    assert host.site.log.report["cleaned"] == 2
    assert host.site.log.report["of"] == OF
    with host.world.settled() as world:
        assert verdict.violations(world) == ()
        assert {record.status for record in world.migrations.values()} == {"completed"}


def test_a_host_is_enabled_only_after_it_has_been_up_for_the_hold_time() -> None:
    host = Return()
    host.power_on()
    before = host.site.clock.now()
    host.run(WayBack(hold=Duration(600)))
    assert host.ended == "recovered", host.told()
    assert host.site.clock.now() - before >= 600


def test_a_nova_compute_that_goes_away_during_the_hold_time_has_to_be_up_for_all_of_it_again() -> None:
    host = Return()
    host.power_on()
    before = host.site.clock.now()

    def go_away() -> None:
        with host.world.settled() as world:
            machines.kill_compute(world, DEAD)
            world.after(120.0, lambda: machines.start_compute(world, DEAD))

    host.after(100.0, go_away)
    host.run(WayBack(hold=Duration(200)))
    assert host.ended == "recovered", host.told()
    assert host.site.clock.now() - before >= 100 + 120 + 200


def test_a_host_that_was_never_ours_is_left_as_it_is() -> None:
    host = Return(recovered=False)
    host.set_service(status="disabled", disabled_reason="new memory is coming")
    host.power_on()
    host.run()
    assert host.ended == "ignored"
    assert "left as it is" in host.reason
    assert "new memory is coming" in host.reason
    assert host.service() == (False, True, "new memory is coming")


def test_a_forced_down_without_our_mark_is_never_adopted() -> None:
    host = Return(recovered=False)
    host.set_service(forced_down=True)
    host.run()
    assert host.ended == "ignored"
    assert "without our mark" in host.reason
    assert host.service() == (True, False, None)


def test_a_host_that_an_operator_had_forced_down_before_it_failed_is_left_to_him() -> None:
    host = Return(recovered=False)
    host.set_service(forced_down=True)
    host.recovery.run()
    assert host.site.log.state == "recovered"
    host.power_on()
    host.run()
    assert host.ended == "parked"
    assert "an operator had forced its nova-compute down" in host.reason
    forced, disabled, reason = host.service()
    assert forced
    assert disabled
    assert str(reason).endswith("; an operator had forced it down before")
    host.run()
    assert host.ended == "parked"
    assert host.service()[0]


def test_one_that_a_live_failure_had_only_disabled_is_forced_down_by_somebody_else() -> None:
    reason = f"{mark('nova-compute.down:h1:1')}: nova-compute.down"
    disabled = HostService("1", "h1", "az1", False, "up", False, reason, None)  # noqa: FBT003 - the fields' order
    assert not was_forced_before(disabled)
    assert was_forced_before(replace(disabled, forced_down=True))
    assert forced_words(replace(disabled, forced_down=True), "") == FORCED_BEFORE
    fenced = replace(disabled, forced_down=True, disabled_reason=f"{disabled.disabled_reason}{FORCED}")
    assert not was_forced_before(fenced), "we did"
    assert forced_words(fenced, FORCED) == FORCED


def test_one_that_an_operator_forces_down_after_the_way_back_has_lifted_our_own_is_left_to_him() -> None:
    host = Return()
    host.power_on()
    host.after(30.0, lambda: host.set_service(forced_down=True))
    host.run()
    assert host.ended == "held"
    assert str(host.service()[2]).endswith("; no longer forced down")
    host.run()
    assert host.ended == "parked"
    assert "an operator had forced its nova-compute down, and only he knows why" in host.reason
    assert host.service()[0]


def test_what_an_operator_has_said_of_the_host_since_is_never_touched() -> None:
    host = Return()
    host.set_service(status="disabled", disabled_reason="keep it: I look at the board")
    host.power_on()
    host.run()
    assert host.ended == "ignored"
    assert host.service() == (True, True, "keep it: I look at the board")


def test_an_operator_who_takes_the_host_during_the_hold_time_keeps_it() -> None:
    host = Return()
    host.power_on()
    host.after(30.0, lambda: host.set_service(status="disabled", disabled_reason="mine now"))
    host.run()
    assert host.ended == "ignored"
    assert "mine now" in host.reason
    assert host.service() == (False, True, "mine now")


def a_service(host: str, reason: str) -> HostService:
    return HostService(
        "1", host, "az1", enabled=False, state="down", forced_down=True, disabled_reason=reason, updated_at=None
    )


def test_the_mark_of_another_host_is_not_ours() -> None:
    assert taken_out_by(a_service("dead", f"medevac {OF}: host.down")) == OF
    assert taken_out_by(a_service("dead-2", f"medevac {OF}: host.down")) == ""


@pytest.mark.parametrize(
    "reason", ["", "medevac", "medevac: by hand", "medevac host.down:dead", "by medevac host.down:dead:1: host.down"]
)
def test_only_our_own_words_are_a_mark(reason: str) -> None:
    assert taken_out_by(a_service("dead", reason)) == ""


def test_the_host_is_held_while_its_recovery_is_under_way() -> None:
    host = Return()
    host.power_on()
    host.site.log.others[OF] = "recovering"
    host.run()
    assert host.ended == "held"
    assert f"{OF} is still being recovered" in host.reason
    assert host.site.log.held_by == "way-back"
    assert host.site.log.again_at == host.site.clock.now() + 30
    forced_down, disabled, why = host.service()
    assert (forced_down, disabled) == (True, True)
    assert why is not None
    assert why.startswith(f"{MARK}: not back in service")


def test_a_held_return_goes_on_when_it_is_looked_at_again() -> None:
    host = Return()
    host.power_on()
    host.site.log.others[OF] = "recovering"
    host.run()
    host.site.log.others[OF] = "recovered"
    host.run()
    assert host.ended == "recovered", host.told()
    assert host.service() == IN_SERVICE


def test_the_end_of_the_recovery_is_waited_for() -> None:
    host = Return()
    host.power_on()
    host.site.log.others = RecoveredAt(host.site.clock, host.site.clock.now() + 60.0)
    host.run()
    assert host.ended == "recovered", host.told()


def test_a_host_whose_nova_compute_does_not_come_is_held_with_the_reason_on_its_service() -> None:
    host = Return()
    host.run()
    assert host.ended == "held"
    assert "has not cleaned up after 2 evacuations" in host.reason
    forced_down, disabled, why = host.service()
    assert (forced_down, disabled) == (True, True)
    assert why is not None
    assert "has not cleaned up" in why


def test_a_host_without_servers_waits_for_its_nova_compute_all_the_same() -> None:
    host = Return(recovered=False)
    host.recovery.order("power")
    host.set_service(status="disabled", disabled_reason=f"{MARK}: host.down", forced_down=True)
    host.run()
    assert host.ended == "held"
    assert "has not been up" in host.reason
    host.power_on()
    host.run()
    assert host.ended == "recovered", host.told()


@pytest.mark.parametrize("path", ["/os-services", "/os-migrations", "/servers/detail"])
def test_a_cloud_that_is_away_for_a_while_is_waited_for(path: str) -> None:
    host = Return()
    host.power_on()
    host.recovery.fault("reset", path=path, until=host.site.clock.now() + 60 - 1_700_000_000.0)
    host.run(QUICK)
    assert host.ended == "recovered", host.told()
    assert host.service() == IN_SERVICE


def test_the_answer_that_is_lost_when_the_host_is_enabled_changes_nothing() -> None:
    host = Return()
    host.power_on()
    host.recovery.fault("lost", method="PUT", count=1)
    host.run()
    assert host.ended == "recovered", host.told()
    assert host.service() == IN_SERVICE


def left_over(host: Return, *, running: bool = False, autostart: bool = False) -> str:
    """Let a copy of a server that was evacuated be on its old host, and return the server's id."""
    server = host.recovery.server("a")
    with host.world.settled() as world:
        guest = guests.define(world, server.id, DEAD)
        guest.autostart = autostart
        guest.state = guests.RUNNING if running else guests.OFF
    return server.id


@pytest.mark.parametrize(("running", "autostart"), [(True, False), (False, True)])
def test_a_copy_that_is_left_over_keeps_the_host_out_and_people_are_told(*, running: bool, autostart: bool) -> None:
    host = Return()
    host.power_on()
    host.site.clock.wait(10)  # nova-compute has cleaned up by then
    server_id = left_over(host, running=running, autostart=autostart)
    host.run()
    assert host.ended == "parked", host.told()
    assert server_id in host.reason
    forced_down, disabled, why = host.service()
    assert (forced_down, disabled) == (True, True)
    assert why is not None
    assert "left over" in why
    assert [sent.target for sent in host.site.notifier.sent] == ["page"]


def test_a_domain_that_is_off_and_stays_off_holds_nobody_up() -> None:
    host = Return()
    host.power_on()
    host.site.clock.wait(10)
    left_over(host)
    host.run()
    assert host.ended == "recovered", host.told()


def test_a_hypervisor_that_does_not_answer_is_no_proof_that_nothing_is_left_over() -> None:
    host = Return()
    host.power_on()
    host.site.clock.wait(10)
    with host.world.settled() as world:
        machines.freeze_libvirt(world, DEAD)
    host.run()
    assert host.ended == "held", host.told()
    assert "is not known" in host.reason
    assert host.service()[:2] == (True, True)


def test_where_no_hypervisor_can_be_asked_novas_own_records_are_believed_and_that_is_said() -> None:
    host = Return()
    host.power_on()
    host.run(ports=replace(host.site.ports, hypervisor=NoHypervisor()))
    assert host.ended == "recovered", host.told()
    assert "no hypervisor is set in the site file" in host.reason


def test_a_nova_compute_that_started_before_the_last_evacuation_is_started_once_more() -> None:
    host = Return(recovered=False)
    host.recovery.order("power")
    with host.world.settled() as world:
        machines.mend_network(world, DEAD)
        machines.power_on(world, DEAD)
    host.site.clock.wait(10)
    host.set_service(status="disabled", disabled_reason=f"{MARK}: host.down", forced_down=True)
    with host.world.settled() as world:
        evacuation.evacuate(world, host.recovery.server("a").id, EvacuationRequest())
    host.site.clock.wait(10)
    host.run()
    assert host.site.services.restarts == [(DEAD, "nova-compute")]
    assert host.ended == "recovered", host.told()


def test_servers_that_found_no_other_host_are_started_when_their_own_returns() -> None:
    host = Return("a", "b", recovered=False, off="stopped")
    with host.world.settled() as world:
        for name in ("spare-1", "spare-2"):
            world.hosts[name].disabled = True
    host.recovery.run(policy(evacuate=trying(0)))
    assert host.site.log.state == "parked"
    host.power_on()
    host.run()
    assert host.ended == "recovered", host.told()
    assert {name: host.recovery.server(name).vm_state for name in "ab"} == {"a": "active", "b": "active"}
    assert host.recovery.server("off").vm_state == "error"  # so Nova has it; nobody wanted it to run
    with host.world.settled() as world:
        assert world.ledger.hosts_of(host.recovery.server("a").id) == (DEAD,)
        assert world.ledger.hosts_of(host.recovery.server("off").id) == ()
        assert verdict.violations(world) == ()
