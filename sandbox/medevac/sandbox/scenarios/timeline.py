"""Timeline: what happened in a play, as lines that people read and goldens keep."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from medevac.flows.policy.binding import key_of
from medevac.sandbox.clock import START
from medevac.sandbox.scenarios import endings
from medevac.sandbox.scenarios.language import Act
from medevac.sandbox.scenarios.stage import Stage

_WHEN = ("at", "before", "behind")
MANY = 5
_FINE = 180.0
"""Seconds up to which times are told to five seconds."""


def timeline(stage: Stage, acts: list[tuple[float, str]]) -> list[str]:
    """Return the lines of a play; *acts* are what the script did, and when."""
    lines = [(at, 0, f"script    {text}") for at, text in acts]
    lines += [(at, 1, f"room      {text}") for at, text in _room(stage)]
    lines += [(at, 2, f"incident  {text}") for at, text in _states(stage)]
    lines += [(deed.at, 3, f"{deed.process:<9} {deed.text}{_error(deed.error)}") for deed in stage.witness.deeds]
    lines += [(at, 4, f"told      {text}") for at, text in endings.told_late(stage)]
    ordered = sorted(lines, key=lambda line: (round(line[0], 6), line[1]))
    return list(_told_once([(at - START, text) for at, _, text in ordered]))


def _told_once(lines: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Yield *lines*; of those that say the same again and again, the first, how many there are, and until when."""
    for text, same in itertools.groupby(lines, key=lambda line: line[1]):
        times = [at for at, _ in same]
        many = "again and again" if len(times) > MANY else f"{len(times)} times"
        often = f" ({many}, until {_about(times[-1])})" if len(times) > 1 else ""
        yield f"{_about(times[0]):>8}  {text}{often}"


def _about(seconds: float) -> str:
    """Return a time as +M:SS, to five seconds in the first minutes and to half a minute later.

    A golden says what comes after what; a call more or less within a second changes no promise.
    """
    step = 5 if seconds < _FINE else 30
    rounded = int(seconds // step * step)
    return f"+{rounded // 60}:{rounded % 60:02d}"


def told(act: Act) -> str:
    """Return what *act* says, in the words of the file."""
    parts = []
    for line in dataclasses.fields(act):
        value = getattr(act, line.name)
        if line.name not in _WHEN and value != line.default and value not in ((), {}):
            parts.append(f"{key_of(line)}: {_value(value)}")
    return ", ".join(parts)


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_value(each) for each in value)
    if (
        dataclasses.is_dataclass(value)
        and hasattr(value, "__dataclass_fields__")
        and not hasattr(value, "seconds_text")
    ):
        named = {key_of(line): getattr(value, line.name) for line in dataclasses.fields(value)}
        default = {key_of(line): line.default for line in dataclasses.fields(value)}
        if set(named) == {"seconds"}:
            return str(value)
        return " ".join(f"{key}={_value(each)}" for key, each in named.items() if each not in (default[key], {}))
    return str(value)


def _room(stage: Stage) -> Iterator[tuple[float, str]]:
    """Yield where guests ran, as an observer in the machine room saw it."""
    with stage.world.settled() as world:
        for run in world.ledger.runs:
            name = world.servers[run.server_id].name
            if run.why_started != "built":
                yield run.started_at, f"{name} runs on {run.host} ({run.why_started})"
            if run.ended_at is not None:
                yield run.ended_at, f"{name} ends on {run.host} ({run.why_ended})"


def _states(stage: Stage) -> Iterator[tuple[float, str]]:
    for at, incident, state, held_by in stage.witness.states:
        yield at, f"{_named(stage, incident)} is {state}" + (f" by {held_by}" if held_by else "")


def _named(stage: Stage, incident: str) -> str:
    """Return the id with the server's name in the place of its uuid."""
    for server in stage.world.servers.values():
        incident = incident.replace(server.id, server.name)
    return incident


def _error(error: str) -> str:
    return f" -> {error.partition(':')[0]}" if error else ""
