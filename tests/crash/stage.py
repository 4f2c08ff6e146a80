"""The stage of a crash: one simulated site, and what must hold on it when all is over."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.wire import encode
from medevac.flows.plan import Settings
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.workers.zookeeper import bounded, connect, disconnect, ensure_layout
from tests.crash.child import Told
from tests.crash.points import Point
from tests.crash.zygote import Zygote

DEAD = "compute-1"
HOSTS = tuple(HostSpec(f"compute-{n}", zone="az1") for n in (1, 2, 3))


def server_id(name: str) -> str:
    """Return the id that a server of this name has in every run (tests/upgrade keeps jobs that name it)."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def server(name: str, host: str = DEAD, **told: Any) -> ServerSpec:
    return ServerSpec(name, host, id=server_id(name), **told)


SERVERS = (
    server("pet-running", metadata={"ha": "pet"}),
    server("pet-locked", metadata={"ha": "pet"}, locked_reason="mine"),
    server("volume-booted", image=""),
    server("stopped", vm_state="stopped"),
    server("running"),
    server("on-another-host", "compute-2"),
    server("left-to-its-fate", project="batch"),
)
LEFT = ("left-to-its-fate", "on-another-host")
POLICIES = {
    "10-pet.yaml": "policy: pet\nmatch: {metadata: {ha: pet}}\npriority: critical\nwhen:\n  host.down:\n"
    "    - fence\n    - disable\n    - evacuate: {parallel: 1}\n    - verify\n",
    "20-batch.yaml": "policy: batch\nmatch: {server: left-*}\nwhen:\n  host.down: leave\n",
    "90-everyone.yaml": "policy: everyone\nmatch: everyone\nwhen:\n  host.down: [fence, disable, evacuate, verify]\n",
}


@dataclass(frozen=True)
class Cast:
    """Who is on a stage."""

    servers: tuple[ServerSpec, ...]
    policies: Mapping[str, str]
    """File name to text."""
    stays: tuple[str, ...] = ()
    """The names of servers that are not moved."""

    @property
    def moved(self) -> tuple[str, ...]:
        """The names of the servers that have to be moved."""
        return tuple(server.name for server in self.servers if server.name not in self.stays)

    @property
    def left(self) -> tuple[str, ...]:
        """The names of the servers of the dead host that are not moved."""
        return tuple(server.name for server in self.servers if server.name in self.stays and server.host == DEAD)


EVERY_KIND = Cast(SERVERS, POLICIES, LEFT)
_numbers = itertools.count(1)


@dataclass
class Stage:
    """One site with a host that has been cut off: it runs on, and so do its guests."""

    cloud: RunningCloud
    zookeeper: str
    client: KazooClient
    folder: Path
    settings: Settings = field(default_factory=lambda: Settings(shared_storage=("*",), grace=0.3))
    before: dict[str, Server] = field(default_factory=dict)
    cast: Cast = EVERY_KIND

    def told(self, name: str, die_at: Point | None = None) -> Told:
        addresses = self.cloud.addresses
        return Told(
            name=name,
            folder=str(self.folder),
            zookeeper=self.zookeeper,
            policies=str(self.folder / "policies"),
            environment=addresses.environment(),
            agent=addresses.fence_agent,
            bmc_port=addresses.bmc_port,
            bmc_password=self.cloud.world.settings.bmc_password,
            die_at=die_at,
            settings=self.settings,
        )

    def post(self, kind: EventKind = EventKind.HOST_DOWN, seen_at: float = 0.0) -> Event:
        """Store an event as an alert agent does."""
        now = seen_at or self.cloud.world.now
        event = Event(new_event_id(now), kind, Subject(SubjectKind.HOST, DEAD), "pacemaker", "node1", now)
        bounded(self.client.create_async(layout.event(event.id), encode(event)))
        return event

    def close_session(self, name: str) -> None:
        """End the session of a process that is known to be dead, as a supervisor may."""
        session, password = json.loads(self.told(name).file("session").read_text())
        ghost = KazooClient(self.zookeeper, client_id=(session, bytes.fromhex(password)))
        ghost.start(60)
        disconnect(ghost)

    def children(self, path: str) -> list[str]:
        return list(bounded(self.client.get_children_async(path)))

    def last_words(self, name: str) -> str:
        log = self.told(name).file("log")
        return log.read_text()[-3000:] if log.exists() else ""

    def snapshot(self) -> None:
        """Remember how the servers are now."""
        with self.cloud.world.settled() as world:
            self.before = {server.name: replace(server) for server in world.servers.values()}

    def power_commands(self) -> Counter[str]:
        """Return how often the BMC of the dead host was given each command."""
        return Counter(self.cloud.site.power_commands().get(DEAD, {}))

    def records(self) -> Counter[str]:
        """Return how many evacuation records each server has, by its name."""
        with self.cloud.world.settled() as world:
            return Counter(world.servers[record.server_id].name for record in world.migrations.values())


@contextmanager
def staged(
    zookeeper: str, settings: Settings | None = None, *, evacuate_seconds: float = 0.0, cast: Cast = EVERY_KIND
) -> Iterator[Stage]:
    """Yield a stage of its own: its own path in the ZooKeeper at *zookeeper*, its own cloud, its own folder."""
    hosts = f"{zookeeper}/crash-{next(_numbers)}"
    folder = Path(tempfile.mkdtemp(prefix="medevac-crash-"))
    client = connect(hosts)
    try:
        ensure_layout(client)
        _write_policies(folder / "policies", cast.policies)
        with RunningCloud(
            SiteSpec(HOSTS, cast.servers), CloudSettings(evacuate_seconds=evacuate_seconds, rpc_seconds=0.0)
        ) as cloud:
            stage = Stage(cloud, hosts, client, folder, cast=cast)
            stage.settings = settings or stage.settings
            with cloud.world.settled() as world:
                machines.cut_network(world, DEAD)
            stage.snapshot()
            yield stage
    finally:
        disconnect(client)
        shutil.rmtree(folder, ignore_errors=True)


def _write_policies(folder: Path, policies: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in policies.items():
        (folder / name).write_text(text)


def play(stage: Stage, zygote: Zygote, die_at: Point | None) -> tuple[int, int]:
    """Let one process die at *die_at* and another go on; return their exit codes (the same, when nobody dies)."""
    first = zygote.run(stage.told("first", die_at))
    if die_at is None:
        return first, first
    stage.close_session("first")
    return first, zygote.run(stage.told("second"))
