from __future__ import annotations

from collections import Counter

import pytest

from medevac.sandbox.demo.cast import FEWEST_SERVERS, TIERS, draw

SIZES = [(5, 40), (2, FEWEST_SERVERS), (3, 9), (10, 200), (20, 20)]


@pytest.mark.parametrize(("hosts", "servers"), SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_the_victim_is_the_fullest_host_and_has_one_of_everything(hosts: int, servers: int, seed: int) -> None:
    cast = draw(hosts, servers, seed)

    counts = Counter(server.host for server in cast.spec.servers)
    on_victim = [cast.roles[server.name] for server in cast.spec.servers if server.host == cast.victim]
    assert sum(counts.values()) == servers
    assert all(count < counts[cast.victim] for host, count in counts.items() if host != cast.victim)
    assert {role.tier for role in on_victim} == set(TIERS)
    assert sum(role.stopped for role in on_victim) == sum(role.locked for role in on_victim) == 1


@pytest.mark.parametrize(("hosts", "servers"), SIZES)
def test_the_other_hosts_have_room_for_the_victims_servers(hosts: int, servers: int) -> None:
    cast = draw(hosts, servers, 1)

    others = [host for host in cast.spec.hosts if host.name != cast.victim]
    assert sum(host.vcpus for host in others) >= servers


def test_a_seed_gives_the_same_cast_again_and_another_seed_another() -> None:
    assert draw(5, 40, 3) == draw(5, 40, 3)
    assert draw(5, 40, 3) != draw(5, 40, 4)


def test_names_are_unique() -> None:
    cast = draw(5, 40, 1)

    assert len({server.name for server in cast.spec.servers}) == len(cast.roles) == 40
