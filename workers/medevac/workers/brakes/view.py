"""View: what holds recoveries back on this site, for people, and what would set each going."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kazoo.client import KazooClient

from medevac.core.incident import Incident, IncidentState
from medevac.workers import board_view
from medevac.workers.board_view import JobRow
from medevac.workers.brakes import levels, marks, orders
from medevac.workers.brakes.levels import Levels
from medevac.workers.brakes.marks import Disarm, Maintenance, Mode
from medevac.workers.brakes.orders import Order

SHOWN = 3
"""How many that one thing holds are told one by one."""
_RELEASES = {
    "evidence": "proof that the host is off: its fence device, Pacemaker, or your word (docs/fencing.md)",
    "breaker": "the end of the storm, or: medevac incident release {id} --why ...",
    "disarm": "medevac site arm --scope SCOPE",
    "maintenance": "the host itself, the end of its maintenance, or: medevac incident release {id} --why ...",
    "cap": "the end of another recovery",
    "limit": "medevac incident release {id} --why ...",
    "abort": "a conductor, which undoes what can be undone and ends it",
    "operator": "medevac incident release {id} --why ...",
    "capacity": "room elsewhere, or a host that comes back; to try now: medevac incident release {id} --why ...",
    "storage": "a server on that storage that runs again, or: medevac incident release {id} --why ...",
    "way-back": "what its reason names; to have it looked at now: medevac incident release {id} --why ...",
    "failback": "the window in which servers may go back",
    "return": "nova-compute there, which is waited for: then what is off is started where it is",
}
_UNTOLD = "what its reason names"


@dataclass(frozen=True, slots=True)
class HeldOne:
    """An incident that waits, or whose job does."""

    incident: str
    held_by: str
    reason: str
    again_at: float
    """Seconds since the epoch at which triage looks again; 0: not by itself."""
    released_by: str
    """What sets it going."""

    @property
    def stands(self) -> str:
        """Return "is held by evidence", or that it is being aborted."""
        return "is being aborted" if self.held_by == Order.ABORT else f"is held by {self.held_by or 'an older release'}"


@dataclass(frozen=True, slots=True)
class BrakeView:
    """What holds recoveries back at one moment."""

    disarms: tuple[Disarm, ...] = ()
    maintenances: tuple[Maintenance, ...] = ()
    held: tuple[HeldOne, ...] = ()
    levels: Levels | None = None
    """How failure domains stood when the leader last looked; None before its first look."""
    unclaimed: Mapping[str, str] = field(default_factory=dict)
    """Why the job of an incident waits on the board, by its id: of those that are being recovered, and not held."""

    @property
    def by_incident(self) -> Mapping[str, HeldOne]:
        """Return what waits, by the id of its incident."""
        return {each.incident: each for each in self.held}

    @property
    def by_holder(self) -> Mapping[str, Sequence[HeldOne]]:
        """Return what waits, by what holds it."""
        found: dict[str, list[HeldOne]] = {}
        for each in self.held:
            found.setdefault(each.held_by or "an older release", []).append(each)
        return found

    @property
    def problems(self) -> Iterable[str]:
        """Yield a sentence for everything that somebody should know who looks at the site."""
        for mark in self.disarms:
            becomes = "is held" if mark.mode is Mode.FREEZE else "is ignored"
            yield (f"{mark}, {ending(mark.until)}: what fails there {becomes}. Arm it with: {marks.arming(mark.scope)}")
        if self.levels is not None:
            yield from _stormy(self.levels)
        yield from _waiting(self)


def _stormy(found: Levels) -> Iterator[str]:
    if found.blind:
        yield f"medevac cannot see: {found.blind}. Nothing is done until it can"
    for each in found.domains:
        if each.level:
            yield f"{each} is {each.word}: {each.reason}"


def _waiting(found: BrakeView) -> Iterator[str]:
    """Yield a sentence for each that waits; of many that one thing holds, the first, and how many more there are."""
    for holder, held in found.by_holder.items():
        shown = held if len(held) <= SHOWN else held[:1]
        yield from (f"{each.incident} {each.stands}: {each.reason}" for each in shown)
        if len(held) > len(shown):
            yield f"{len(held) - len(shown)} more incidents are held by {holder}: medevac incident list"


def look(client: KazooClient, incidents: Sequence[Incident], now: float) -> BrakeView:
    """Return what holds *incidents* and others to come back.  Raises StoreUnreachableError."""
    held = [_held(each) for each in incidents if each.state is IncidentState.HELD]
    running = [each for each in incidents if each.state is IncidentState.RECOVERING]
    held += [found for each in running if (found := _on_hold(client, each)) is not None]
    disarms, names = marks.disarms(client, now), {each.id for each in running} - {each.incident for each in held}
    waiting = {
        row.incident: _unclaimed(row, disarms) for row in (board_view.jobs(client) if names else ()) if not row.owner
    }
    unclaimed = {name: why for name, why in waiting.items() if name in names}
    return BrakeView(disarms, marks.maintenances(client, now), tuple(held), levels.read(client), unclaimed)


def ending(until: float) -> str:
    """Return when a mark ends; it may be on another day."""
    return f"until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%SZ}" if until else "without an end"


def _held(incident: Incident) -> HeldOne:
    return HeldOne(incident.id, incident.held_by, incident.reason, incident.again_at, set_going_by(incident))


def set_going_by(incident: Incident) -> str:
    """Return what sets a held *incident* going."""
    _, told, command = incident.reason.rpartition(marks.UNTIL_ARMED)
    if told and incident.held_by == "disarm":
        return command
    return _RELEASES.get(incident.held_by, _UNTOLD).format(id=incident.id)


def _unclaimed(row: JobRow, disarms: Sequence[Disarm]) -> str:
    """Return why nobody has claimed the job *row*, as far as that can be told without asking the cloud for places."""
    told = f"its job waits for a worker ({row.id})"
    if row.claims or not disarms:
        return told
    return f"{told}; where it is disarmed, until it is armed: {', or '.join(marks.arming(d.scope) for d in disarms)}"


def _on_hold(client: KazooClient, incident: Incident) -> HeldOne | None:
    said = orders.given(client, incident.id)
    if Order.ABORT in said:
        return HeldOne(incident.id, Order.ABORT, f"aborted by {said[Order.ABORT]}", 0.0, _RELEASES[Order.ABORT])
    if Order.HOLD not in said:
        return None
    hint = _RELEASES[orders.OPERATOR].format(id=incident.id)
    return HeldOne(incident.id, orders.OPERATOR, f"its job is on hold by {said[Order.HOLD]}", 0.0, hint)
