"""Intake: what becomes of one event.  Everything that follows from it is written in one transaction, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled
from medevac.workers.cases.control_plane import ControlPlane
from medevac.workers.cases.host_down import HostDown
from medevac.workers.cases.live_host import LiveHost
from medevac.workers.cases.server import ServerCase
from medevac.workers.cases.way_back import WayBack
from medevac.workers.desk import Desk, Promises
from medevac.workers.incidents import OpenOnes
from medevac.workers.latecomers import Latecomers
from medevac.workers.names import AmbiguousHostError
from medevac.workers.opinion import CLOCKS
from medevac.workers.reconsidering import Cases, Reconsidering
from medevac.workers.storage import StorageBrake
from medevac.workers.zookeeper import bounded

__all__ = ["Desk", "Intake", "Promises", "waiting"]

Handle = Callable[[Event], Handled]

_SILENT = {
    EventKind.HOST_LOST: "a lost connection alone proves nothing: a planned stop looks the same",
    EventKind.TEST: "a test: events arrive, and nothing has happened",
    EventKind.UNCLASSIFIED: "it could not be understood; its raw values are kept here",
}
"""What starts nothing, and why (the whitelist of docs/triggers.md)."""
_HOST_DOWN = (EventKind.HOST_DOWN, EventKind.HOST_FENCED, EventKind.HOST_FENCING_FAILED)
_LIVE_HOST = (
    *(EventKind.NOVA_COMPUTE_DOWN, EventKind.NOVA_COMPUTE_UP, EventKind.LIBVIRT_DOWN, EventKind.LIBVIRT_UP),
    *(EventKind.HOST_NETWORK_DOWN, EventKind.HOST_NETWORK_UP, EventKind.HOST_DEGRADED),
)
_SERVER = (
    *(EventKind.SERVER_CRASHED, EventKind.SERVER_HUNG, EventKind.SERVER_IO_ERROR, EventKind.SERVER_RESTARTED),
    *(EventKind.SERVER_STOPPED, EventKind.WORKLOAD_FAILED, EventKind.WORKLOAD_OK),
)
_CONTROL_PLANE = (EventKind.CONTROL_PLANE_DOWN, EventKind.CONTROL_PLANE_UP)


class Intake:
    """Turns events into incidents and jobs, one at a time; only the triage leader runs it."""

    def __init__(self, desk: Desk) -> None:
        """Work with *desk*."""
        desk = self._desk = replace(desk, brakes=StorageBrake(desk))
        open_ones = OpenOnes(desk.client)
        cases = Cases(HostDown(desk, open_ones), LiveHost(desk), ServerCase(desk), WayBack(desk))
        self._cases: dict[EventKind, Handle] = {
            EventKind.HOST_MEMBER: cases.way_back.handle,
            **dict.fromkeys(_HOST_DOWN, cases.host_down.handle),
            **dict.fromkeys(_LIVE_HOST, cases.live_host.handle),
            **dict.fromkeys(_SERVER, cases.server.handle),
            **dict.fromkeys(_CONTROL_PLANE, ControlPlane(desk).handle),
        }
        self._reconsidering = Reconsidering(desk, open_ones, cases)
        self._latecomers = Latecomers(desk)

    def handle(self, event: Event) -> Handled:
        """Settle *event* and return what became of it.

        Raises CloudUnavailableError or StoreUnreachableError when that cannot be told now, NotYetError when it is too
        early, and TransactionRefusedError when somebody else wrote at the same time: the event stays, to be handled
        again.
        """
        event = not_ahead(event, self._desk.clock.now())
        if event.kind in _SILENT:
            return self._desk.ignore(event, _SILENT[event.kind])
        try:
            return self._cases[event.kind](event)
        except AmbiguousHostError as error:
            return self._desk.ignore(event, str(error))

    def reconsider(self) -> float | None:
        """Judge held incidents anew whose time has come; return the time of the next (seconds since the epoch).

        None: nothing is held; infinite: only people or events release what is.  It is also looked whether Nova does
        something late for recoveries that are over.

        Raises StoreUnreachableError; what one incident raises does not stop the others.
        """
        due = self._reconsidering.run()
        self._latecomers.run()
        return due


def not_ahead(event: Event, now: float) -> Event:
    """Return *event* as seen at *now* at the latest.

    A clock that is ahead by a day would else make a host that was reached once deathless for a day.
    """
    ahead = event.seen_at - now
    if ahead <= 0:
        return event
    facts = {**event.facts, "clock": f"{ahead:.0f} s ahead"} if ahead > CLOCKS else event.facts
    return replace(event, seen_at=now, facts=facts)


def waiting(client: KazooClient) -> list[str]:
    """Return the ids of the events that wait for triage, oldest first."""
    return sorted(bounded(client.get_children_async(layout.EVENTS)))
