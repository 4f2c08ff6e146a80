"""Way back, for servers that were moved away: where the site wants it, they are live-migrated back, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from medevac.core.incident import IncidentState
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.failback import Failback, Moved, moved_away, was_moved_by_others
from medevac.flows.plan import PlannedServer
from medevac.flows.policy.language import Allow, Result
from medevac.flows.policy.wishes import lower_ceiling, wishes_of
from medevac.flows.ports import Ports, Server
from medevac.flows.returning import Way
from medevac.flows.steps.base import Step
from medevac.flows.steps.errands import CLOCK_SLACK, End, Errands, Target, left
from medevac.flows.steps.migrate import LiveMigrate


class MoveBack(LiveMigrate):
    """Live-migrate a server to the host that it was moved away from, as long as it is where medevac put it."""

    states: ClassVar[tuple[str, ...]] = ("active",)

    def __init__(self, failback: Failback, placed: Mapping[str, str]) -> None:
        """Fetch each from where it was *placed* (host by server id)."""
        super().__init__(failback.parallel, float(failback.timeout))
        self._placed = placed

    def source(self, target: Target) -> str:
        """Return where medevac has put it."""
        return self._placed[target.planned.id]

    def ready(self, target: Target) -> End | None:
        """Return why it stays: its owner has other plans, or the host is out of service again."""
        if target.seen.vm_state not in self.states:
            return left(f"it is {target.seen.vm_state} by now, and stays where it is")
        host = target.brief.host
        service = target.ports.cloud.host_service(host)
        if service is None or not service.enabled or service.forced_down or service.state != "up":
            return left(f"{host} is not in service any more: it stays where it is")
        return super().ready(target)

    def ask(self, target: Target) -> None:
        """Ask Nova, whose scheduler has to find the host fit."""
        target.ports.cloud.live_migrate(target.planned.id, target.brief.host)

    def arrived(self, target: Target) -> End | None:
        """Return that it is back; anywhere else somebody else has moved it to."""
        if target.seen.host != target.brief.host:
            return left(f"somebody has moved it to {target.seen.host or 'no host'} meanwhile")
        return super().arrived(target)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Who goes back."""

    servers: tuple[PlannedServer, ...]
    placed: Mapping[str, str]
    beyond: int
    """How many more might, if the site let more go."""


class ReturnFailback(Step):
    """Move the servers back that the recovery of this host moved away, within the site's bounds.

    Whatever becomes of them, the host is in service, and the return has ended well.
    """

    NAME: ClassVar[str] = "return-failback"

    def __init__(self, brief: Brief, failback: Failback) -> None:
        """Come after return-enable."""
        super().__init__(self.NAME, brief, provides=f"way:{self.NAME}", requires=["way:return-enable"])
        self._failback = failback

    def execute(self, *, ports: Ports, **results: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the way with what became of them; held where they have to wait for the window."""
        way = from_plain(Way, results["way:return-enable"], "result of return-enable")
        if way.state != IncidentState.RECOVERED or not way.of:
            return to_plain(way)
        choice = self._choose(ports, way)
        if not choice.servers:
            self.say(ports, "no server is to be moved back")
            return to_plain(way)
        window, now = self._failback.window, ports.clock.now()
        closes = window.closes(now) if window is not None else math.inf
        done = self._move(ports, way, choice, closes) if closes else self._put_off(ports, way, choice)
        return to_plain(done)

    def _choose(self, ports: Ports, way: Way) -> _Choice:
        """Return who goes back; those that an earlier worker has asked for come first, and count."""
        away = moved_away(ports.log.report_of(way.of), self.brief.host)
        intended = ports.log.intentions()
        begun = [i for i in away if any(at >= way.enabled_at - CLOCK_SLACK for at in intended.get(i, ()))]
        servers = [self._planned(ports, server_id) for server_id in begun]
        for server_id, (_, host) in away.items():
            server = None if server_id in begun else self._seen(ports, server_id)
            if (
                server is not None
                and server.host == host
                and _at_ease(server)
                and not self._was_moved(ports, server_id)
            ):
                servers.append(self._plan(server))
        fit = [s for s in servers if s is not None and (s.id in begun or s.allow.permits(MoveBack.needs))]
        most = max(self._failback.most, len(begun))
        return _Choice(tuple(fit[:most]), {i: host for i, (_, host) in away.items()}, len(fit[most:]))

    def _seen(self, ports: Ports, server_id: str) -> Server | None:
        return self.patiently(ports, lambda: ports.cloud.server(server_id))

    def _was_moved(self, ports: Ports, server_id: str) -> bool:
        records = self.patiently(ports, lambda: ports.cloud.migrations_of(server_id))
        return was_moved_by_others(records, self.brief.host)

    def _planned(self, ports: Ports, server_id: str) -> PlannedServer | None:
        server = self._seen(ports, server_id)
        return None if server is None else self._plan(server)

    def _plan(self, server: Server) -> PlannedServer:
        """Return it with its ceiling: it has been moved once, so its policy allows it, and its owner is asked anew."""
        wishes = wishes_of(server.metadata, self.brief.settings.owners)
        ceiling, _ = lower_ceiling(wishes, Allow.EVACUATE)
        return PlannedServer(
            server.id, server.name, server.project_id, "", "active", allow=ceiling, allowed_by="its owner"
        )

    def _put_off(self, ports: Ports, way: Way, choice: _Choice) -> Way:
        """Return it held until the window begins: nobody's place is taken for as long as that."""
        window = self._failback.window
        if window is None:  # without a window it is always open
            return way
        again_at = window.begin.next_after(ports.clock.now())
        reason = f"{way.reason}; {len(choice.servers)} servers wait for {window} to be moved back"
        self.say(ports, reason)
        return replace(way.ended(IncidentState.HELD, reason), waits_until=again_at)

    def _move(self, ports: Ports, way: Way, choice: _Choice, until: float) -> Way:
        errands = Errands(self, ports, MoveBack(self._failback, choice.placed), way.enabled_at, until)
        ends = errands.run(choice.servers)
        moved = tuple(_moved(server, ends[server.id]) for server in choice.servers)
        back = sum(each.result == Result.DONE for each in moved)
        said = f"{back} of {len(moved)} servers moved back"
        said += f", {choice.beyond} more stay where they are (most: {self._failback.most})" if choice.beyond else ""
        self.say(ports, said)
        return replace(way.noted(said), reason=f"{way.reason}; {said}", moved=moved)


def _moved(server: PlannedServer, end: End) -> Moved:
    return Moved(server.id, server.name, str(end.result.value), end.reason)


def _at_ease(server: Server) -> bool:
    """Tell whether the server runs, and nobody wants anything of it or has locked it."""
    return server.vm_state == "active" and not server.task_state and not server.locked
