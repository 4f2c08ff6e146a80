"""Machines: power, network and nova-compute of hosts, and what a host does to its guests when it comes back."""

from __future__ import annotations

import functools

from medevac.sandbox.cloud.model import guests, power_sync
from medevac.sandbox.cloud.model.history import set_fault
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.migration import EVACUATION, Migration
from medevac.sandbox.cloud.model.server import RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World

AUTO = "AUTO: "
"""How nova-compute marks what it disabled by itself (virt/libvirt/driver.py: DISABLE_PREFIX)."""
_REBUILDING = ("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning")


def power_off(world: World, name: str, why: str = "the power was cut") -> None:
    """Take the power from a host: its guests end at once and nova-compute with them."""
    host = world.host(name)
    if not host.powered:
        return
    host.stop_beating(world.now, world.settings.report_interval)
    host.powered = host.compute_running = host.frozen = host.waits_for_network = False
    host.hanging.clear()
    host.libvirt = "down"
    guests.end_all(world, name, why)


def power_on(world: World, name: str) -> None:
    """Give a host power: after boot_seconds nova-compute starts and cleans up."""
    host = world.host(name)
    if host.powered:
        return
    host.powered = True
    host.incarnation += 1
    world.after(world.settings.boot_seconds, functools.partial(_booted, world, host, host.incarnation))


def _booted(world: World, host: Host, incarnation: int) -> None:
    if host.powered and host.incarnation == incarnation:
        host.libvirt = "running"
        guests.start_by_itself(world, host.name)
        start_compute(world, host.name)


def cut_network(world: World, name: str) -> None:
    """Cut a host off: no heartbeat arrives, while its guests run on."""
    host = world.host(name)
    host.stop_beating(world.now, world.settings.report_interval)
    host.reachable = False


def mend_network(world: World, name: str) -> None:
    """Connect a host again; a nova-compute that ran before is still the same process, and cleans nothing up."""
    host = world.host(name)
    host.reachable = True
    if host.waits_for_network:
        start_compute(world, name)
    else:
        _take_part(world, host)


def kill_compute(world: World, name: str) -> None:
    """Kill nova-compute only: its guests run on."""
    host = world.host(name)
    host.stop_beating(world.now, world.settings.report_interval)
    host.compute_running = host.frozen = host.waits_for_network = False
    host.hanging.clear()


def freeze_compute(world: World, name: str) -> None:
    """Let nova-compute stand still: to Nova it is as dead as a killed one, and its guests run on."""
    host = world.host(name)
    host.stop_beating(world.now, world.settings.report_interval)
    host.frozen = host.compute_running


def thaw_compute(world: World, name: str) -> None:
    """Let nova-compute go on: the same process, which cleans nothing up and does what it was told meanwhile."""
    host = world.host(name)
    host.frozen = False
    _take_part(world, host)


def start_compute(world: World, name: str) -> None:
    """Start nova-compute: it destroys what was evacuated, then takes up its own servers (init_host).

    All of that it learns from nova-conductor, so that on a host that is cut off it waits.
    """
    host = world.host(name)
    if not host.powered or host.compute_running:
        return
    host.waits_for_network = not host.reachable
    if host.waits_for_network:
        return
    host.compute_running = True
    host.compute_starts += 1
    _destroy_evacuated(world, host)
    for server in world.servers_on(name):
        _take_up(world, server, host)
    _take_part(world, host)
    world.after(world.settings.power_sync_seconds, functools.partial(power_sync.sweep, world, name))


def _take_part(world: World, host: Host) -> None:
    """Report, and do what was ordered meanwhile, if the network lets it."""
    if not host.alive:
        return
    if world.control["nova-conductor"]:
        host.start_beating(world.now)
    waiting, host.waiting = host.waiting, []
    for order in waiting:
        order()


def break_storage(world: World, name: str) -> None:
    """Let the host lose its storage: every guest there is paused on an I/O error."""
    world.broken_storage.add(world.host(name).name)
    for server_id in world.ledger.on_host(name):
        guests.pause(world, server_id, "ioerror")


def mend_storage(world: World, name: str) -> None:
    """Give the host its storage back: guests stay paused until somebody lets them run on."""
    world.broken_storage.discard(name)


def stop_libvirt(world: World, name: str) -> None:
    """Stop or crash libvirt on a host: its guests run on, and nova-compute takes the host out of scheduling."""
    host = world.host(name)
    host.libvirt = "down"
    _let_go(host)
    if host.alive and not host.disabled:
        host.disabled, host.disabled_reason, host.changed_at = True, f"{AUTO}Connection to libvirt lost: 1", world.now


def freeze_libvirt(world: World, name: str) -> None:
    """Let libvirt on a host take connections and answer nothing: nova-compute reports on, and what it is told hangs."""
    world.host(name).libvirt = "hung"


def _let_go(host: Host) -> None:
    """Let what has waited for libvirt's answer go on: it fails where libvirt was ended, and is done where it thawed."""
    hanging, host.hanging = host.hanging, []
    for order in hanging:
        order()


def start_libvirt(world: World, name: str) -> None:
    """Start libvirt on a host again: nova-compute lets the scheduler use the host, if it was itself that did not."""
    host = world.host(name)
    if not host.powered or host.libvirt == "running":
        return
    host.libvirt = "running"
    _let_go(host)
    if host.alive and host.disabled and (host.disabled_reason or "").startswith(AUTO):
        host.disabled, host.disabled_reason, host.changed_at = False, None, world.now
    world.after(world.settings.power_sync_seconds, functools.partial(power_sync.sweep, world, name))


def _destroy_evacuated(world: World, host: Host) -> None:
    """Source: compute/manager.py, _destroy_evacuated_instances; of several records of a server the last counts."""
    records: dict[str, Migration] = {}
    for migration in world.migrations.values():
        unfinished = migration.kind == EVACUATION and migration.status in ("accepted", "pre-migrating", "done")
        if migration.source == host.name and unfinished:
            records[migration.server_id] = migration
    for server_id, migration in records.items():
        guests.forget(world, server_id, host.name, "destroyed by the returning host: it was evacuated")
        host.release(server_id)
        migration.status, migration.updated_at = "completed", world.now


def _take_up(world: World, server: Server, host: Host) -> None:
    """Source: compute/manager.py, _init_instance; guests are not started (resume_guests_state_on_host_boot)."""
    if server.vm_state in ("active", "stopped") and server.task_state in _REBUILDING:
        server.vm_state, server.task_state = "error", None
        set_fault(world, server, "nova-compute was restarted while the server was being rebuilt")
    runs = host.name in world.ledger.hosts_of(server.id)
    server.power_state = RUNNING if runs else SHUT_DOWN
    world.touch(server)
