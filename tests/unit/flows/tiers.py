"""Tiers of servers that wait for each other, on the fakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    After,
    Disable,
    Evacuate,
    Fence,
    Flow,
    Match,
    Patience,
    Policy,
    Priority,
    Ready,
    Verify,
)
from medevac.sandbox.cloud.model import guests, verdict
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import SPARES, Recovery


def tier(role: str, *after: After, priority: Priority = Priority.NORMAL, evacuate: Evacuate | None = None) -> Policy:
    """Return a policy for the servers of *role*."""
    steps = (Fence(), Disable(), evacuate or Evacuate(), Verify())
    match = Match(metadata={"role": (role,)})
    return Policy(name=role, match=match, priority=priority, after=after, when={"host.down": Flow(steps)})


def after(
    role: str, ready: Ready | None = None, delay: float = 0, timeout: float = 600, then: str = "continue"
) -> After:
    return After(
        match=Match(metadata={"role": (role,)}),
        ready=ready or Ready(),
        delay=Duration(delay),
        timeout=Duration(timeout),
        then=Patience(then),
    )


class Tiers(Recovery):
    """A recovery whose servers have the role that their name begins with."""

    def __init__(self, *servers: str, version: str = "2.96", spares: Sequence[str] = SPARES, **states: str) -> None:
        super().__init__(*servers, spares=spares, **states)
        self.world.settings = replace(self.world.settings, max_microversion=version)
        for server in self.world.servers.values():
            server.metadata["role"] = server.name.partition("-")[0]

    def started(self) -> dict[str, float]:
        """Return when each guest began to run on its new host, as the ledger has it."""
        runs = [run for run in self.world.ledger.runs if run.why_started != "built"]
        names = {server.id: server.name for server in self.world.servers.values()}
        assert len(runs) == len({run.server_id for run in runs})
        return {names[run.server_id]: run.started_at - START for run in runs}

    def held(self) -> set[str]:
        """Return the servers that Nova was asked to leave shut off."""
        records = self.world.migrations.values()
        return {self.world.servers[m.server_id].name for m in records if m.stopped_at_destination}

    def ports(self, name: str, number: int, at: float) -> None:
        """Let a port of the server open *at* seconds after the beginning."""
        server = self.server(name)
        server.addresses = [f"10.0.0.{server.number}"]
        self.site.prober.open(server.addresses[0], number, START + at)

    def without_agent(self, name: str) -> None:
        """Let the server have no guest agent."""
        guests.take_agent(self.world, self.server(name).id)


def assert_clean(recovery: Recovery) -> None:
    with recovery.world.settled() as world:
        assert verdict.violations(world) == ()
        assert verdict.check_all_running(world) == ()
