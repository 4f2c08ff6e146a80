"""Caps on evacuations under way in the whole cloud: counted there, whoever asked for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.errors import CellDownError
from medevac.flows.caps import DOUBTED, FORGOTTEN, Caps, room, still_under_way
from medevac.flows.ports import Migration, Server
from medevac.sandbox.cloud.model import evacuation, machines
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from tests.unit.flows.recovering import SITE, Recovery, policy, trying

NOW = 10_000.0


def under_way(*destinations: str, updated_at: float = NOW) -> list[Migration]:
    return [
        Migration(n, f"s{n}", "pre-migrating" if to else "accepted", "dead", to, NOW, updated_at)
        for n, to in enumerate(destinations)
    ]


@pytest.mark.parametrize(
    ("caps", "live", "free"),
    [
        (Caps(cloud=10), under_way(), 10),
        (Caps(cloud=10), under_way("a", "a", "b"), 7),
        (Caps(cloud=3), under_way("a", "a", "b"), 0),
        (Caps(cloud=3), under_way("a", "a", "b", "c"), 0),
        (Caps(cloud=1), under_way(), 1),
        (Caps(host=4), under_way("a", "a", "b"), 2),
        (Caps(host=4), under_way("a", "a", "", ""), 0),
        (Caps(cloud=100, host=2), under_way("a"), 1),
        (Caps(cloud=1), under_way("a", updated_at=NOW - FORGOTTEN - 1), 1),
    ],
)
def test_what_is_left_may_be_asked_for(caps: Caps, live: list[Migration], free: int) -> None:
    assert room(caps, live, NOW) == free


def test_those_whom_others_have_booked_take_their_places_and_once_they_are_asked_for_no_second_one() -> None:
    assert room(Caps(cloud=10), under_way("a", "b"), NOW, ["x", "y", "z"]) == 5
    assert room(Caps(cloud=10), under_way("a", "b"), NOW, ["s0", "s1", "z"]) == 7
    assert room(Caps(host=4), under_way("a", "b"), NOW, ["x", "y"]) == 1


def test_two_records_of_one_server_take_one_place() -> None:
    again = Migration(9, "s0", "accepted", "dead", "", NOW, NOW)
    assert room(Caps(cloud=10), [*under_way("a", "b"), again], NOW) == 8
    assert room(Caps(host=2), [*under_way("a"), again], NOW) == 1


def seen(host: str, task_state: str) -> Server:
    return Server("s0", "web", "demo", host, "active", task_state, 1, "", "m1", "az1", locked=False, launched=True)


@pytest.mark.parametrize(
    ("server", "destination", "ago", "counts"),
    [
        pytest.param(seen("dead", ""), "", DOUBTED - 1, True, id="new"),
        pytest.param(seen("dead", "rebuilding"), "", DOUBTED, True, id="in a queue"),
        pytest.param(seen("dead", ""), "", DOUBTED, False, id="its state was reset"),
        pytest.param(seen("dead", ""), "x", DOUBTED, True, id="a destination has it"),
        pytest.param(seen("x", "rebuilding"), "", DOUBTED, False, id="it has left"),
        pytest.param(None, "", DOUBTED, False, id="it was deleted"),
        pytest.param(CellDownError(), "", DOUBTED, True, id="nobody can tell"),
    ],
)
def test_a_record_that_nova_has_left_behind_is_known_by_its_server(
    server: Server | CellDownError | None, destination: str, ago: float, counts: bool
) -> None:
    def look(server_id: str) -> Server | None:
        assert server_id == "s0"
        if isinstance(server, CellDownError):
            raise server
        return server

    records = under_way(destination, updated_at=NOW - ago)
    assert still_under_way(records, look, NOW) == (tuple(records) if counts else ())


def most_at_once(recovery: Recovery, host: str = "") -> int:
    """Return how many evacuations were under way at the same time, by the times of their records."""
    records = [m for m in recovery.world.migrations.values() if not host or m.destination == host]
    return max(sum(o.created_at <= m.created_at < (o.updated_at or 0.0) for o in records) for m in records)


def test_a_recovery_keeps_within_the_cap_and_brings_everybody_back() -> None:
    names = [f"s{n}" for n in range(12)]
    recovery = Recovery(*names)
    recovery.run(policy(evacuate=trying(0)), settings=replace(SITE, caps=Caps(cloud=3)))
    assert recovery.results() == dict.fromkeys(names, "recovered")
    assert most_at_once(recovery) <= 3


def test_a_recovery_keeps_within_the_cap_of_each_destination() -> None:
    names = [f"s{n}" for n in range(8)]
    recovery = Recovery(*names)
    recovery.run(policy(evacuate=trying(0)), settings=replace(SITE, caps=Caps(host=2)))
    assert recovery.results() == dict.fromkeys(names, "recovered")
    assert max(most_at_once(recovery, host) for host in ("spare-1", "spare-2")) <= 2


def test_what_nova_has_forgotten_holds_nobody_up_once_its_state_was_reset() -> None:
    names = [f"s{n}" for n in range(6)]
    recovery = Recovery(*names)
    recovery.world.mishaps.lose_evacuations = 2
    begun = recovery.site.clock.now()
    recovery.run(policy(evacuate=trying(1)), settings=replace(SITE, caps=Caps(cloud=2)))
    assert recovery.results() == dict.fromkeys(names, "recovered")
    assert recovery.site.clock.now() - begun < FORGOTTEN


def test_evacuations_that_others_asked_for_take_their_places() -> None:
    recovery = Recovery("a")
    other = FakeSite(SiteSpec((HostSpec("x"), HostSpec("y")), (ServerSpec("s", "x"),)))
    with other.world.settled() as world:
        machines.power_off(world, "x")
        world.hosts["x"].forced_down = True
        evacuation.evacuate(world, next(iter(world.servers)), EvacuationRequest())
    live = other.cloud.evacuations_under_way()
    assert [record.source for record in live] == ["x"]
    assert room(Caps(cloud=1), live, other.clock.now()) == 0
    assert recovery.site.cloud.evacuations_under_way() == ()
