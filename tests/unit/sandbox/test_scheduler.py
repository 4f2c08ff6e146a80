"""The simulated scheduler chooses among the hosts that Nova's would."""

from __future__ import annotations

from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.scheduler import choose
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.site import HostSpec
from tests.unit.sandbox.town import Town


def choice(town: Town, server: Server, requested: str | None = None) -> str | None:
    host: Host | None = choose(town.world, server, requested)
    return None if host is None else host.name


def test_never_the_host_that_the_server_is_on(town: Town) -> None:
    town.world.hosts["h2"].disabled = town.world.hosts["h3"].disabled = True
    assert choice(town, town.server()) is None


def test_never_a_host_that_is_disabled_or_down(town: Town) -> None:
    town.world.hosts["h2"].disabled = True
    town.world.hosts["h3"].forced_down = True
    assert choice(town, town.server()) is None


def test_a_host_with_too_little_room_is_passed_over() -> None:
    small = Town(hosts=(HostSpec("h1"), HostSpec("h2", vcpus=1), HostSpec("h3", ram_mb=100)))
    server = small.server()
    assert choice(small, server) == "h2"
    small.server(host="h2")
    assert choice(small, server) is None


def test_the_host_with_the_most_free_memory_is_chosen(town: Town) -> None:
    town.server(host="h2")
    assert choice(town, town.server()) == "h3"


def test_a_server_stays_in_the_zone_that_it_was_asked_for() -> None:
    zoned = Town(hosts=(HostSpec("h1", "az1"), HostSpec("h2", "az2"), HostSpec("h3", "az1")))
    assert choice(zoned, zoned.server(pinned_zone="az1")) == "h3"
    assert choice(zoned, zoned.server(pinned_zone="az1"), "h2") is None


def test_a_server_stays_in_its_cell() -> None:
    split = Town(hosts=(HostSpec("h1"), HostSpec("h2", cell="cell2")))
    assert choice(split, split.server()) is None


def test_anti_affinity_keeps_off_the_hosts_of_its_peers(town: Town) -> None:
    town.server(host="h2", group="apart")
    assert choice(town, town.server(group="apart")) == "h3"


def test_an_affinity_group_that_was_wholly_on_the_dead_host_finds_no_valid_host(town: Town) -> None:
    town.server(group="together")
    assert choice(town, town.server(group="together")) is None


def test_two_peers_that_are_evacuated_at_once_collide_at_the_destination() -> None:
    crowded = Town(hosts=(HostSpec("h1"), HostSpec("h2"), HostSpec("h3")))
    one, other = crowded.server("h1", group="apart"), crowded.server("h2", group="apart")
    for host in ("h1", "h2"):
        crowded.lose(host)
    records = [crowded.evacuate(one), crowded.evacuate(other)]
    crowded.passes(10.0)
    assert sorted(record.status for record in records) == ["done", "failed"]
    assert [server.vm_state for server in (one, other)] == ["active", "active"]


def test_room_on_the_source_is_kept_until_it_cleans_up(town: Town) -> None:
    server = town.server()
    town.lose()
    town.evacuate(server)
    town.passes(10.0)
    assert town.world.hosts["h1"].used_vcpus == 1
