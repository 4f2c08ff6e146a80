"""A site of medevac's beside the cluster: real ZooKeeper, real triage, and a cloud whose hosts are the remotes."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError, NotEmptyError

from medevac.core import layout
from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled
from medevac.core.incident import Incident
from medevac.core.wire import decode
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.workers.zookeeper import connect, disconnect, ensure_layout
from tests.fixtures.livesite import LiveSite
from tests.fixtures.waiting import until
from tests.pacemaker.cluster import NODES, PORT, REMOTES, Cluster, slowly_until

BIN = Path(sys.executable).parent
CONFIGURATION = "/run/medevac/alert.conf"
HOSTS = tuple(HostSpec(name, zone="az1") for name in (*REMOTES, "spare"))
SERVERS = tuple(ServerSpec(f"server-{name}-{number}", name) for name in REMOTES for number in (1, 2))


@dataclass(frozen=True)
class Arrival:
    """An event that triage has settled, and how long after the cause it came."""

    handled: Handled
    agent: float
    """Seconds from the cause to the agent's start."""
    settled: float
    """Seconds from the cause to triage's decision."""


class Stage:
    """What one test sees; use it as a context manager."""

    def __init__(self, cluster: Cluster, hosts: str, site: str) -> None:
        self.cluster = cluster
        self._hosts = hosts
        self._site = site
        self.cause = time.time()
        self._what = "nothing yet"
        self.client: KazooClient
        self.site: LiveSite

    @property
    def recipient(self) -> str:
        """Return ZooKeeper's address as the full nodes know it."""
        return f"127.0.0.1:{PORT}{self._site}"

    def __enter__(self) -> Self:
        root = connect(self._hosts)
        assert until(lambda: self._is_emptied(root))
        disconnect(root)
        self.client = connect(f"{self._hosts}{self._site}")
        ensure_layout(self.client)
        self.site = LiveSite(
            self.client, SiteSpec(HOSTS, SERVERS), cluster=" ".join(self.cluster.inside("node1"))
        ).__enter__()
        return self

    def _is_emptied(self, root: KazooClient) -> bool:
        """Remove what the test before has left; an agent of the cluster may post something at the same time."""
        with contextlib.suppress(NotEmptyError):
            root.delete(self._site, recursive=True)
            return True
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.site.__exit__(kind, error, trace)
        disconnect(self.client)

    def connect(self) -> str:
        """Write the agent's settings on every full node, install the alert with our own command; return its words."""
        lines = f"MEDEVAC_ZOOKEEPER={self.recipient}\nMEDEVAC_SPOOL=/run/medevac/spool\nMEDEVAC_LOG=/run/medevac/log\n"
        # Nobody replays what the agent has to leave in its spool: no copy may be missed because the machine is busy.
        lines += "MEDEVAC_NOVA_COMPUTE=service\nMEDEVAC_TIMEOUT=25\n"
        for node in NODES:
            shutil.rmtree(self.cluster.folder / node / "medevac" / "spool" / "failures", ignore_errors=True)
            (self.cluster.folder / node / "medevac" / "alert.conf").write_text(lines)
        return self.medevac("node1", "install", "--agent", str(BIN / "medevac-alert"), "--config", CONFIGURATION)

    def medevac(self, node: str, *arguments: str, user: str = "root") -> str:
        """Run `medevac pacemaker` on *node* and return what it printed."""
        settings = (f"MEDEVAC_ZOOKEEPER={self.recipient}", f"MEDEVAC_CONF={CONFIGURATION}")
        told = ["env", *settings, str(BIN / "medevac"), "pacemaker", *arguments]
        return self.cluster.done(node, "runuser", "-u", user, "--", *told)

    def version(self) -> str:
        """Return the release of Pacemaker, as the cluster says it."""
        found = self.cluster.status().find("./summary/current_dc")
        return found.get("version", "") if found is not None else ""

    # --- what is seen ------------------------------------------------------------------------------------------------

    def begin(self, what: str) -> None:
        """Note that the test does its deed now."""
        self.cause = time.time()
        self._what = what

    def arrivals(self, *kinds: EventKind) -> list[Arrival]:
        """Return what has been settled since the cause, of *kinds* where given, oldest first."""
        names = sorted(self.client.get_children(layout.HANDLED))
        all_ = [decode(Handled, self.client.get(layout.handled(name))[0]) for name in names]
        since = [each for each in all_ if each.event.kind is not EventKind.TEST and each.at >= self.cause]
        found = [Arrival(each, _dated(each) - self.cause, each.at - self.cause) for each in since]
        return [each for each in found if not kinds or each.handled.event.kind in kinds]

    def incidents(self) -> list[Incident]:
        """Return all incidents but those of hosts that came back."""
        return [each for each in self.site.incidents() if each.failure != "host.up"]

    def wait_for(self, kind: EventKind, host: str, deadline: float, *, copies: int = 1) -> bool:
        """Wait until triage has settled *copies* events of *kind* about *host*."""

        def came() -> bool:
            found = [each for each in self.arrivals(kind) if each.handled.event.subject.name == host]
            return len(found) >= copies

        return slowly_until(came, deadline)

    def wait_until_told(self, kind: EventKind, host: str, deadline: float) -> bool:
        """Wait until triage was told of *kind* about *host*, whether or not it has settled that yet."""

        def told() -> bool:
            settled = [each.handled.event for each in self.arrivals(kind)]
            return any(event.kind is kind and event.subject.name == host for event in (*self._waiting(), *settled))

        return slowly_until(told, deadline)

    def _waiting(self) -> list[Event]:
        """Return the events that triage has not settled."""
        found = []
        for name in self.client.get_children(layout.EVENTS):
            with contextlib.suppress(NoNodeError):  # settled meanwhile
                found.append(decode(Event, self.client.get(layout.event(name))[0]))
        return [event for event in found if event.seen_at >= self.cause]

    def settle(self, quiet: float, deadline: float = 90.0) -> None:
        """Wait until no event has arrived for *quiet* seconds."""
        end = time.monotonic() + deadline
        last, since = -1, time.monotonic()
        while time.monotonic() < min(end, since + quiet):
            count = len(self.arrivals()) + len(self.client.get_children(layout.EVENTS))
            last, since = (count, time.monotonic()) if count != last else (last, since)
            time.sleep(0.2)

    def tell(self) -> None:
        """Print what arrived when."""
        lines = [f"--- {self._what}"]
        for each in self.arrivals():
            event = each.handled.event
            lines.append(
                f"  +{event.seen_at - self.cause:7.3f} s {event.kind:20} {event.subject.name:9} by {event.reporter}: "
                f"agent +{each.agent:.3f} s, settled +{each.settled:.3f} s, {each.handled.outcome}"
            )
        for incident in self.incidents():
            opened = (incident.stored_at or 0.0) - self.cause
            ended = f", ended +{incident.ended_at - self.cause:.3f} s" if incident.ended_at else ""
            lines.append(f"  incident {incident.id} ({incident.state}) stored +{opened:.3f} s{ended}")
        sys.stdout.write("\n".join(["", *lines, ""]))


def _dated(handled: Handled) -> float:
    return int(handled.event.id.partition("-")[0], 16) / 1e6
