"""NovaCloud: the Cloud port on a real OpenStack."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import chain, islice, takewhile
from typing import Any
from urllib.parse import urlencode

from novaclient.v2.servers import REBOOT_HARD

from medevac.core.errors import CellDownError, CloudUnavailableError, NotFoundError, RefusedError
from medevac.flows.caps import still_under_way
from medevac.flows.estate import CONDUCTOR, SCHEDULER, STARTS
from medevac.flows.ports import HostService, Migration, Server, ServerGroup, Stop
from medevac.workers.openstack.client import NovaClient
from medevac.workers.openstack.convert import Json, to_group, to_migration, to_server, to_service, to_stop
from medevac.workers.openstack.deeds import end_of_rebuild, evacuation_asked_for
from medevac.workers.openstack.identity import project_names
from medevac.workers.openstack.images import image_properties
from medevac.workers.openstack.session import CloudSession, open_session
from medevac.workers.openstack.times import to_nova

_LONGEST_REASON = 255
_SOON = 8.0
"""Seconds within which a living nova-compute has confirmed that its host is disabled, or enabled."""


def connect(cloud: str | None = None) -> NovaCloud:
    """Return the cloud that clouds.yaml or OS_* variables name; see `open_session`."""
    return NovaCloud(open_session(cloud))


class NovaCloud:
    """`medevac.flows.ports.Cloud` over HTTP; what its methods mean and raise is said there.  Thread-safe."""

    def __init__(self, cloud: CloudSession) -> None:
        """Work on *cloud*; nothing is sent before the first call."""
        self._cloud = cloud
        self._nova = NovaClient(cloud)

    @property
    def home(self) -> str:
        """Return where its Keystone and region are: two workers of one site must be told the same cloud."""
        return self._cloud.home

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._cloud.close()

    def host_service(self, host: str) -> HostService | None:
        """Return the nova-compute service of *host*: one request."""
        path = f"/os-services?{urlencode({'binary': 'nova-compute', 'host': host})}"
        found = self._nova.get(path, "services", f"look up the nova-compute service of {host}")
        return to_service(found[0]) if found else None

    def compute_services(self) -> tuple[HostService, ...]:
        """Return the nova-compute services of all hosts: one request."""
        path = f"/os-services?{urlencode({'binary': 'nova-compute'})}"
        return tuple(map(to_service, self._nova.get(path, "services", "list the nova-compute services")))

    def control_services(self) -> Mapping[str, bool]:
        """Tell whether any nova-scheduler and any nova-conductor is up: one short request for each of the two.

        One for both would bring the nova-compute of every host with it: 3,000 hosts are a megabyte.
        """
        return {binary: self._any_is_up(binary) for binary in (CONDUCTOR, SCHEDULER)}

    def _any_is_up(self, binary: str) -> bool:
        path = f"/os-services?{urlencode({'binary': binary})}"
        found = self._nova.get(path, "services", f"list the {binary} services")
        return any(service.get("state") == "up" for service in found)

    def host_aggregates(self, host: str) -> tuple[str, ...]:
        """Return the names of the aggregates of *host*: one request."""
        found = self._nova.get("/os-aggregates", "aggregates", f"look up the aggregates of {host}")
        return tuple(aggregate["name"] for aggregate in found if host in aggregate["hosts"])

    def aggregates(self) -> Mapping[str, tuple[str, ...]]:
        """Return the hosts of every aggregate: one request."""
        found = self._nova.get("/os-aggregates", "aggregates", "list the aggregates")
        return {aggregate["name"]: tuple(aggregate["hosts"]) for aggregate in found}

    def servers_on(self, host: str) -> tuple[Server, ...]:
        """Return the servers on *host*: one request a page, and two more when there are none.

        Nova leaves out, silently, what is in a cell that does not answer.  One page with servers on it proves that
        the cell answered; an empty list, or one of several pages, is only believed when the cell answers now, and
        the empty one is asked for again then.
        """
        pages = self._servers(host=host)
        if len(pages) > 1 or not pages[0]:
            self._assert_cell_answers(host)
        if not pages[0]:
            pages = self._servers(host=host)
        return _servers(pages)

    def servers_changed_since(self, at: float) -> tuple[Server, ...]:
        """Return the servers that changed in the second of *at* or later: one request a page."""
        return _servers(self._servers(**{"changes-since": to_nova(at)}))

    def server(self, server_id: str) -> Server | None:
        """Return one server: one request."""
        try:
            return to_server(self._nova.get(f"/servers/{server_id}", "server", f"look up server {server_id}"))
        except NotFoundError:
            return None

    def stops(self, server_id: str) -> tuple[Stop, ...]:
        """Return the orders to stop the server since it was last started, newest first: one request."""
        path, doing = f"/servers/{server_id}/os-instance-actions", f"look up what was asked of server {server_id}"
        try:
            found = self._nova.get(path, "instanceActions", doing)
        except NotFoundError:
            return ()
        newest_first = sorted(found, key=lambda action: str(action["start_time"]), reverse=True)
        since = takewhile(lambda action: action["action"] not in STARTS, newest_first)
        return tuple(to_stop(action) for action in since if action["action"] == "stop")

    def evacuations_from(self, host: str, since: float | None = None) -> tuple[Migration, ...]:
        """Return the evacuations from *host*: one request a page, and with *since* one more.

        Nova compares changes-since with a time that a record gets at its first change: one that was accepted and
        not begun is never among them, and has to be asked for by its status.  That is asked first, so that a record
        that begins between the two requests is seen by the second.
        """
        if since is None or not self._nova.versions.pages_migrations:
            found = self._evacuations(host)
        else:
            found = chain(
                self._evacuations(host, status="accepted"),
                self._evacuations(host, **{"changes-since": to_nova(since)}),
            )
        newest = {migration.id: migration for migration in map(to_migration, found)}
        floor = 0.0 if since is None else float(int(since))
        return tuple(newest[key] for key in sorted(newest) if newest[key].updated_at >= floor)

    def evacuations_under_way(self) -> tuple[Migration, ...]:
        """Return the evacuations that are accepted or under way: one request for each of the two, and a page.

        And one for each record that has not changed for minutes, which may be one that Nova has left behind.
        """
        doing = "list the evacuations under way"
        queries = [{"migration_type": "evacuation", "status": status} for status in ("accepted", "pre-migrating")]
        pages = chain.from_iterable(self._nova.pages("/os-migrations", "migrations", q, "uuid", doing) for q in queries)
        newest = {record.id: record for record in map(to_migration, chain.from_iterable(pages))}
        return still_under_way((newest[key] for key in sorted(newest)), self.server, time.time())

    def evacuations_since(self, at: float, most: int) -> tuple[Migration, ...]:
        """Return the newest evacuations of the whole cloud, accepted at *at* or later: one request a page.

        From 2.59 on Nova lists them newest first, and no page is asked for beyond those that are wanted.
        """
        query = {"migration_type": "evacuation"}
        paged = self._nova.versions.pages_migrations
        query |= {"limit": str(most)} if paged else {}
        pages = self._nova.pages("/os-migrations", "migrations", query, "uuid", "list the newest evacuations")
        records = map(to_migration, chain.from_iterable(pages))
        wanted = islice(takewhile(lambda record: record.created_at >= at, records), most) if paged else records
        found = sorted(wanted, key=lambda record: (record.created_at, record.id), reverse=True)
        return tuple(record for record in found if record.created_at >= at)[:most]

    def arrived_at(self, record: Migration) -> float | None:
        """Return when the server of an evacuation arrived: no request while it is `done`, and two afterwards."""
        if record.status != "completed":
            return record.updated_at if record.succeeded else None
        path, told = f"/servers/{record.server_id}/os-instance-actions", f"of server {record.server_id}"
        try:
            actions = self._nova.get(path, "instanceActions", f"look up what was asked {told}")
            request_id = evacuation_asked_for(actions, record.created_at)
            if not request_id:
                return None
            found = self._nova.get(f"{path}/{request_id}", "instanceAction", f"look up the evacuation {told}")
        except NotFoundError:
            return None
        return end_of_rebuild(found.get("events") or ())

    def migrations_of(self, server_id: str, since: float | None = None) -> tuple[Migration, ...]:
        """Return the records of one server: one request a page, whatever *since* is, since they are few."""
        query = {"instance_uuid": server_id}
        told = f"list the migrations of server {server_id}"
        found = chain.from_iterable(self._nova.pages("/os-migrations", "migrations", query, "uuid", told))
        floor = 0.0 if since is None else float(int(since))
        records = sorted(map(to_migration, found), key=lambda record: record.id)
        return tuple(record for record in records if record.updated_at >= floor)

    def project_names(self) -> Mapping[str, str]:
        """Return project id to name: one request to Keystone a page."""
        return project_names(self._cloud)

    def image_properties(self, image_id: str) -> Mapping[str, str]:
        """Return the properties of an image: one request to Glance."""
        return image_properties(self._cloud, image_id)

    def server_groups(self) -> tuple[ServerGroup, ...]:
        """Return the server groups of all projects: one request a page."""
        return tuple(to_group(found) for page in self._nova.groups("list the server groups") for found in page)

    def can_hold(self) -> bool:
        """Tell whether microversion 2.95 is spoken on both sides: asks nothing once versions are agreed."""
        return self._nova.versions.holds is not None

    def take_out(self, service: HostService, reason: str) -> None:
        """Force *service* down and disable it: one request.  What was disabled before keeps its own reason."""
        wanted: Json = {"forced_down": True}
        if service.enabled:
            wanted |= {"status": "disabled", "disabled_reason": reason[:_LONGEST_REASON]}
        self._update(service, wanted, f"force {service.host} down and disable it")

    def put_back(self, service: HostService, original: HostService) -> None:
        """Give *service* what *original* had: one request."""
        wanted: Json = {"forced_down": original.forced_down, "status": "enabled" if original.enabled else "disabled"}
        if not original.enabled and original.disabled_reason:
            wanted["disabled_reason"] = original.disabled_reason
        self._update(service, wanted, f"put {service.host} back into service")

    def set_enabled(self, service: HostService, enabled: bool, reason: str) -> None:  # noqa: FBT001 - as the port says
        """Enable *service*, or disable it: one request, and none for a service that was disabled before.

        Nova writes first and then waits for nova-compute, up to a minute, each time: where no answer comes soon, one
        more request looks whether it is written.
        """
        if not enabled and not service.enabled:
            return
        wanted: Json = {"status": "enabled" if enabled else "disabled"}
        if reason and not enabled:
            wanted["disabled_reason"] = reason[:_LONGEST_REASON]
        try:
            self._update(service, wanted, f"{'enable' if enabled else 'disable'} {service.host}", _SOON)
        except CloudUnavailableError:
            found = self.host_service(service.host)
            if found is None or found.enabled != enabled:
                raise

    def reset_state(self, server_id: str, state: str) -> None:
        """Set the vm_state of a server and clear its task: one request."""
        self._nova.act(
            lambda client: client.servers.reset_state(server_id, state), f"reset server {server_id} to {state}"
        )

    def stop(self, server_id: str) -> None:
        """Shut a server off: one request."""
        self._nova.act(lambda client: client.servers.stop(server_id), f"stop server {server_id}")

    def start(self, server_id: str) -> None:
        """Start a server: one request."""
        self._nova.act(lambda client: client.servers.start(server_id), f"start server {server_id}")

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT001, FBT002 - as the port says
        """Ask for a server's evacuation: one request, never repeated by any layer below."""
        version = self._nova.versions.holds if hold else None
        doing = f"evacuate server {server_id}"
        if hold and version is None:
            message = f"{doing}: this Nova cannot leave it shut off (microversion 2.95)"
            raise RefusedError(message)
        self._nova.act(lambda client: client.servers.evacuate(server_id), doing, once=True, version=version)

    def reboot(self, server_id: str) -> None:
        """Reboot a server, HARD: one request, never repeated by any layer below."""
        self._act_once("reboot", server_id, lambda client: client.servers.reboot(server_id, REBOOT_HARD))

    def live_migrate(self, server_id: str, host: str = "") -> None:
        """Move a server that runs on: one request, never repeated by any layer below."""
        to = host or None
        self._act_once("live-migrate", server_id, lambda client: client.servers.live_migrate(server_id, to, "auto"))

    def cold_migrate(self, server_id: str) -> None:
        """Move a server that is shut off meanwhile: one request, never repeated by any layer below."""
        self._act_once("migrate", server_id, lambda client: client.servers.migrate(server_id))

    def confirm_resize(self, server_id: str) -> None:
        """Make a cold migration final: one request, never repeated by any layer below."""
        self._act_once("confirm the migration of", server_id, lambda client: client.servers.confirm_resize(server_id))

    def rebuild(self, server_id: str) -> None:
        """Make a server's root disk anew from its own image: two requests, the second of which is never repeated."""
        found = self.server(server_id)
        doing = f"rebuild server {server_id}"
        if found is None:
            message = f"{doing}: there is no such server"
            raise NotFoundError(message)
        if not found.image_id:
            message = f"{doing}: it boots from a volume, whose data nobody may overwrite"
            raise RefusedError(message)
        path, body = f"/servers/{server_id}/action", {"rebuild": {"imageRef": found.image_id}}
        # Not novaclient's own method: it makes an object of the answer, and asks for what that lacks.
        self._nova.act(lambda client: client.client.post(path, body=body), doing, once=True)

    def _act_once(self, verb: str, server_id: str, action: Callable[[Any], object]) -> None:
        self._nova.act(action, f"{verb} server {server_id}", once=True)

    def _servers(self, **filters: str) -> list[list[Json]]:
        query = {"all_tenants": "True", **filters}
        told = " ".join(f"{key} {value}" for key, value in filters.items())
        return list(self._nova.pages("/servers/detail", "servers", query, "id", f"list the servers with {told}"))

    def _evacuations(self, host: str, **filters: str) -> chain[Json]:
        query = {"source_compute": host, "migration_type": "evacuation", **filters}
        pages = self._nova.pages("/os-migrations", "migrations", query, "uuid", f"list the evacuations from {host}")
        return chain.from_iterable(pages)

    def _update(self, service: HostService, wanted: Json, doing: str, limit: float | None = None) -> None:
        if not service.id:
            message = f"{doing}: Nova cannot reach the cell of {service.host}, so its service has no id to name it by"
            raise CellDownError(message)
        self._nova.put(f"/os-services/{service.id}", wanted, doing, limit)

    def _assert_cell_answers(self, host: str) -> None:
        service = self.host_service(host)
        if service is not None and service.state == "unknown":
            message = f"Nova cannot reach the cell of {host}: what it says about its servers is incomplete"
            raise CellDownError(message)
        if service is None and not self._nova.versions.shows_down_cells:
            message = f"Nova lists no service on {host}, which before microversion 2.69 may mean that its cell is down"
            raise CellDownError(message)


def _servers(pages: list[list[Json]]) -> tuple[Server, ...]:
    return tuple(to_server(found) for page in pages for found in page)
