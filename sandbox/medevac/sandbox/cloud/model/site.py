"""Site: the description from which a simulated cloud is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from medevac.sandbox.cloud.model import guests
from medevac.sandbox.cloud.model.catalog import Aggregate, Flavor, Project, ServerGroup, User
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.server import RUNNING, SHUT_DOWN, Server
from medevac.sandbox.cloud.model.world import World

ADMIN_PROJECT = "admin"
USERS = ("admin", "medevac")
"""A human administrator, and the product under test: what the latter stops was not stopped by its owner."""


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host to build."""

    name: str
    zone: str = ""
    vcpus: int = 64
    ram_mb: int = 262_144
    cell: str = "cell1"


@dataclass(frozen=True, slots=True)
class AggregateSpec:
    """A host aggregate to build; the ones of availability zones are made from the hosts."""

    name: str
    hosts: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlavorSpec:
    """A flavor to build."""

    name: str
    vcpus: int = 1
    ram_mb: int = 512
    disk_gb: int = 1


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A server group to build."""

    name: str
    policy: str
    project: str


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server to build."""

    name: str
    host: str
    project: str = "demo"
    flavor: str = "m1.small"
    vm_state: str = "active"
    image: str = "debian"
    """Empty: it boots from a volume."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    locked_reason: str | None = None
    """Not None: it is locked."""
    group: str = ""
    pinned_zone: str = ""
    launched: bool = True
    id: str = ""
    """Empty: one is drawn."""


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """A site to build; projects and images that servers name are made as needed."""

    hosts: tuple[HostSpec, ...]
    servers: tuple[ServerSpec, ...] = ()
    aggregates: tuple[AggregateSpec, ...] = ()
    flavors: tuple[FlavorSpec, ...] = (FlavorSpec("m1.small"),)
    groups: tuple[GroupSpec, ...] = ()
    projects: tuple[str, ...] = ()


def build(world: World, spec: SiteSpec) -> None:
    """Build *spec* into *world*, in addition to what is there.  Raises KeyError for a name that is not defined."""
    for name in (ADMIN_PROJECT, *spec.projects):
        _project(world, name)
    for name in USERS:
        _user(world, name)
    for flavor in spec.flavors:
        _build_flavor(world, flavor)
    for host in spec.hosts:
        _build_host(world, host)
    for aggregate in spec.aggregates:
        _aggregate(world, aggregate.name, None, dict(aggregate.metadata)).hosts.extend(aggregate.hosts)
    for group in spec.groups:
        group_id = world.new_id()
        world.groups[group_id] = ServerGroup(group_id, group.name, group.policy, _project(world, group.project).id)
    for server in spec.servers:
        build_server(world, server)


def _build_flavor(world: World, spec: FlavorSpec) -> None:
    if all(flavor.name != spec.name for flavor in world.flavors.values()):
        flavor = Flavor(world.new_id(), spec.name, spec.vcpus, spec.ram_mb, spec.disk_gb)
        world.flavors[flavor.id] = flavor


def _build_host(world: World, spec: HostSpec) -> None:
    host = Host(
        name=spec.name,
        number=world.new_number("hosts"),
        service_id=world.new_id(),
        hypervisor_id=world.new_id(),
        vcpus=spec.vcpus,
        ram_mb=spec.ram_mb,
        cell=spec.cell,
        changed_at=world.now,
    )
    host.start_beating(world.now)
    world.hosts[spec.name] = host
    if spec.zone:
        _aggregate(world, spec.zone, spec.zone, {"availability_zone": spec.zone}).hosts.append(spec.name)


def build_server(world: World, spec: ServerSpec) -> Server:
    """Build one server, which runs at once when it is active.  Raises KeyError for a name that is not defined."""
    flavor = next((flavor for flavor in world.flavors.values() if flavor.name == spec.flavor), None)
    if flavor is None:
        raise KeyError(spec.flavor)
    server = _row(world, spec, flavor)
    if spec.group:
        group = next(group for group in world.groups.values() if group.name == spec.group)
        group.members.add(server.id)
        server.group_id = group.id
    world.add_server(server)
    if server.host is not None:
        world.hosts[server.host].allocate(server.id, flavor)
        if server.should_run:
            guests.start(world, server.id, server.host, "built")
        if server.launched_at is not None:
            guests.define(world, server.id, server.host)
        _set_reason(world, server, server.host)
    return server


def _set_reason(world: World, server: Server, host: str) -> None:
    guest = guests.find(world, host, server.id)
    if guest is None:
        return
    if server.vm_state == "paused":
        guest.stand_still(world.now)
        guest.state, guest.reason = guests.PAUSED, "user"
    elif server.vm_state == "stopped":
        guest.reason = "shutdown"


def _row(world: World, spec: ServerSpec, flavor: Flavor) -> Server:
    runs = spec.vm_state not in ("stopped", "building", "shelved_offloaded")
    return Server(
        id=spec.id or world.new_id(),
        number=world.new_number("servers"),
        name=spec.name,
        project_id=_project(world, spec.project).id,
        user_id=_user(world, spec.project).id,
        flavor=flavor,
        host=None if spec.vm_state == "shelved_offloaded" else spec.host,
        created_at=world.now,
        updated_at=world.now,
        vm_state=spec.vm_state,
        power_state=RUNNING if runs else SHUT_DOWN,
        image_id=_image(world, spec.image) if spec.image else "",
        launched_at=world.now if spec.launched and spec.vm_state != "building" else None,
        locked=spec.locked_reason is not None,
        locked_reason=spec.locked_reason or None,
        pinned_zone=spec.pinned_zone or None,
        metadata=dict(spec.metadata),
        tags=list(spec.tags),
        addresses=list(spec.addresses),
        should_run=runs,
    )


def _project(world: World, name: str) -> Project:
    for project in world.projects.values():
        if project.name == name:
            return project
    project = Project(world.new_id().replace("-", ""), name)
    world.projects[project.id] = project
    return project


def _user(world: World, name: str) -> User:
    for user in world.users.values():
        if user.name == name:
            return user
    user = User(world.new_id().replace("-", ""), name)
    world.users[user.id] = user
    return user


def _image(world: World, name: str) -> str:
    for image_id, known in world.images.items():
        if known == name:
            return image_id
    image_id = world.new_id()
    world.images[image_id] = name
    return image_id


def _aggregate(world: World, name: str, zone: str | None, metadata: dict[str, str]) -> Aggregate:
    for aggregate in world.aggregates.values():
        if aggregate.name == name:
            return aggregate
    number = world.new_number("aggregates")
    world.aggregates[number] = Aggregate(number, world.new_id(), name, zone, [], metadata)
    return world.aggregates[number]
