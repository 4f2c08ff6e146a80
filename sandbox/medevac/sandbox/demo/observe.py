"""Observer: what can be seen of the running site from outside, without touching what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.handled import Handled
from medevac.core.incident import Incident, IncidentState
from medevac.core.journal import JournalEntry
from medevac.core.wire import decode
from medevac.sandbox.site import SandboxSite
from medevac.workers import board_view, incidents
from medevac.workers.board_view import JobRow
from medevac.workers.zookeeper import bounded


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """One server, as Nova has it and as it is."""

    id: str
    name: str
    host: str
    vm_state: str
    task_state: str
    locked: bool
    should_run: bool
    runs_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostSeen:
    """One host."""

    name: str
    powered: bool
    reachable: bool
    forced_down: bool
    disabled: bool
    disabled_reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown, at one time."""

    hosts: Sequence[HostSeen]
    servers: Sequence[ServerSeen]
    incident: Incident | None
    jobs: Sequence[JobRow]
    journal: Sequence[JournalEntry]
    """The timeline of the incident so far."""

    @property
    def over(self) -> bool:
        """Tell whether nothing more will happen by itself."""
        return self.incident is not None and self.incident.state is not IncidentState.RECOVERING and not self.jobs

    @property
    def owner(self) -> str:
        """Return the conductor that works on the recovery; empty while nobody does."""
        return next((job.owner for job in self.jobs if job.owner), "")


class CountingClient:
    """A ZooKeeper client that counts what it asks, so that watching is not taken for work."""

    def __init__(self, client: KazooClient) -> None:
        """Ask through *client*."""
        self._client = client
        self.calls = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever kazoo's client has
        if name.endswith("_async"):
            self.calls += 1
        return getattr(self._client, name)


class Observer:
    """Looks at one site, again and again."""

    def __init__(self, site: SandboxSite) -> None:
        """Look at *site*, which is up."""
        self._site = site
        self.client = CountingClient(site.client)
        self._pages: dict[str, list[JournalEntry]] = {}
        self._calls_before = 0
        self._packets_before = 0
        self.restart_count()

    def look(self) -> Snapshot:
        """Return what is to be seen now."""
        self._site.require_alive()
        incident = next(iter(incidents.read_all(self.client)), None)
        return Snapshot(
            hosts=[host_seen(each) for each in self._site.cloud.hosts()],
            servers=[server_seen(each) for each in self._site.cloud.servers()],
            incident=incident,
            jobs=list(board_view.jobs(self.client)),
            journal=self._journal(incident.id) if incident else [],
        )

    def handled(self) -> list[Handled]:
        """Return every event that triage has settled."""
        names = bounded(self.client.get_children_async(layout.HANDLED))
        paths = [layout.handled(name) for name in sorted(names)]
        return [decode(Handled, bounded(self.client.get_async(path))[0], path) for path in paths]

    def children(self, folder: str) -> list[str]:
        """Return the names below *folder*; none when it is not there."""
        try:
            return sorted(bounded(self.client.get_children_async(folder)))
        except NoNodeError:
            return []

    def restart_count(self) -> None:
        """Count requests to ZooKeeper from here on."""
        self._calls_before = self.client.calls
        self._packets_before = self._site.zookeeper.packets()

    def zookeeper_requests(self) -> int:
        """Return how many requests ZooKeeper got since restart_count(), ours taken out, session pings left in."""
        asking_for_the_count = 1
        ours = self.client.calls - self._calls_before + asking_for_the_count
        return self._site.zookeeper.packets() - self._packets_before - ours

    def _journal(self, incident_id: str) -> Sequence[JournalEntry]:
        """Return the whole journal; a page that was read is not read again."""
        folder = layout.journal(incident_id)
        for name in self.children(folder):
            path = f"{folder}/{name}"
            if path not in self._pages:
                self._pages[path] = incidents.page(bounded(self.client.get_async(path))[0], path)
        return [entry for path in sorted(self._pages) for entry in self._pages[path]]


def server_seen(plain: Mapping[str, Any]) -> ServerSeen:
    """Return what the side door says about a server."""
    return ServerSeen(
        id=plain["id"],
        name=plain["name"],
        host=plain["host"] or "",
        vm_state=plain["vm_state"],
        task_state=plain["task_state"] or "",
        locked=plain["locked"],
        should_run=plain["should_run"],
        runs_on=tuple(plain["runs_on"]),
    )


def host_seen(plain: Mapping[str, Any]) -> HostSeen:
    """Return what the side door says about a host."""
    return HostSeen(
        name=plain["name"],
        powered=plain["powered"],
        reachable=plain["reachable"],
        forced_down=plain["forced_down"],
        disabled=plain["disabled"],
        disabled_reason=plain["disabled_reason"] or "",
    )
