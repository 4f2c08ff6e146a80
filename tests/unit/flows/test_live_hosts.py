"""Other failures of hosts that live: libvirt away, networks gone by their role, hosts that will get worse."""

from __future__ import annotations

from medevac.flows.policy.deeds import InVain, Service
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    ColdMigrate,
    Disable,
    Evacuate,
    Fence,
    FirstOf,
    Kill,
    Leave,
    LiveMigrate,
    Match,
    Page,
    RestartService,
    Verify,
    WaitFor,
)
from medevac.sandbox.cloud.model import guests, machines
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.world import World
from tests.unit.flows.living import ILL, Living, on

LIBVIRT, DEGRADED = "libvirt.down", "host.degraded"


def paged(living: Living) -> int:
    return len(living.site.notifier.sent)


def test_libvirt_is_started_again_and_the_host_takes_no_new_servers_meanwhile() -> None:
    living = Living(LIBVIRT, "a", "b")
    living.answer()
    assert living.raised is None
    assert living.site.services.restarts == [(ILL, "libvirt")]
    assert "AUTO: Connection to libvirt lost" in living.told()  # Nova itself had disabled it
    assert living.service() == (False, False, None)
    assert living.results() == dict.fromkeys("ab", "recovered")
    assert living.rows()["a"]["down_seconds"] is None
    assert paged(living) == 0
    living.assert_clean()


def test_libvirt_that_does_not_come_back_is_paged_and_held_and_nothing_is_killed() -> None:
    living = Living(LIBVIRT, "a", "b")
    living.world.mishaps.fail_restarts[ILL] = ANY
    living.answer()
    assert living.site.log.state == "held"
    assert "libvirt on dead is still down" in living.site.log.reason
    assert paged(living) == 1
    assert living.hosts() == {"a": ILL, "b": ILL}
    assert living.service()[:2] == (False, True)
    assert (living.site.log.held_by, living.site.log.again_at) == ("operator", 0.0)
    living.assert_clean()


def test_a_service_that_runs_by_now_is_not_restarted() -> None:
    living = Living(LIBVIRT, "a")
    with living.world.settled() as world:
        machines.start_libvirt(world, ILL)
    living.answer()
    assert living.site.services.restarts == []
    assert living.site.log.state == "recovered"


def test_a_restart_is_ordered_once_for_the_host_whichever_policies_name_it() -> None:
    living = Living(LIBVIRT, "a", "b")
    steps = (Disable(), RestartService(Service.LIBVIRT))
    living.answer(on(LIBVIRT, *steps, name="one", match=Match(server=("a",))), on(LIBVIRT, *steps, name="two"))
    assert len(living.site.services.restarts) == 1
    assert living.site.log.state == "recovered"


def test_a_host_without_libvirt_is_emptied_by_fencing_where_every_policy_wants_that() -> None:
    living = Living(LIBVIRT, "a", "b")
    living.world.mishaps.fail_restarts[ILL] = ANY
    living.answer(on(LIBVIRT, Disable(), RestartService(Service.LIBVIRT), Fence(), Evacuate(), Verify()))
    assert living.raised is None
    assert living.results() == dict.fromkeys("ab", "recovered")
    assert living.site.bmc.power_commands() != {}
    assert living.service()[0] is True
    living.assert_clean()


def test_where_one_policy_leaves_its_servers_nothing_is_fenced_and_nothing_evacuated() -> None:
    living = Living(LIBVIRT, "a", "calm")
    living.world.mishaps.fail_restarts[ILL] = ANY
    strict = on(LIBVIRT, Fence(), Evacuate(), Verify(), name="strict", match=Match(server=("a",)))
    living.answer(strict, on(LIBVIRT, Leave()))
    assert living.site.bmc.power_commands() == {}
    assert living.hosts() == {"a": ILL, "calm": ILL}
    assert living.calls("POST") == 0
    assert "no proof" in living.reason("a")
    living.assert_clean()


def test_servers_that_nobody_reaches_move_while_they_run() -> None:
    living = Living("host.network.tenant.down", "a", "b", off="stopped")
    living.answer()
    assert living.raised is None
    hosts = living.hosts()
    assert {hosts["a"], hosts["b"]} <= {"spare-1", "spare-2"}
    assert hosts["off"] == ILL
    assert living.results() == {"a": "recovered", "b": "recovered", "off": "failed"}
    assert paged(living) == 1
    assert living.service()[:2] == (False, True)
    living.assert_clean()


def test_only_where_the_host_cannot_be_managed_are_they_killed_and_started_elsewhere() -> None:
    living = Living("host.network.tenant.down", "a")
    with living.world.settled() as world:
        machines.kill_compute(world, ILL)
    living.site.clock.wait(90)
    living.answer()
    assert living.results() == {"a": "recovered"}
    assert living.hosts()["a"] != ILL
    living.assert_clean()


