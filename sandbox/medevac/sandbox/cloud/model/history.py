"""What Nova records about servers: instance actions, their events, and faults."""

from __future__ import annotations

from medevac.sandbox.cloud.model.server import Action, Event, Fault, Server
from medevac.sandbox.cloud.model.world import World

REBUILT = "compute_rebuild_instance"
"""The event that a destination's nova-compute records while it rebuilds a server."""


def rebuilt_at(server: Server, asked_at: float) -> float | None:
    """Return when a destination had rebuilt the server that somebody asked to evacuate at *asked_at*; None: never."""
    asked = [each for each in server.actions if each.name == "evacuate" and each.started_at <= asked_at]
    events = asked[-1].events if asked else ()
    ends = [each.finished_at for each in events if each.name == REBUILT and each.result == "Success"]
    return max((each for each in ends if each is not None), default=None)


def begin_action(world: World, server: Server, name: str, request_id: str = "") -> Action:
    """Record that somebody asked *name* of the server."""
    action = Action(name, request_id or f"req-{world.new_id()}", world.now, world.now)
    server.actions.append(action)
    return action


def begin_event(world: World, server: Server, action_name: str, event_name: str, host: str = "controller") -> Event:
    """Record an event under the newest action of that name, which is made when there is none."""
    action = next((a for a in reversed(server.actions) if a.name == action_name), None)
    event = Event(event_name, world.now, host=host)
    (action or begin_action(world, server, action_name)).events.append(event)
    return event


def finish_event(world: World, event: Event, error: str | None = None) -> None:
    """Record how an event ended."""
    event.finished_at = world.now
    event.result = "Success" if error is None else "Error"
    event.details = error


def end_action(world: World, server: Server, action_name: str, error: str | None) -> None:
    """Record that the newest action of that name has ended; Nova's message for a failed one is `Error`."""
    for action in reversed(server.actions):
        if action.name == action_name:
            action.updated_at = world.now
            action.message = None if error is None else "Error"
            return


def set_fault(world: World, server: Server, message: str) -> None:
    """Record why the server failed; the API shows it while the server is in ERROR."""
    server.fault = Fault(message, world.now)
