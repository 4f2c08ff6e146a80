"""A worker ends in the middle of what it does to a live host or a single server: the next looks before it acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medevac.core.journal import INTENDS
from medevac.flows.policy.deeds import Service
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    ColdMigrate,
    Disable,
    Evacuate,
    FirstOf,
    Kill,
    LiveMigrate,
    Policy,
    RestartService,
    Verify,
    WaitFor,
)
from medevac.sandbox.cloud.model import guests
from medevac.sandbox.fakes import START
from tests.unit.flows.living import ILL, Living, on
from tests.unit.flows.test_resume_control import Relay

NOVA = "nova-compute.down"
SOON = WaitFor(service=Service.NOVA_COMPUTE, within=Duration(30))


class LiveRelay(Relay):
    """Runs the answer to a failure by one worker after another."""

    def __init__(self, living: Living, *policies: Policy) -> None:
        super().__init__(living, policies[0] if policies else on("host.down", Evacuate()))
        self.living = living
        self.document = living.decision(*policies).document

    def run(self, steps: int | None = None, waits: int | None = None) -> None:
        """Let a worker go on; it knows what those before it were about to do."""
        told = self.living.site.log.entries
        intended: dict[str, list[float]] = {}
        for entry in told:
            if INTENDS in entry.facts:
                intended.setdefault(entry.server, []).append(entry.at)
        self.living.site.log.intended = intended
        super().run(steps, waits)


def killing() -> tuple[Living, list[Policy]]:
    living = Living(NOVA, "a", "b")
    return living, [on(NOVA, Disable(), SOON, Kill(), Evacuate(), Verify())]


def draining() -> tuple[Living, list[Policy]]:
    living = Living("host.degraded", "a", off="stopped")
    return living, [on("host.degraded", Disable(), FirstOf(((LiveMigrate(),), (ColdMigrate(),))))]


def restarting() -> tuple[Living, list[Policy]]:
    living = Living("server.crashed", "a")
    with living.world.settled() as world:
        guests.crash(world, living.server("a").id)
    return living, []


def resetting() -> tuple[Living, list[Policy]]:
    living = Living("server.hung", "a")
    with living.world.settled() as world:
        guests.hang(world, living.server("a").id)
        living.server("a").updated_at = START - 3600
    return living, []


def mending() -> tuple[Living, list[Policy]]:
    living = Living("libvirt.down", "a")
    return living, [on("libvirt.down", Disable(), RestartService(Service.LIBVIRT))]


STORIES: dict[str, Callable[[], tuple[Living, list[Policy]]]] = {
    "killing": killing,
    "draining": draining,
    "restarting": restarting,
    "resetting": resetting,
    "mending": mending,
}


def told_twice(living: Living, verb: str) -> list[str]:
    """Return the servers for which Nova was asked for *verb* more than once, as its own records have it."""
    counts: dict[str, int] = {}
    for server in living.world.servers.values():
        counts[server.name] = sum(action.name == verb for action in server.actions)
    return [name for name, number in counts.items() if number > 1]


def assert_ended_well(relay: LiveRelay, where: Any) -> None:
    living = relay.living
    assert relay.state == "SUCCESS", where
    assert set(living.results().values()) == {"recovered"}, where
    for verb in ("reboot", "start", "live-migration", "migrate", "evacuate"):
        assert told_twice(living, verb) == [], (where, verb)
    assert not [r for r in living.records().values() if r > 1], where
    living.assert_clean()


@pytest.mark.parametrize("name", STORIES)
def test_stopped_between_any_two_steps_it_goes_on_where_it_was(name: str) -> None:
    stopped = 0
    for step in range(3, 200, 13):
        living, policies = STORIES[name]()
        relay = LiveRelay(living, *policies)
        relay.run(step)
        if relay.state == "SUCCESS":
            break
        stopped += 1
        relay.run()
        assert_ended_well(relay, step)
    assert stopped > 1


@pytest.mark.parametrize("name", STORIES)
def test_dead_in_the_middle_of_a_step_it_is_taken_over_and_nothing_is_asked_for_twice(name: str) -> None:
    died = 0
    for wait in (1, 3, 8, 18):
        living, policies = STORIES[name]()
        relay = LiveRelay(living, *policies)
        relay.run(waits=wait)
        if not relay.dead:
            break
        died += 1
        relay.run()
        assert_ended_well(relay, wait)
    assert died


def test_a_kill_is_proven_again_by_who_takes_over_and_done_once() -> None:
    living, policies = killing()
    relay = LiveRelay(living, *policies)
    relay.run(waits=20)
    relay.run()
    with living.world.settled() as world:
        ended = [run for run in world.ledger.runs if run.host == ILL and run.ended_at is not None]
    assert len(ended) == 2
