"""World: everything in the simulated cloud, and the one door through which it is looked at."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from medevac.sandbox.cloud.model.agenda import Agenda
from medevac.sandbox.cloud.model.catalog import Aggregate, Flavor, Project, ServerGroup, User
from medevac.sandbox.cloud.model.errors import no_server, not_found
from medevac.sandbox.cloud.model.host import Host
from medevac.sandbox.cloud.model.ledger import Ledger
from medevac.sandbox.cloud.model.migration import Migration
from medevac.sandbox.cloud.model.mishaps import Mishaps
from medevac.sandbox.cloud.model.server import Server
from medevac.sandbox.cloud.model.settings import Settings

if TYPE_CHECKING:  # guests.py needs the world
    from medevac.sandbox.cloud.model.guests import Guest


class World:
    """The state of the cloud.  Use it only inside `with world.settled():`, from any thread."""

    def __init__(self, clock: Callable[[], float], settings: Settings | None = None) -> None:
        """Make an empty cloud; *clock* returns seconds since the epoch and may stand still or leap."""
        self.settings = settings or Settings()
        self.random = random.Random(self.settings.seed)
        self.agenda = Agenda()
        self.ledger = Ledger()
        self.mishaps = Mishaps()
        self.requests: Counter[str] = Counter()
        self.hosts: dict[str, Host] = {}
        self.down_cells: set[str] = set()
        self.servers: dict[str, Server] = {}
        self.migrations: dict[int, Migration] = {}
        self.migrations_of: dict[str, list[Migration]] = {}
        self.flavors: dict[str, Flavor] = {}
        self.projects: dict[str, Project] = {}
        self.users: dict[str, User] = {}
        self.aggregates: dict[int, Aggregate] = {}
        self.groups: dict[str, ServerGroup] = {}
        self.images: dict[str, str] = {}
        self.guests: dict[str, dict[str, Guest]] = {}
        """Host to server id to the domain that its hypervisor has."""
        self.broken_storage: set[str] = set()
        """Hosts whose guests cannot write: what is resumed there is paused again."""
        self.control: dict[str, bool] = {"nova-conductor": True, "nova-scheduler": True}
        self.backlog: list[Callable[[], None]] = []
        """What nova-conductor will do when it is back."""
        self._clock = clock
        self._now = clock()
        self._lock = threading.RLock()
        self._by_host: dict[str, dict[str, Server]] = {}
        self._numbers: dict[str, Iterator[int]] = {}

    @contextlib.contextmanager
    def settled(self) -> Iterator[World]:
        """Hold the world still, after everything that is due has happened, each thing at its own time."""
        with self._lock:
            self.settle()
            yield self

    def settle(self) -> None:
        """Let everything that is due happen."""
        now = self._clock()
        while (due := self.agenda.pop_due(now)) is not None:
            self._now, action = max(due[0], self._now), due[1]
            action()
        self._now = max(now, self._now)

    @property
    def now(self) -> float:
        """The time of what is happening, in seconds since the epoch."""
        return self._now

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let *action* happen in *seconds*."""
        self.agenda.add(self._now + seconds, action)

    def new_id(self) -> str:
        """Return a uuid that depends on the seed only."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_number(self, table: str) -> int:
        """Return the next row id of *table*."""
        return next(self._numbers.setdefault(table, itertools.count(1)))

    def host(self, name: str) -> Host:
        """Return a host; raise a 404 when there is none."""
        try:
            return self.hosts[name]
        except KeyError:
            raise not_found(f"Compute host {name} could not be found.") from None

    def server(self, server_id: str) -> Server:
        """Return a server that is not deleted; raise Nova's 404 when there is none."""
        server = self.servers.get(server_id)
        if server is None or server.deleted:
            raise no_server(server_id)
        return server

    def add_server(self, server: Server) -> None:
        """Put a new server into the books."""
        self.servers[server.id] = server
        if server.host is not None:
            self._by_host.setdefault(server.host, {})[server.id] = server

    def move(self, server: Server, host: str | None) -> None:
        """Change the host that Nova believes *server* is on."""
        if server.host is not None:
            self._by_host.get(server.host, {}).pop(server.id, None)
        server.host = host
        if host is not None:
            self._by_host.setdefault(host, {})[server.id] = server

    def forget(self, server: Server) -> None:
        """Take a deleted server out of the books of its host; the row keeps the host's name, as Nova's does."""
        if server.host is not None:
            self._by_host.get(server.host, {}).pop(server.id, None)

    def servers_on(self, host: str) -> list[Server]:
        """Return the servers that are not deleted and whose host is *host*, as Nova believes."""
        return list(self._by_host.get(host, {}).values())

    def touch(self, server: Server) -> None:
        """Note that the row of *server* changed."""
        server.updated_at = self._now

    def zone_of(self, host: str | None) -> str:
        """Return the availability zone of a host: its aggregate's, or nova."""
        for aggregate in self.aggregates.values():
            if aggregate.zone and host in aggregate.hosts:
                return aggregate.zone
        return "nova"

    def cell_is_down(self, host: str | None) -> bool:
        """Tell whether Nova's API cannot reach the database of the host's cell."""
        return bool(self.down_cells) and host in self.hosts and self.hosts[host].cell in self.down_cells
