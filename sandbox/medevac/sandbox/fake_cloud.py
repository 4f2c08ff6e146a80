"""A fake of the Cloud port: the model of the simulated cloud without HTTP."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from medevac.core.errors import (
    CellDownError,
    CloudError,
    CloudUnavailableError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)
from medevac.flows import ports
from medevac.flows.caps import still_under_way
from medevac.flows.estate import STARTS
from medevac.sandbox.cloud.http import microversions
from medevac.sandbox.cloud.model import actions, cold_migration, evacuation, listing, live_migration, reimage, services
from medevac.sandbox.cloud.model.errors import Refusal, no_server
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.history import rebuilt_at
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.listing import MigrationFilter, ServerFilter
from medevac.sandbox.cloud.model.migration import EVACUATION, Migration
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.services import ServiceUpdate
from medevac.sandbox.cloud.model.world import World

T = TypeVar("T")

_COMPUTE = "/compute/v2.1"
_LONGEST_REASON = 255
_HOLD = (2, 95)
_ERRORS: dict[int, type[CloudError]] = {HTTPStatus.NOT_FOUND: NotFoundError, HTTPStatus.CONFLICT: ConflictError}


@dataclass(frozen=True, slots=True)
class _Request:
    """What the real adapter would send."""

    method: str
    path: str
    label: str
    """The route, under which it is counted."""
    body: str = ""
    once: bool = False


def _get(path: str, label: str = "") -> _Request:
    return _Request("GET", path, f"GET {label or path}")


class FakeCloud:
    """Implements Cloud on a World.  Fault orders of the world's mishaps hold here too, except for latency.

    Requests are matched and counted as if they were made over HTTP, one for each method.
    """

    def __init__(self, world: World) -> None:
        """Work on *world*."""
        self.world = world

    def host_service(self, host: str) -> ports.HostService | None:
        """Return the nova-compute service of *host*."""

        def look() -> ports.HostService | None:
            found = self.world.hosts.get(host)
            return None if found is None else self._service(found)

        return self._ask(_get(f"{_COMPUTE}/os-services"), look)

    def compute_services(self) -> tuple[ports.HostService, ...]:
        """Return the nova-compute services of all hosts."""
        hosts = self.world.hosts
        return self._ask(_get(f"{_COMPUTE}/os-services"), lambda: tuple(self._service(host) for host in hosts.values()))

    def control_services(self) -> Mapping[str, bool]:
        """Tell which of nova-scheduler and nova-conductor are up."""
        return self._ask(_get(f"{_COMPUTE}/os-services"), lambda: dict(self.world.control))

    def host_aggregates(self, host: str) -> tuple[str, ...]:
        """Return the names of the aggregates of *host*."""
        aggregates = self.world.aggregates.values()
        return self._ask(
            _get(f"{_COMPUTE}/os-aggregates"), lambda: tuple(a.name for a in aggregates if host in a.hosts)
        )

    def aggregates(self) -> Mapping[str, tuple[str, ...]]:
        """Return the hosts of every aggregate."""
        aggregates = self.world.aggregates.values()
        return self._ask(_get(f"{_COMPUTE}/os-aggregates"), lambda: {a.name: tuple(a.hosts) for a in aggregates})

    def servers_on(self, host: str) -> tuple[ports.Server, ...]:
        """Return the servers on *host*."""
        if self.world.cell_is_down(host):
            raise CellDownError
        return self._servers(ServerFilter(host=host))

    def servers_changed_since(self, at: float) -> tuple[ports.Server, ...]:
        """Return the servers that changed in the second of *at* or later."""
        return self._servers(ServerFilter(changed_since=math.floor(at)))

    def server(self, server_id: str) -> ports.Server | None:
        """Return one server."""

        def look() -> ports.Server | None:
            found = self.world.servers.get(server_id)
            if found is None or found.deleted:
                return None
            if self.world.cell_is_down(found.host):
                raise CellDownError
            return self._server(found)

        return self._ask(_get(f"{_COMPUTE}/servers/{server_id}", f"{_COMPUTE}/servers/{{id}}"), look)

    def stops(self, server_id: str) -> tuple[ports.Stop, ...]:
        """Return the orders to stop the server since it was last started, newest first."""

        def look() -> tuple[ports.Stop, ...]:
            server = self.world.servers.get(server_id)
            actions = reversed(server.actions) if server and not server.deleted else ()
            since = itertools.takewhile(lambda action: action.name not in STARTS, actions)
            return tuple(ports.Stop(each.started_at, not each.by_nova) for each in since if each.name == "stop")

        path = f"{_COMPUTE}/servers/{server_id}/os-instance-actions"
        return self._ask(_get(path, f"{_COMPUTE}/servers/{{id}}/os-instance-actions"), look)

    def evacuations_from(self, host: str, since: float | None = None) -> tuple[ports.Migration, ...]:
        """Return the evacuations from *host*; those that never began count as changed when they were accepted."""
        return self._migrations(MigrationFilter(source=host, kind=EVACUATION), since)

    def evacuations_under_way(self) -> tuple[ports.Migration, ...]:
        """Return the evacuations of the whole cloud that are accepted or under way."""
        live = [record for record in self._migrations(MigrationFilter(kind=EVACUATION), None) if record.live]
        return still_under_way(live, self.server, self.world.now)

    def evacuations_since(self, at: float, most: int) -> tuple[ports.Migration, ...]:
        """Return the newest evacuations of the whole cloud that were accepted at *at* or later."""
        found = reversed(self._migrations(MigrationFilter(kind=EVACUATION), None))
        return tuple(record for record in found if record.created_at >= at)[:most]

    def arrived_at(self, record: ports.Migration) -> float | None:
        """Return when the server of an evacuation arrived."""
        if record.status != "completed":
            return record.updated_at if record.succeeded else None

        def look() -> float | None:
            server = self.world.servers.get(record.server_id)
            at = server and rebuilt_at(server, self.world.migrations[record.id].created_at)
            return float(math.floor(at)) if at else None

        path = f"{_COMPUTE}/servers/{record.server_id}/os-instance-actions"
        return self._ask(_get(path, f"{_COMPUTE}/servers/{{id}}/os-instance-actions"), look)

    def migrations_of(self, server_id: str, since: float | None = None) -> tuple[ports.Migration, ...]:
        """Return the records of one server, of every kind."""
        return self._migrations(MigrationFilter(server_id=server_id), since)

    def project_names(self) -> Mapping[str, str]:
        """Return project id to name."""
        return self._ask(_get("/identity/v3/projects"), lambda: {p.id: p.name for p in self.world.projects.values()})

    def image_properties(self, image_id: str) -> Mapping[str, str]:
        """Return the properties that the simulated Glance keeps of an image: its name."""

        def look() -> Mapping[str, str]:
            known = self.world.images
            return {"id": image_id, "name": known[image_id]} if image_id in known else {}

        return self._ask(_get(f"/image/v2/images/{image_id}", "/image/v2/images/{id}"), look)

    def server_groups(self) -> tuple[ports.ServerGroup, ...]:
        """Return the server groups of all projects."""
        groups, servers = self.world.groups, self.world.servers
        living = {g.id: tuple(sorted(m for m in g.members if not servers[m].deleted)) for g in groups.values()}
        found = tuple(ports.ServerGroup(g.id, g.policy, living[g.id]) for g in groups.values())
        return self._ask(_get(f"{_COMPUTE}/os-server-groups"), lambda: found)

    def can_hold(self) -> bool:
        """Tell whether the simulated Nova speaks microversion 2.95; asks nothing."""
        return microversions.parse(self.world.settings.max_microversion) >= _HOLD

    def take_out(self, service: ports.HostService, reason: str) -> None:
        """Force *service* down and disable it; what was disabled before keeps its own reason."""
        if service.enabled:
            self._update(service, ServiceUpdate("disabled", reason[:_LONGEST_REASON], forced_down=True))
        else:
            self._update(service, ServiceUpdate(forced_down=True))

    def put_back(self, service: ports.HostService, original: ports.HostService) -> None:
        """Give *service* what *original* had."""
        status = "enabled" if original.enabled else "disabled"
        reason = None if original.enabled else original.disabled_reason or None
        self._update(service, ServiceUpdate(status, reason, original.forced_down))

    def set_enabled(self, service: ports.HostService, enabled: bool, reason: str) -> None:  # noqa: FBT001 - as the port says
        """Enable *service*, or disable it unless it was disabled before; a lost answer is looked up."""
        if not enabled and not service.enabled:
            return
        told = reason[:_LONGEST_REASON] or None
        try:
            self._update(service, ServiceUpdate("enabled") if enabled else ServiceUpdate("disabled", told))
        except CloudUnavailableError:
            found = self.host_service(service.host)
            if found is None or found.enabled != enabled:
                raise

    def reset_state(self, server_id: str, state: str) -> None:
        """Set the vm_state of a server and clear its task."""
        self._act(server_id, "os-resetState", lambda: actions.reset_state(self.world, server_id, state))

    def stop(self, server_id: str) -> None:
        """Shut a server off; its owner may still want it to run."""
        self._act(server_id, "os-stop", lambda: actions.stop(self.world, server_id))

    def start(self, server_id: str) -> None:
        """Start a server; its owner may still want it shut off."""
        self._act(server_id, "os-start", lambda: actions.start(self.world, server_id))

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT001, FBT002 - as the port says
        """Ask for a server's evacuation; with *hold* it arrives shut off."""
        if hold and not self.can_hold():
            raise RefusedError(f"evacuate server {server_id}: this Nova cannot leave it shut off (microversion 2.95)")
        request = EvacuationRequest(stopped_at_destination=hold)
        self._act(server_id, "evacuate", lambda: evacuation.evacuate(self.world, server_id, request), once=True)

    def reboot(self, server_id: str) -> None:
        """Reboot a server, HARD."""
        self._act(server_id, "reboot", lambda: actions.reboot(self.world, server_id, "HARD"), once=True)

    def live_migrate(self, server_id: str, host: str = "") -> None:
        """Move a server that runs on."""
        world, to = self.world, host or None
        self._act(server_id, "os-migrateLive", lambda: live_migration.live_migrate(world, server_id, to), once=True)

    def cold_migrate(self, server_id: str) -> None:
        """Move a server that is shut off meanwhile."""
        self._act(server_id, "migrate", lambda: cold_migration.migrate(self.world, server_id), once=True)

    def confirm_resize(self, server_id: str) -> None:
        """Make a cold migration final."""
        self._act(server_id, "confirmResize", lambda: cold_migration.confirm(self.world, server_id), once=True)

    def rebuild(self, server_id: str) -> None:
        """Make a server's root disk anew from its own image."""
        found = self.server(server_id)
        if found is None:
            raise NotFoundError(no_server(server_id).message)
        if not found.image_id:
            raise RefusedError(f"rebuild server {server_id}: it boots from a volume, whose data nobody may overwrite")
        self._act(server_id, "rebuild", lambda: reimage.reimage(self.world, server_id, found.image_id), once=True)

    def _migrations(self, asked: MigrationFilter, since: float | None) -> tuple[ports.Migration, ...]:
        floor = 0 if since is None else math.floor(since)

        def look() -> tuple[ports.Migration, ...]:
            found = listing.migrations(self.world, asked)
            return tuple(_migration(record) for record in found if math.floor(record.changed_at) >= floor)

        return self._ask(_get(f"{_COMPUTE}/os-migrations"), look)

    def _servers(self, asked: ServerFilter) -> tuple[ports.Server, ...]:
        def look() -> tuple[ports.Server, ...]:
            return tuple(self._server(server) for server in listing.servers(self.world, asked))

        return self._ask(_get(f"{_COMPUTE}/servers/detail"), look)

    def _update(self, service: ports.HostService, change: ServiceUpdate) -> None:
        if not service.id:
            raise CellDownError
        world = self.world
        self._ask(
            _Request("PUT", f"{_COMPUTE}/os-services/{service.id}", f"PUT {_COMPUTE}/os-services/{{id}}"),
            lambda: services.update(world, services.by_service_id(world, service.id), change),
        )

    def _act(self, server_id: str, verb: str, act: Callable[[], object], *, once: bool = False) -> None:
        def checked() -> object:
            server = self.world.servers.get(server_id)
            if server is None:
                raise no_server(server_id)
            return act()

        path, label = f"{_COMPUTE}/servers/{server_id}/action", f"POST {_COMPUTE}/servers/{{id}}/action"
        self._ask(_Request("POST", path, label, f'{{"{verb}": {{}}}}', once), checked)

    def _ask(self, asked: _Request, act: Callable[[], T]) -> T:
        """Carry *act* out as a request would be, faults included."""
        silence = OutcomeUnknownError if asked.once else CloudUnavailableError
        with self.world.settled() as world:
            world.requests[asked.label] += 1
            order = world.mishaps.strike(world.now, asked.method, asked.path, asked.body)
            if order is not None and not order.carried_out:
                raise silence(f"{asked.method} {asked.path}: ordered fault")
            try:
                result = act()
            except Refusal as refusal:
                raise _ERRORS.get(refusal.status, RefusedError)(refusal.message) from None
        if order is not None and order.kind != "latency":
            raise silence(f"{asked.method} {asked.path}: carried out, and the answer is lost by order")
        return result

    def _service(self, host: Host) -> ports.HostService:
        world = self.world
        if host.cell in world.down_cells:
            return ports.HostService(
                "",
                host.name,
                "",
                enabled=False,
                state="unknown",
                forced_down=False,
                disabled_reason="",
                updated_at=None,
            )
        return ports.HostService(
            id=host.service_id,
            host=host.name,
            zone=world.zone_of(host.name),
            enabled=not host.disabled,
            state="up" if services.is_up(world, host) else "down",
            forced_down=host.forced_down,
            disabled_reason=host.disabled_reason or "",
            updated_at=float(math.floor(services.updated_at(world, host))),
        )

    def _server(self, server: Server) -> ports.Server:
        return ports.Server(
            id=server.id,
            name=server.name,
            project_id=server.project_id,
            host=server.host or "",
            vm_state=server.vm_state,
            task_state=server.task_state or "",
            power_state=server.power_state,
            image_id=server.image_id,
            flavor=server.flavor.name,
            zone=self.world.zone_of(server.host) if server.host else "",
            locked=server.locked,
            launched=server.launched_at is not None,
            fault=server.fault.message if server.fault is not None and server.shows_fault else "",
            metadata=dict(server.metadata),
            updated_at=float(math.floor(server.updated_at)),
            tags=tuple(server.tags),
            addresses=tuple(server.addresses),
        )


def _migration(record: Migration) -> ports.Migration:
    return ports.Migration(
        id=record.id,
        server_id=record.server_id,
        status=record.status,
        source=record.source,
        destination=record.destination or "",
        created_at=float(math.floor(record.created_at)),
        updated_at=float(math.floor(record.changed_at)),
        kind=record.kind,
    )
