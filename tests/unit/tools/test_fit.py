"""Fit: what finds room by amounts alone, and what is not counted as room."""

from __future__ import annotations

from medevac.flows.fit import Demand, Inventory, Room, fit


def demand(name: str, vcpus: int = 1, memory: int = 0, **other: int) -> Demand:
    return Demand(name, name, {"VCPU": vcpus, "MEMORY_MB": memory, **other})


def room(host: str, vcpus: int = 4, memory: int = 4096, **other: int) -> Room:
    totals = {"VCPU": vcpus, "MEMORY_MB": memory, **other}
    return Room(host, "az1", {name: Inventory(total) for name, total in totals.items()})


def homeless(demands: list[Demand], rooms: list[Room]) -> list[str]:
    return [each.name for each in fit(demands, rooms).homeless]


def test_what_is_large_is_placed_first_so_that_small_servers_do_not_block_it() -> None:
    found = fit([demand("s1", 2), demand("s2", 2), demand("large", 4)], [room("h1"), room("h2")])
    assert found.fits
    assert found.placed["s1"] == found.placed["s2"] != found.placed["large"]


def test_a_server_for_which_every_host_is_too_small_is_homeless_though_the_sum_would_do() -> None:
    assert homeless([demand("large", 6)], [room("h1"), room("h2")]) == ["large"]


def test_the_scarce_resource_decides() -> None:
    assert homeless([demand("a", 1, 3000), demand("b", 1, 3000)], [room("h1", 64)]) == ["b"]


def test_what_is_used_and_reserved_is_not_free_and_the_ratio_multiplies_the_rest() -> None:
    assert Inventory(total=10, reserved=2, ratio=1.5, used=5).free == 7


def test_a_server_may_not_have_more_than_the_largest_unit_whatever_the_ratio_gives() -> None:
    given = Room("h1", "", {"VCPU": Inventory(total=4, ratio=16.0, largest=4), "MEMORY_MB": Inventory(4096)})
    assert homeless([demand("wide", 5)], [given]) == ["wide"]
    assert homeless([demand(f"s{n}", 4) for n in range(16)], [given]) == []


def test_a_disk_of_shared_storage_need_not_be_the_hosts_own_but_pinned_processors_must() -> None:
    assert homeless([demand("disk", DISK_GB=50)], [room("h1")]) == []
    assert homeless([demand("disk", DISK_GB=50)], [room("h1", DISK_GB=20)]) == ["disk"]
    assert homeless([demand("pinned", PCPU=2)], [room("h1")]) == ["pinned"]


def test_an_overcommitted_host_gives_nothing_and_takes_nothing_from_the_sum() -> None:
    full = Room("h0", "", {"VCPU": Inventory(total=4, used=9), "MEMORY_MB": Inventory(4096)})
    found = fit([demand("a")], [full, room("h1")])
    assert found.placed == {"a": "h1"}
    assert found.before["VCPU"] == 4


def test_without_hosts_everything_is_homeless() -> None:
    assert homeless([demand("a"), demand("b")], []) == ["a", "b"]
