"""Verdict: what an observer says about a run: the ledger's broken rules and the owners' wishes."""

from __future__ import annotations

from collections.abc import Iterable

from medevac.sandbox.cloud.model.world import World


def violations(world: World) -> tuple[str, ...]:
    """Return a sentence for every rule that was broken: two copies, evacuated before off, a stopped server started.

    A server whose owner had stopped it may have run for a while (Nova starts what it finds in ERROR), as long as it
    was shut off again.
    """
    started = (
        f"at {run.started_at:.3f}: server {run.server_id}, which its owner had stopped, runs on {run.host}"
        for run in world.ledger.runs
        if run.ended_at is None
        and not world.servers[run.server_id].should_run
        and not world.servers[run.server_id].deleted
    )
    return (*world.ledger.broken(), *started)


def expected_to_run(world: World) -> tuple[str, ...]:
    """Return the ids of the servers whose owners want them to run."""
    return tuple(server.id for server in world.servers.values() if server.should_run and not server.deleted)


def check_all_running(world: World, expected: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return a sentence for each expected server (default: all whose owners want it) that runs not exactly once."""
    return world.ledger.check_all_running(expected_to_run(world) if expected is None else expected)