def test_servers_that_find_no_place_run_on() -> None:
    living = Living("host.network.tenant.down", "a")
    living.server("a").pinned_zone = "nowhere"
    living.answer()
    assert living.hosts() == {"a": ILL}
    assert living.world.ledger.hosts_of(living.server("a").id) == (ILL,)
    assert paged(living) == 1
    living.assert_clean()


def test_by_default_management_and_storage_networks_are_only_paged() -> None:
    for role in ("management", "storage"):
        living = Living(f"host.network.{role}.down", "a")
        living.answer()
        assert (paged(living), living.site.log.state) == (1, "parked")
        assert (living.calls("POST"), living.calls("PUT")) == (0, 0)


def test_a_flow_for_any_network_holds_for_each_role_that_has_none() -> None:
    any_network = on("host.network.down", LiveMigrate())
    assert "answered by everyone" in Living("host.network.storage.down", "a").decision(any_network).reason
    own = on("host.network.storage.down", Leave(), name="own", match=Match(server=("a",)))
    living = Living("host.network.storage.down", "a", "b")
    living.answer(own, any_network)
    assert living.hosts()["a"] == ILL
    assert living.hosts()["b"] != ILL


def test_a_host_that_will_get_worse_is_only_told_of_by_default_and_emptied_where_a_policy_says_so() -> None:
    living = Living(DEGRADED, "a")
    living.answer()
    assert (paged(living), living.hosts()["a"]) == (1, ILL)
    living = Living(DEGRADED, "a", "b", off="stopped")
    drain = on(DEGRADED, Disable(), FirstOf(((LiveMigrate(),), (ColdMigrate(),), (Page(),))))
    living.answer(drain)
    assert living.raised is None
    assert ILL not in living.hosts().values()
    assert set(living.results().values()) == {"recovered"}
    assert living.server("off").vm_state == "stopped"
    assert living.service()[:2] == (False, True)
    living.assert_clean()


def test_no_more_servers_move_at_once_than_the_policy_allows() -> None:
    living = Living(DEGRADED, *"abcdef")
    most = 0

    def look(world: object) -> None:
        nonlocal most
        del world
        most = max(most, sum(s.task_state is not None for s in living.world.servers.values()))

    for second in range(1, 200):
        living.at(second / 2, look)
    living.answer(on(DEGRADED, LiveMigrate(parallel=2)))
    assert set(living.results().values()) == {"recovered"}
    assert most == 2


def test_a_live_migration_that_fails_leaves_the_server_running_and_the_next_alternative_moves_it() -> None:
    living = Living(DEGRADED, "a")
    living.world.mishaps.refuse_claims |= {"spare-1": 1, "spare-2": 1}
    living.answer(on(DEGRADED, FirstOf(((LiveMigrate(),), (LiveMigrate(),), (ColdMigrate(),)))))
    assert living.raised is None
    assert living.results() == {"a": "recovered"}
    assert living.hosts()["a"] != ILL
    living.assert_clean()


def test_what_somebody_else_moves_meanwhile_is_left() -> None:
    living = Living(DEGRADED, "a", "b")
    server = living.server("b").id

    def operator(world: World) -> None:
        guests.move(world, server, ILL, "spare-2", "an operator")
        world.move(world.servers[server], "spare-2")

    living.at(3, operator)
    living.answer(on(DEGRADED, LiveMigrate(parallel=1)))
    assert living.results()["a"] == "recovered"
    assert living.hosts()["b"] == "spare-2"


def test_waiting_in_vain_may_stop_a_policy() -> None:
    living = Living("nova-compute.down", "a")
    wait = WaitFor(service=Service.NOVA_COMPUTE, within=Duration(60), then=InVain.STOP)
    living.answer(on("nova-compute.down", wait, Page()))
    assert paged(living) == 0
    assert "waited in vain for nova-compute to run again" in living.site.log.reason


def test_a_hypervisor_that_does_not_answer_is_asked_by_one_server_at_a_time_and_given_up_for_all() -> None:
    living = Living("nova-compute.down", *[f"s{number}" for number in range(30)])
    with living.world.settled() as world:
        machines.stop_libvirt(world, ILL)
    living.answer(on("nova-compute.down", Kill(timeout=Duration(60)), Evacuate()))
    assert set(living.results().values()) == {"failed"}
    assert len(living.site.hypervisor.asked) < 30
    assert living.seconds() < 300
    living.assert_clean()


def test_a_hypervisor_that_answers_again_kills_them_all() -> None:
    living = Living("nova-compute.down", *"abcdefgh")
    with living.world.settled() as world:
        machines.stop_libvirt(world, ILL)
    living.at(40, lambda world: machines.start_libvirt(world, ILL))
    living.answer(on("nova-compute.down", Kill(timeout=Duration(120)), Evacuate(), Verify()))
    assert living.results() == dict.fromkeys("abcdefgh", "recovered")
    living.assert_clean()
