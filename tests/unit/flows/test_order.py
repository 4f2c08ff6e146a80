"""Order among servers on the fakes: who waits for whom, how long, and what becomes of those who wait in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.errors import RefusedError
from medevac.flows.plan import Settings
from medevac.flows.policy.language import Priority, Readiness, Ready
from medevac.flows.policy.wishes import Owners, Wish
from medevac.sandbox.cloud.model import actions
from medevac.sandbox.cloud.model.catalog import ServerGroup
from medevac.sandbox.fakes import START, FakeCloud
from tests.unit.flows.recovering import SITE, policy, trying
from tests.unit.flows.tiers import Tiers, after, assert_clean, tier

OLD = "2.94"
"""The newest microversion that cannot hold."""
VERSIONS = pytest.mark.parametrize("version", ["2.96", OLD])
THREE = (tier("web", after("app")), tier("app", after("db")), tier("db"))
"""The tiers in the order in which their policies come, which is not that of the starts."""


@VERSIONS
def test_each_tier_starts_when_the_one_before_it_runs(version: str) -> None:
    recovery = Tiers("web-1", "web-2", "app-1", "db-1", "db-2", version=version)
    recovery.run(*THREE)
    assert recovery.raised is None
    at = recovery.started()
    assert max(at["db-1"], at["db-2"]) < at["app-1"] < min(at["web-1"], at["web-2"])
    assert set(recovery.results().values()) == {"recovered"}
    assert recovery.held() == (set() if version == OLD else {"app-1", "web-1", "web-2"})
    assert_clean(recovery)


def test_while_starts_wait_the_evacuations_go_side_by_side() -> None:
    held = Tiers("web-1", "app-1", "db-1")
    held.run(*THREE)
    ordered = Tiers("web-1", "app-1", "db-1", version=OLD)
    ordered.run(*THREE)
    first, last = (max(recovery.started().values()) for recovery in (held, ordered))
    assert first < last / 2
    assert held.calls() == 3 + 2


def test_without_anybody_who_waits_nothing_is_held() -> None:
    recovery = Tiers("web-1", "app-1", "db-1")
    recovery.run(policy())
    assert recovery.held() == set()
    assert recovery.calls() == 3
    assert_clean(recovery)


@VERSIONS
def test_the_delay_counts_from_the_moment_of_readiness_and_downtime_up_to_the_start(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.run(tier("app", after("db", delay=30)), tier("db"))
    at = recovery.started()
    assert at["app-1"] >= at["db-1"] + 30
    rows = recovery.rows()
    assert rows["app-1"]["down_seconds"] >= at["app-1"]
    assert rows["db-1"]["down_seconds"] < 10
    assert_clean(recovery)


@VERSIONS
def test_a_port_that_opens_lets_those_go_that_wait_for_it(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.ports("db-1", 5432, at=60)
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 5432))), tier("db"))
    assert 60 <= recovery.started()["app-1"] < 75
    assert_clean(recovery)


def test_a_guest_of_which_nobody_knows_lets_the_time_out_decide() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.without_agent("db-1")
    recovery.run(tier("app", after("db", Ready(Readiness.GUEST), timeout=90)), tier("db"))
    assert 90 <= recovery.started()["app-1"] < 110
    assert (
        "app-1 will wait no longer, as the policy says: waited in vain for db-1: not guest within 90 s"
        in recovery.told()
    )
    assert_clean(recovery)


def test_a_guest_that_speaks_is_believed() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.without_agent("db-1")
    recovery.site.prober.let_guest_speak(recovery.server("db-1").id, START + 20)
    recovery.run(tier("app", after("db", Ready(Readiness.GUEST))), tier("db"))
    assert 20 <= recovery.started()["app-1"] < 30


def test_a_guest_agent_is_asked_through_libvirt_on_the_host_where_its_server_has_arrived() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.run(tier("app", after("db", Ready(Readiness.GUEST), timeout=90)), tier("db"))
    assert recovery.started()["app-1"] < 90
    assert_clean(recovery)


@VERSIONS
def test_a_policy_that_stops_leaves_what_has_waited_in_vain_and_reports_it(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1), timeout=60, then="stop")), tier("db"))
    assert recovery.results() == {"app-1": "failed", "db-1": "recovered"}
    assert recovery.site.log.state == "parked"
    row = recovery.rows()["app-1"]
    assert "waited in vain for db-1: not port:1 within 60 s" in row["reason"]
    assert row["down_seconds"] is None
    assert "app-1" not in recovery.started()
    assert recovery.server("app-1").vm_state == ("active" if version == OLD else "stopped")


@VERSIONS
@pytest.mark.parametrize("then", ["continue", "stop"])
def test_nobody_waits_for_a_server_that_is_known_not_to_come(version: str, then: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.server("db-1").pinned_zone = "nowhere"
    recovery.run(tier("app", after("db", then=then)), tier("db", evacuate=trying(1, wait=5)))
    assert recovery.results()["db-1"] == "failed"
    assert recovery.results()["app-1"] == ("recovered" if then == "continue" else "failed")
    assert recovery.seconds() < 120
    assert "db-1 (Nova found no valid host for it)" in recovery.told()


def test_a_server_that_is_left_is_waited_for_in_vain_at_once() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.server("db-1").image_id = "made-from-an-image"
    recovery.run(tier("app", after("db", then="stop")), tier("db"), settings=replace(SITE, shared_storage=()))
    assert recovery.raised is None
    assert recovery.results()["app-1"] == "left" or "db-1" in recovery.rows()["app-1"]["reason"]


def test_what_its_owner_had_shut_off_is_neither_waited_for_nor_started() -> None:
    states = {"db-1": "stopped", "app-2": "stopped"}
    recovery = Tiers("app-1", "db-2", **states)
    recovery.run(tier("app", after("db")), tier("db"))
    assert recovery.results() == dict.fromkeys(("app-1", "app-2", "db-1", "db-2"), "recovered")
    assert (recovery.server("db-1").vm_state, recovery.server("app-2").vm_state) == ("stopped", "stopped")
    assert set(recovery.started()) == {"app-1", "db-2"}
    assert_clean(recovery)


def test_a_server_in_error_would_run_when_held_so_it_waits_where_it_is() -> None:
    recovery = Tiers("db-1", **{"app-1": "error"})
    recovery.run(tier("app", after("db")), tier("db"))
    at = recovery.started()
    assert at["db-1"] < at["app-1"]
    assert recovery.held() == set()


def test_a_circle_is_broken_with_a_remark_and_everybody_comes_back() -> None:
    recovery = Tiers("a-1", "b-1", "c-1")
    recovery.run(tier("a", after("b")), tier("b", after("c")), tier("c", after("a")))
    assert set(recovery.results().values()) == {"recovered"}
    assert recovery.told().count("which waits for it, by itself or through others") == 1
    assert recovery.seconds() < 60
    assert_clean(recovery)


@VERSIONS
def test_what_an_urgent_server_waits_for_is_pulled_forward_out_of_a_later_tier(version: str) -> None:
    recovery = Tiers("web-1", "idle-1", "db-1", version=version)
    web = tier("web", after("db"), priority=Priority.CRITICAL)
    recovery.run(tier("idle", priority=Priority.NORMAL), tier("db", priority=Priority.IDLE), web)
    at = recovery.started()
    assert at["db-1"] < at["web-1"] < at["idle-1"]
    assert "db-1: it goes with policy web: web-1 waits for it" in recovery.told()
    assert recovery.rows()["db-1"]["policy"] == "db"
    assert recovery.results()["db-1"] == "recovered"
    assert_clean(recovery)


def test_a_later_tier_waits_for_an_earlier_one() -> None:
    recovery = Tiers("web-1", "db-1")
    recovery.ports("db-1", 5432, at=50)
    recovery.run(tier("web", after("db", Ready(Readiness.PORT, 5432))), tier("db", priority=Priority.CRITICAL))
    assert recovery.started()["web-1"] >= 50
    assert_clean(recovery)


def test_owners_may_wish_to_wait_where_the_site_permits_it_and_only_there() -> None:
    for may in ((), (Wish.AFTER,)):
        recovery = Tiers("a-1", "b-1")
        recovery.server("a-1").metadata["medevac:after"] = "b-1"
        recovery.run(policy(), settings=replace(SITE, owners=Owners(may=may)))
        assert recovery.held() == ({"a-1"} if may else set())
        assert_clean(recovery)


def test_an_owners_wish_pulls_nobody_forward_and_breaks_no_policy() -> None:
    recovery = Tiers("web-1", "db-1", "idle-1")
    recovery.server("web-1").metadata["medevac:after"] = "idle-1"
    recovery.server("db-1").metadata["medevac:after"] = "role=web"
    settings: Settings = replace(SITE, owners=Owners(may=(Wish.AFTER,)))
    recovery.run(tier("web", after("db")), tier("db"), tier("idle", priority=Priority.IDLE), settings=settings)
    at = recovery.started()
    assert at["db-1"] < at["web-1"] < at["idle-1"]
    assert recovery.told().count("is not followed") == 2
    assert_clean(recovery)


def test_members_of_a_strict_group_are_never_under_way_at_once() -> None:
    recovery = Tiers("a-1", "a-2", "b-1", "b-2")
    members = {recovery.server(name).id for name in ("a-1", "a-2")}
    with recovery.world.settled() as world:
        world.groups["g"] = ServerGroup("g", "pair", "anti-affinity", "p", members)
        for id_ in members:
            world.servers[id_].group_id = "g"
    recovery.run(policy())
    mine = sorted((m for m in recovery.world.migrations.values() if m.server_id in members), key=lambda m: m.id)
    assert len(mine) == 2
    assert mine[0].updated_at is not None
    assert mine[0].updated_at <= mine[1].created_at
    assert len({recovery.world.servers[id_].host for id_ in members}) == 2
    assert_clean(recovery)


def test_a_start_whose_answer_is_lost_and_one_that_is_refused_are_looked_at_before_they_are_repeated() -> None:
    for kind in ("lost", "hang"):
        recovery = Tiers("app-1", "db-1")
        recovery.fault(kind, count=1, method="POST", body='"os-start"')
        recovery.run(tier("app", after("db")), tier("db"))
        assert set(recovery.results().values()) == {"recovered"}
        assert recovery.calls() == (3 if kind == "lost" else 4)
        assert_clean(recovery)


def test_a_server_that_its_owner_starts_before_its_turn_runs() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.ports("db-1", 1, at=100)
    recovery.after(20, lambda: actions.start(recovery.world, recovery.server("app-1").id, by_owner=True))
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1))), tier("db"))
    assert recovery.started()["app-1"] == pytest.approx(20, abs=1)
    assert recovery.calls() == 2
    assert_clean(recovery)


def test_each_link_of_a_chain_has_its_time_from_when_the_one_before_it_could_start() -> None:
    recovery = Tiers("web-1", "app-1", "db-1")
    recovery.ports("db-1", 1, at=50)
    recovery.ports("app-1", 1, at=100)
    port = Ready(Readiness.PORT, 1)
    web = tier("web", after("app", port, timeout=60, then="stop"))
    recovery.run(web, tier("app", after("db", port, timeout=60, then="stop")), tier("db"))
    assert set(recovery.results().values()) == {"recovered"}
    assert recovery.started()["web-1"] >= 100


@VERSIONS
def test_nobody_waits_for_a_server_that_its_owner_deletes_meanwhile(version: str) -> None:
    recovery = Tiers("app-1", "db-1", version=version)
    recovery.ports("db-1", 1, at=300)
    recovery.after(20, lambda: actions.delete(recovery.world, recovery.server("db-1").id))
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1), then="stop")), tier("db"))
    assert recovery.results()["app-1"] == "recovered"
    assert recovery.started()["app-1"] < 35


def test_nobody_waits_for_a_server_that_is_gone_before_it_was_asked_for_again() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.world.mishaps.refuse_claims = {"spare-1": 1, "spare-2": 1}
    recovery.after(5, lambda: actions.delete(recovery.world, recovery.server("db-1").id))
    recovery.run(tier("app", after("db", then="stop"), evacuate=trying(3)), tier("db"))
    assert recovery.results() == {"app-1": "recovered", "db-1": "skipped"}


def test_a_server_that_is_deleted_while_it_is_held_is_skipped() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.ports("db-1", 1, at=60)
    recovery.after(20, lambda: actions.delete(recovery.world, recovery.server("app-1").id))
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1))), tier("db"))
    assert recovery.results() == {"app-1": "skipped", "db-1": "recovered"}


def test_a_held_server_whose_first_try_failed_would_run_so_it_is_tried_again_in_its_turn() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.ports("db-1", 1, at=90)
    recovery.world.mishaps.fail_spawns["spare-1"] = 1
    recovery.world.mishaps.fail_spawns["spare-2"] = 1
    fast = trying(3, wait=1)
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1)), evacuate=fast), tier("db", evacuate=fast))
    assert set(recovery.results().values()) == {"recovered"}
    assert recovery.started()["app-1"] >= 90
    assert_clean(recovery)


def test_silent_ports_do_not_hold_up_those_who_wait_for_something_else() -> None:
    recovery = Tiers("app-1", "x-1", "y-1", *(f"db-{number}" for number in range(16)))
    for number in range(16):
        recovery.ports(f"db-{number}", 1, at=200)
    recovery.run(tier("app", after("db", Ready(Readiness.PORT, 1))), tier("x", after("y")), tier("y"), tier("db"))
    at = recovery.started()
    assert at["x-1"] < at["y-1"] + 7
    assert at["app-1"] >= 200
    assert_clean(recovery)


@pytest.mark.parametrize("then", ["continue", "stop"])
def test_a_later_tier_does_not_wait_for_what_an_earlier_one_failed_to_bring_back(then: str) -> None:
    recovery = Tiers("web-1", "db-1")
    recovery.server("db-1").pinned_zone = "nowhere"
    db = tier("db", priority=Priority.CRITICAL, evacuate=trying(1, wait=5))
    recovery.run(tier("web", after("db", then=then)), db)
    assert recovery.results()["web-1"] == ("recovered" if then == "continue" else "failed")
    assert recovery.seconds() < 120
    assert "nobody is bringing it back" in recovery.told()


def test_owners_that_lock_what_is_waited_for_keep_those_waiting_in_vain() -> None:
    recovery = Tiers("app-1", "db-1", version=OLD)
    recovery.world.mishaps.refuse_claims = {"spare-1": 1, "spare-2": 1}
    recovery.after(5, lambda: actions.lock(recovery.world, recovery.server("db-1").id))
    recovery.run(tier("app", after("db", then="stop"), evacuate=trying(3)), tier("db"))
    assert recovery.results() == {"app-1": "failed", "db-1": "skipped"}
    assert "its owner locked it meanwhile" in recovery.rows()["app-1"]["reason"]


class OldComputes(FakeCloud):
    """A cloud whose API can hold, and some of whose nova-computes are too old for it."""

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT002 - as the port says
        """Refuse to hold, as Nova's API does then."""
        if hold:
            raise RefusedError("a compute service is too old (400)")
        super().evacuate(server_id)


def test_where_nova_refuses_to_hold_the_evacuations_themselves_are_ordered() -> None:
    recovery = Tiers("app-1", "db-1")
    recovery.site.cloud = OldComputes(recovery.world)
    recovery.run(tier("app", after("db"), evacuate=trying(0)), tier("db"))
    assert set(recovery.results().values()) == {"recovered"}
    assert "Nova refused to hold app-1" in recovery.told()
    assert recovery.started()["db-1"] < recovery.started()["app-1"]
