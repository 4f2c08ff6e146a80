"""By hand: somebody who evacuates a host without medevac, as a script or another product does."""

from __future__ import annotations

from medevac.flows.ports import Cloud
from medevac.sandbox.clock import FakeClock
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.world import World

LOOK = 0.5
"""Seconds between two looks at what is under way."""


def evacuate(world: World, cloud: Cloud, clock: FakeClock, host: str, at_once: int) -> None:
    """Take the power of *host*, and keep *at_once* of its servers under way until all have left it.

    Those that fail are asked for again.
    """
    with world.settled():
        machines.power_off(world, host)
    service = cloud.host_service(host)
    if service is None:
        raise LookupError(host)
    cloud.take_out(service, "by hand")
    while True:
        busy = {record.server_id for record in cloud.evacuations_under_way()}
        left = cloud.servers_on(host)
        if not left:
            return
        for server in [server for server in left if server.id not in busy][: at_once - len(busy)]:
            cloud.evacuate(server.id)
        clock.wait(LOOK)


def bring_back(world: World, host: str) -> None:
    """Give *host* its power again: its nova-compute closes the records of all that have left it."""
    with world.settled():
        machines.power_on(world, host)
