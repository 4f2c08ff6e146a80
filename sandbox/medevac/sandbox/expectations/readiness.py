"""Readiness: guests and ports that answer some time after the guest has started, as an expectation gives it."""

from __future__ import annotations

from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.expectations.language import Given

BUILT = "built"
"""Why the guests of a simulated site ran at the beginning."""


class Readiness:
    """Implements Prober.  The address of a server is its name, and every port of it answers when its guest does."""

    def __init__(self, world: World, given: Given, failed: str = "") -> None:
        """Look at what runs in *world*; the server called *failed* answers only after it was started again."""
        self._world = world
        self._failed = failed
        self._ready_in = {name: float(server.ready_in) for server in given.servers for name in server.names}

    def port_open(self, address: str, port: int, timeout: float) -> bool:
        """Tell whether the guest of the server called *address* answers by now; one that does not costs no time."""
        del port, timeout
        return self._answers(address)

    def guest_ready(self, server_id: str) -> bool | None:
        """Tell whether the guest answers by now."""
        with self._world.settled() as world:
            return self._answers(world.servers[server_id].name)

    def _answers(self, name: str) -> bool:
        with self._world.settled() as world:
            running = [
                run.started_at
                for run in world.ledger.runs
                if run.ended_at is None
                and world.servers[run.server_id].name == name
                and not (name == self._failed and run.why_started == BUILT)
            ]
            return any(started + self._ready_in[name] <= world.now for started in running)
