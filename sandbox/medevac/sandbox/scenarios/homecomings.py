"""Homecomings: what a site wants of servers that go back to their hosts, held against what Nova is asked for.

A server goes back only to the host that Nova evacuated it from, from where Nova then put it, while it runs there and
its owner has said nothing else.  Those that Nova was asked for count: in one return, at once, and in the site's window.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from medevac.core.incident import Incident
from medevac.sandbox.cloud.model.migration import EVACUATION
from medevac.sandbox.cloud.model.server import Server

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.stage import Stage

RACE = 1.0
"""Seconds within which what an owner wants, or the end of the window, may meet a call that was on its way."""
_ARRIVED = ("done", "completed")


class Homecomings:
    """Knows who was asked for in which return, and says what should not have been."""

    def __init__(self, stage: Stage) -> None:
        """Judge by the site of *stage*."""
        self._stage = stage
        self._site = stage.ground.site
        self._asked: dict[str, dict[str, float]] = {}
        """Servers, with when each was asked for last, by the incident of the return."""
        self.spoken_at: dict[str, float] = {}
        """When owners, or people who move servers by hand, last said something of a server."""

    def asked(self, incident: Incident, server_id: str, to: str) -> Iterator[str]:
        """Yield what is wrong with the return *incident* asking for a server to go *to* a host."""
        now, server = self._stage.loom.now(), self._stage.world.servers[server_id]
        asked = self._asked.setdefault(incident.id, {})
        yield from self._beyond_bounds(server, asked, now)
        asked[server_id] = now
        yield from self._wrong_place(incident, server, to)
        if now - self.spoken_at.get(server_id, 0.0) > RACE:
            yield from self._unwanted(server)

    def _beyond_bounds(self, server: Server, asked: dict[str, float], now: float) -> Iterator[str]:
        bounds = self._site.way_back.failback
        if bounds is None:
            yield f"{server.name} is asked to go back, and the site wants nobody back"
            return
        if len({*asked, server.id}) > bounds.most:
            yield f"{len(asked) + 1} servers are asked to go back in one return, and the site wants {bounds.most}"
        under_way = [each for each, at in asked.items() if each != server.id and self._is_going(each, at, now)]
        if len(under_way) + 1 > bounds.parallel:
            yield f"{len(under_way) + 1} servers go back at once, and the site wants {bounds.parallel}"
        if not (self._is_open(now) or self._is_open(now - RACE)):
            yield f"{server.name} is asked to go back at {_minute(now)}, and the site wants that {bounds.window}"

    def _is_going(self, server_id: str, asked_at: float, now: float) -> bool:
        """Tell whether Nova works on what it was asked for then; what it has forgotten is waited for in vain."""
        bounds = self._site.way_back.failback
        given_up = bounds is None or now - asked_at >= float(bounds.timeout)
        moved_by_others = self.spoken_at.get(server_id, 0.0) >= asked_at
        return self._stage.world.servers[server_id].task_state == "migrating" and not given_up and not moved_by_others

    def _is_open(self, at: float) -> bool:
        bounds = self._site.way_back.failback
        if bounds is None or bounds.window is None:
            return True
        begin, end, minute = str(bounds.window.begin), str(bounds.window.end), _minute(at)
        return begin <= minute < end if begin < end else not end <= minute < begin

    def _wrong_place(self, incident: Incident, server: Server, to: str) -> Iterator[str]:
        """Yield that *to* is not where it was evacuated from, or that it is not where it was put."""
        home, world = incident.subject.name, self._stage.world
        if to != home:
            yield f"{server.name} is asked to go to {to or 'any host'}, and it is {home} that came back"
        left = [each for each in world.migrations_of.get(server.id, ()) if each.kind == EVACUATION]
        put = [
            each.destination for each in left if each.source == home and each.destination and each.status in _ARRIVED
        ]
        if not put:
            yield f"{server.name} is asked to go back to {home}, from where nobody has evacuated it"
        elif server.host != put[-1]:
            yield f"{server.name} is asked to go back, and it is on {server.host}, not on {put[-1]} where it was put"
        host = world.hosts[home]
        if (host.disabled or host.forced_down) and world.now - host.changed_at > RACE:
            yield f"{server.name} is asked to go back to {home}, which is not in service"

    def _unwanted(self, server: Server) -> Iterator[str]:
        """Yield that its owner wants it to stay where it is."""
        if server.vm_state != "active":
            yield f"{server.name} is asked to go back, and it is {server.vm_state}"
        if server.locked:
            yield f"{server.name} is asked to go back, and its owner has locked it"


def _minute(at: float) -> str:
    """Return the time of day as windows are written."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
