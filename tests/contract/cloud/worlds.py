"""A stage on the simulated world, whether it is reached over HTTP or directly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medevac.flows.ports import Cloud
from medevac.sandbox.cloud.model import actions, control, guests, machines
from medevac.sandbox.cloud.model.mishaps import ANY
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import GroupSpec, HostSpec, ServerSpec, SiteSpec, build, build_server
from medevac.sandbox.cloud.model.world import World
from tests.contract.cloud.stage import until

ZONE = "az1"
PROJECT = "contract"
SITE = SiteSpec(tuple(HostSpec(f"compute-{number}", zone=ZONE) for number in range(1, 5)), projects=(PROJECT,))
_PAUSED = 3
"""Nova's number for that power state."""
QUICK = Settings(evacuate_seconds=0.1, move_seconds=0.1, boot_seconds=0.02, report_interval=0.2, max_limit=2)


class WorldStage:
    """Implements Stage on a World; *cloud* is the implementation under test, whose world it is."""

    zone = aggregate = ZONE
    project = PROJECT
    patience = 30.0
    pause = 0.01

    def __init__(self, world: World, cloud: Cloud) -> None:
        self.cloud: Cloud = cloud
        self.hosts = tuple(host.name for host in SITE.hosts)
        self._world = world

    def boot(self, host: str, count: int = 1, *, vm_state: str = "active", locked: bool = False) -> tuple[str, ...]:
        with self._world.settled() as world:
            servers = [build_server(world, ServerSpec("contract", host, PROJECT)) for _ in range(count)]
            for server in servers:
                self._bring_to(server.id, vm_state)
                if locked:
                    actions.lock(world, server.id)
        ids = tuple(server.id for server in servers)
        until(self, lambda: all(self._is(server_id, vm_state) for server_id in ids), f"the servers are {vm_state}")
        return ids

    def group(self, policy: str, count: int) -> tuple[str, ...]:
        with self._world.settled() as world:
            name = f"{policy}-{len(world.groups)}"
            build(world, SiteSpec((), groups=(GroupSpec(name, policy, PROJECT),)))
            return tuple(
                build_server(world, ServerSpec("contract", h, PROJECT, group=name)).id for h in self.hosts[:count]
            )

    def delete(self, server_id: str) -> None:
        with self._world.settled() as world:
            actions.delete(world, server_id)

    def cut_power(self, host: str) -> None:
        with self._world.settled() as world:
            machines.power_off(world, host)

    def bring_back(self, host: str) -> None:
        with self._world.settled() as world:
            machines.power_on(world, host)
        until(self, lambda: self._alive(host), f"nova-compute on {host} has started")

    @contextmanager
    def leave_only(self, host: str) -> Iterator[None]:
        others = [name for name in self.hosts if name != host]
        self._disable(others, disabled=True)
        yield
        self._disable(others, disabled=False)

    @contextmanager
    def break_spawning(self) -> Iterator[None]:
        with self._world.settled() as world:
            world.mishaps.fail_spawns = dict.fromkeys(self.hosts, ANY)
        yield
        with self._world.settled() as world:
            world.mishaps.fail_spawns = {}

    @contextmanager
    def stand_still(self, host: str) -> Iterator[None]:
        with self._world.settled() as world:
            machines.freeze_compute(world, host)
        yield
        with self._world.settled() as world:
            machines.thaw_compute(world, host)

    def is_sent(self, server_id: str, host: str) -> bool:
        with self._world.settled() as world:
            return server_id in world.hosts[host].allocations

    @contextmanager
    def never_begin(self) -> Iterator[None]:
        with self._world.settled() as world:
            world.mishaps.lose_evacuations = ANY
        yield
        with self._world.settled() as world:
            world.mishaps.lose_evacuations = 0

    @contextmanager
    def lose_cell_of(self, host: str) -> Iterator[None]:
        with self._world.settled() as world:
            world.down_cells.add(world.hosts[host].cell)
        yield
        with self._world.settled() as world:
            world.down_cells.clear()

    @contextmanager
    def lose_control(self, binary: str) -> Iterator[None]:
        with self._world.settled() as world:
            control.take_down(world, binary)
        yield
        with self._world.settled() as world:
            control.bring_up(world, binary)

    @contextmanager
    def lose_answers(self, kind: str, path: str) -> Iterator[None]:
        with self._world.settled() as world:
            world.mishaps.order(kind, method="PUT", path=path, after=kind == "status")
        yield
        with self._world.settled() as world:
            world.mishaps.withdraw()

    def _bring_to(self, server_id: str, vm_state: str) -> None:
        if vm_state == "stopped":
            actions.stop(self._world, server_id, by_owner=True)
        elif vm_state == "paused":
            server = self._world.server(server_id)
            guests.pause(self._world, server_id, "user")
            server.vm_state, server.power_state = "paused", _PAUSED
        elif vm_state == "error":
            actions.reset_state(self._world, server_id, "error")

    def _is(self, server_id: str, vm_state: str) -> bool:
        with self._world.settled() as world:
            return world.server(server_id).vm_state == vm_state

    def _alive(self, host: str) -> bool:
        with self._world.settled() as world:
            return world.hosts[host].alive

    def _disable(self, hosts: list[str], *, disabled: bool) -> None:
        with self._world.settled() as world:
            for host in hosts:
                world.hosts[host].disabled = disabled
