"""Servers for which there is no room: they are tried again, later and later, until a host has room for them."""

from __future__ import annotations

from dataclasses import replace

from medevac.sandbox.cloud.model.mishaps import ANY
from tests.unit.flows.recovering import SITE, Recovery, policy, trying

AGAIN = replace(SITE, capacity_again=300.0)


def full(recovery: Recovery, *hosts: str) -> None:
    with recovery.world.settled() as world:
        for host in hosts:
            world.hosts[host].ram_mb = 1


def test_servers_without_room_are_held_and_tried_again() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    full(recovery, "spare-1")
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    log = recovery.site.log
    assert (log.state, log.held_by) == ("held", "capacity")
    assert log.again_at == recovery.site.clock.now() + 300
    assert "a: Nova found no valid host for it" in log.reason
    assert recovery.results() == {"a": "failed", "b": "failed"}
    assert recovery.service()[:2] == (True, True)


def test_they_are_back_when_there_is_room_at_the_next_try() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    full(recovery, "spare-1")
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    with recovery.world.settled() as world:
        world.hosts["spare-1"].ram_mb = 262_144
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    assert recovery.site.log.state == "recovered", recovery.told()
    assert recovery.results() == {"a": "recovered", "b": "recovered"}


def test_the_longer_it_lasts_the_later_is_the_next_try() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    full(recovery, "spare-1")
    recovery.site.clock.wait(3000)
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    waits = recovery.site.log.again_at - recovery.site.clock.now()
    assert 1500 <= waits <= 1600


def test_a_server_that_was_shut_off_is_a_case_for_people_since_nova_would_start_it() -> None:
    recovery = Recovery("a", off="stopped", spares=("spare-1",))
    full(recovery, "spare-1")
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    assert recovery.site.log.state == "parked"


def test_whatever_else_goes_wrong_is_a_case_for_people() -> None:
    recovery = Recovery("a", "b", spares=("spare-1",))
    with recovery.world.settled() as world:
        world.mishaps.refuse_claims["spare-1"] = ANY
    recovery.run(policy(evacuate=trying(0)), settings=AGAIN)
    assert recovery.site.log.state == "parked"


def test_a_site_may_want_them_parked() -> None:
    recovery = Recovery("a", spares=("spare-1",))
    full(recovery, "spare-1")
    recovery.run(policy(evacuate=trying(0)))
    assert recovery.site.log.state == "parked"
