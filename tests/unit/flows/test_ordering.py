"""What the plan keeps of the order: no circles, nobody waits for what goes later, and always the same."""

from __future__ import annotations

from graphlib import TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from medevac.core.wire import from_plain, to_plain
from medevac.flows.abilities import Abilities
from medevac.flows.ordering import Arrangement, Member, arrange
from medevac.flows.plan import LeftServer, Order, PlannedServer
from medevac.flows.policy.language import After, Evacuate, Flow, Match, Policy
from medevac.flows.policy.matching import ServerFacts
from medevac.flows.ports import ServerGroup

NAMES = "abcdefgh"
CLOUD = Abilities(can_hold=True)


def member(
    name: str, policy: str, *wishes: str, vm_state: str = "active", project: str = "p", left: str = ""
) -> Member:
    planned = PlannedServer(name, name, project, policy, vm_state)
    place = LeftServer(name, name, policy, left) if left else planned
    facts = ServerFacts(id=name, name=name, project_id=project, host="h", zone="z")
    return Member(place, facts, vm_state, tuple(wish(other) for other in wishes))


def wish(name: str) -> After:
    return After(match=Match(server=(name,)))


def policy(name: str, *after: str) -> Policy:
    flow = Flow((Evacuate(),))
    return Policy(name=name, match=Match(), after=tuple(map(wish, after)), when={"host.down": flow})


def waits(order: Order) -> set[tuple[str, str]]:
    return {(w, a) for each in order.dependencies for w in each.waiters for a in each.awaited}


def texts(arranged: Arrangement) -> list[str]:
    return [f"{remark.name}: {remark.text}" for remark in arranged.remarks]


def test_without_waits_the_servers_stay_in_the_order_in_which_they_were() -> None:
    arranged = arrange([member("b", "two"), member("a", "one")], [policy("one"), policy("two")], CLOUD, 0)
    assert [server.id for server in arranged.servers] == ["b", "a"]
    assert not arranged.order.hold


def test_what_is_waited_for_does_not_itself_wait_by_the_same_line() -> None:
    arranged = arrange([member("a", "one"), member("b", "one")], [policy("one", "a")], CLOUD, 0)
    assert waits(arranged.order) == {("b", "a")}
    assert arranged.order.hold


def test_servers_that_wait_for_the_same_ones_are_kept_together() -> None:
    members = [member(name, "one") for name in "bcd"] + [member("a", "two")]
    (dependency,) = arrange(members, [policy("one", "a"), policy("two")], CLOUD, 0).order.dependencies
    assert dependency.waiters == ("b", "c", "d")


def test_nobody_waits_for_what_was_shut_off_or_is_being_deleted_but_for_what_is_left_otherwise() -> None:
    off, gone = member("o", "two", vm_state="stopped"), member("g", "two", left="its owner is deleting it")
    stays = member("s", "two", left="it never ran")
    members = [member("a", "one"), off, gone, stays]
    arranged = arrange(members, [policy("one", "o", "g", "s"), policy("two")], CLOUD, 0)
    assert waits(arranged.order) == {("a", "s")}


def test_an_owner_waits_for_servers_of_the_same_project_only() -> None:
    members = [member("a", "one", "b", "c"), member("b", "one", project="other"), member("c", "one")]
    assert waits(arrange(members, [policy("one")], CLOUD, 0).order) == {("a", "c")}


def test_an_owner_does_not_wait_for_what_was_shut_off() -> None:
    members = [member("a", "one", "b"), member("b", "one", vm_state="stopped")]
    assert waits(arrange(members, [policy("one")], CLOUD, 0).order) == set()


def test_only_strict_groups_with_two_servers_of_the_plan_are_kept_apart() -> None:
    members = [member(name, "one") for name in "abc"]
    groups = (
        ServerGroup("1", "anti-affinity", ("c", "a", "elsewhere")),
        ServerGroup("2", "soft-anti-affinity", ("a", "b")),
        ServerGroup("3", "affinity", ("b", "elsewhere")),
    )
    assert arrange(members, [policy("one")], Abilities(groups), 0).order.apart == (("a", "c"),)


def test_groups_that_nova_does_not_tell_are_remarked_upon() -> None:
    arranged = arrange([member("a", "one")], [policy("one")], Abilities(untold="they are secret"), 0)
    assert texts(arranged) == ["order: they are secret"]


def test_a_chain_is_pulled_forward_as_a_whole() -> None:
    members = [member("c", "three"), member("b", "two"), member("a", "one")]
    order = [policy("one", "b"), policy("two", "c"), policy("three")]
    arranged = arrange(members, order, CLOUD, 0)
    assert [(server.id, server.goes_with) for server in arranged.servers] == [("c", "one"), ("b", "one"), ("a", "one")]
    assert texts(arranged) == [
        "b: it goes with policy one: a waits for it",
        "c: it goes with policy one: b waits for it",
    ]


def test_many_circles_are_counted_and_not_all_told() -> None:
    members = [member(f"{kind}{number}", kind) for kind in "ab" for number in range(10)]
    order = [policy("a", *(f"b{n}" for n in range(10))), policy("b", *(f"a{n}" for n in range(10)))]
    arranged = arrange(members, order, CLOUD, 0)
    assert any("more waits are dropped" in text for text in texts(arranged))
    assert_sound(arranged, order)


def test_five_hundred_servers_are_put_in_order_in_a_plan_that_fits_into_a_znode() -> None:
    members = [member(f"{kind}-{number:032}", kind) for kind in ("web", "app", "db") for number in range(170)]
    order = [policy("web", "app-*"), policy("app", "db-*"), policy("db")]
    arranged = arrange(members, order, CLOUD, 0)
    assert_sound(arranged, order)
    assert len(waits(arranged.order)) == 2 * 170 * 170
    assert len(str(to_plain(arranged.order))) < 50_000


def assert_sound(arranged: Arrangement, order: list[Policy]) -> None:
    """Check that nothing can stand still: no circle, and nobody waits for what goes later."""
    graph: dict[str, set[str]] = {}
    for waiter, awaited in waits(arranged.order):
        graph.setdefault(waiter, set()).add(awaited)
    tuple(TopologicalSorter(graph).static_order())
    ranks = {each.name: rank for rank, each in enumerate(order)}
    places = {server.id: (ranks[server.goes_with], place) for place, server in enumerate(arranged.servers)}
    for waiter, awaited in waits(arranged.order):
        assert awaited not in places or places[awaited] < places[waiter]


SERVERS = st.fixed_dictionaries(
    {name: st.tuples(st.sampled_from("123"), st.lists(st.sampled_from(NAMES), max_size=3)) for name in NAMES}
)
POLICIES = st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=4) for name in "123"})


@given(SERVERS, POLICIES)
def test_whatever_is_asked_for_nothing_can_stand_still(
    servers: dict[str, tuple[str, list[str]]], policies: dict[str, list[str]]
) -> None:
    members = [member(name, of, *wishes) for name, (of, wishes) in servers.items()]
    order = [policy(name, *after) for name, after in policies.items()]
    arranged = arrange(members, order, CLOUD, 0)
    assert {server.id for server in arranged.servers} == set(NAMES)
    assert_sound(arranged, order)
    assert arrange(members, order, CLOUD, 0) == arranged
    assert from_plain(Order, to_plain(arranged.order)) == arranged.order
