"""Failing: what happens in the machine room when something fails, and when that ends by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from medevac.flows.policy.language import HOST_DOWN, SERVER_FAILURES
from medevac.sandbox.cloud.model import guests, machines
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.expectations.language import When

Act = Callable[[World, str], None]


def _nothing(world: World, name: str) -> None:
    """Change nothing that the simulated cloud knows of."""
    del world, name


def _io_error(world: World, server_id: str) -> None:
    machines.break_storage(world, _host_of(world, server_id))
    if guests.running(world, server_id).state == guests.RUNNING:
        guests.pause(world, server_id)


def _io_mended(world: World, server_id: str) -> None:
    machines.mend_storage(world, _host_of(world, server_id))


def _host_of(world: World, server_id: str) -> str:
    return world.servers[server_id].host or ""


_ACTS: Mapping[str, tuple[Act, Act]] = {
    HOST_DOWN: (machines.cut_network, _nothing),
    "host.network.down": (machines.cut_network, machines.mend_network),
    "host.network.management.down": (machines.cut_network, machines.mend_network),
    "host.network.storage.down": (machines.break_storage, machines.mend_storage),
    "nova-compute.down": (machines.kill_compute, machines.start_compute),
    "libvirt.down": (machines.stop_libvirt, machines.start_libvirt),
    "server.crashed": (guests.crash, _nothing),
    "server.hung": (guests.hang, guests.wake),
    "server.io-error": (_io_error, _io_mended),
}
"""Failures, how they begin, and how they end; what is not here leaves no trace in the cloud."""


def fail(world: World, failure: str, name: str, when: When) -> None:
    """Let *failure* begin for the host or server called *name*, and end when *when* says so."""
    begin, end = _ACTS.get(failure, (_nothing, _nothing))
    whom = server_id(world, name) if failure in SERVER_FAILURES else name
    begin(world, whom)
    if when.no_libvirt:
        machines.stop_libvirt(world, host_of(world, failure, name))
    if when.over_after is not None:
        world.after(float(when.over_after), functools.partial(end, world, whom))


def host_of(world: World, failure: str, name: str) -> str:
    """Return the host that is concerned."""
    return _host_of(world, server_id(world, name)) if failure in SERVER_FAILURES else name


def server_id(world: World, name: str) -> str:
    """Return the id of the server called *name*."""
    return next(server.id for server in world.servers.values() if server.name == name)
