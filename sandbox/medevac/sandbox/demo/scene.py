"""Scene: what is to be shown at one moment, worked out from a snapshot.  Pure."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from medevac.sandbox.demo.cast import Cast
from medevac.sandbox.demo.narrate import Line
from medevac.sandbox.demo.observe import HostSeen, ServerSeen, Snapshot

STEPS = ("fence", "disable", "plan")
"""The steps of a recovery before its policies; survey says nothing."""


class Standing(enum.Enum):
    """How a server is drawn."""

    HOME = "home"
    STRUCK = "struck"
    """Its host is cut off or off, and nobody has begun to move it."""
    MOVING = "moving"
    BACK = "back"
    TWICE = "twice"
    """It runs on two hosts: the worst that can happen."""


@dataclass(frozen=True, slots=True)
class ServerDrawn:
    """One server on its host."""

    name: str
    kind: str
    stopped: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class HostDrawn:
    """One host with its servers."""

    name: str
    state: str
    dead: bool
    servers: Sequence[ServerDrawn]


@dataclass(frozen=True, slots=True)
class StepDrawn:
    """One step, and whether it is done, being done, or to come."""

    name: str
    done: bool
    running: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame."""

    at: float
    """Seconds since the epoch."""
    elapsed: float
    """Seconds since the host was struck; since the start before that."""
    headline: str
    hosts: Sequence[HostDrawn]
    steps: Sequence[StepDrawn]
    workers: Mapping[str, str]
    """A worker's name to what it does now."""
    lines: Sequence[Line]
    """The story so far, oldest first."""


def hosts_drawn(cast: Cast, snapshot: Snapshot) -> list[HostDrawn]:
    """Return every host with the servers that are (or were last) on it."""
    return [
        HostDrawn(
            name=host.name,
            state=_state(host),
            dead=not host.powered or not host.reachable,
            servers=[_drawn(cast, host, server) for server in snapshot.servers if host.name in places(server)],
        )
        for host in snapshot.hosts
    ]


def places(server: ServerSeen) -> Sequence[str]:
    """Return where to draw *server*: where its guests run (one, if all is well), or where Nova has it."""
    return server.runs_on or (server.host,)


def is_back(cast: Cast, server: ServerSeen) -> bool:
    """Tell whether a server of the dead host is elsewhere what it had been."""
    return cast.victim != places(server)[-1] and (bool(server.runs_on) or not server.should_run)


def is_moving(server: ServerSeen) -> bool:
    """Tell whether Nova is working on it."""
    return bool(server.task_state)


def steps_drawn(cast: Cast, struck: Collection[str], snapshot: Snapshot) -> list[StepDrawn]:
    """Return the steps of the recovery; *struck* are the ids of the dead host's servers."""
    said = [entry.step for entry in snapshot.journal]
    reached = max((n for n, step in enumerate(STEPS, 1) if step in said), default=0)
    under_way = any(step.startswith("evacuate:") for step in said)
    drawn = [
        StepDrawn(step, done=under_way or n < reached or step == "plan" in said, running=n == reached and not under_way)
        for n, step in enumerate(STEPS, 1)
    ]
    servers = [server for server in snapshot.servers if server.id in struck]
    return drawn + [_tier(cast, tier, servers, said) for tier in cast.tiers]


def _tier(cast: Cast, tier: str, struck: Sequence[ServerSeen], said: Sequence[str]) -> StepDrawn:
    mine = [server for server in struck if cast.roles[server.name].tier == tier]
    back = sum(is_back(cast, server) for server in mine)
    done = f"verify:{tier}" in said
    return StepDrawn(f"{tier} {back}/{len(mine)}", done=done, running=f"evacuate:{tier}" in said and not done)


def _state(host: HostSeen) -> str:
    power = "up" if host.reachable else "unreachable"
    if not host.powered:
        power = "off"
    return f"{power}, out of service" if host.forced_down else power


def _drawn(cast: Cast, host: HostSeen, server: ServerSeen) -> ServerDrawn:
    role = cast.roles[server.name]
    from_victim = any(spec.name == server.name and spec.host == cast.victim for spec in cast.spec.servers)
    if len(server.runs_on) > 1:
        standing = Standing.TWICE
    elif from_victim and is_back(cast, server):
        standing = Standing.BACK
    elif is_moving(server):
        standing = Standing.MOVING
    elif host.name == cast.victim and not (host.powered and host.reachable):
        standing = Standing.STRUCK
    else:
        standing = Standing.HOME
    return ServerDrawn(server.name, role.kind or role.tier, role.stopped, standing)
