"""Opinion: what Nova has to say about a server that is said to have failed.  Pure: facts in, sentence out.

Nova alone knows what somebody wanted: libvirt sees a server end, and Nova whether it was told to.  The states are
those of nova/compute/{vm_states,task_states}.py; what Nova does by itself after a crash is in docs/libvirt.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medevac.core.event import EventKind
from medevac.flows.estate import POWERED
from medevac.flows.ports import Server, Stop

CLOCKS = 5.0
"""Seconds by which the clocks of two machines may differ."""
SYNC = (8.0, 60.0)
"""Seconds after a server's end, first and last, at which Nova stores by itself that it is stopped (15 and its work)."""
TASK_POLL = 3.0
"""Seconds until a server that Nova is busy with is looked at again."""
HOST_FENCED = "host-fenced"
"""The cause of a server's end that died with its host, which is back."""


class Stand(enum.Enum):
    """Whether a failure is one."""

    CONFIRMED = enum.auto()
    DENIED = enum.auto()
    """It is not, or somebody wanted it; or it is over."""
    UNKNOWN = enum.auto()
    """It cannot be told yet."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a second source says."""

    stand: Stand
    reason: str = ""
    """One sentence; empty where it confirms."""
    due: float = 0.0
    """Where it cannot be told yet: when to ask again (seconds since the epoch)."""


CONFIRMED = Opinion(Stand.CONFIRMED)


def denied(reason: str) -> Opinion:
    """Return that there is nothing to recover, because of *reason*."""
    return Opinion(Stand.DENIED, reason)


def unknown(reason: str, due: float) -> Opinion:
    """Return that it cannot be told before *due*, because of *reason*."""
    return Opinion(Stand.UNKNOWN, reason, due)


@dataclass(frozen=True, slots=True)
class Sign:
    """What was seen of a server, as far as it counts here."""

    kind: EventKind
    host: str
    """Nova's name of the host on which it was seen."""
    seen_at: float
    cause: str = ""
    """The fact `cause` of the event."""


def of_nova(sign: Sign, server: Server | None, now: float, stops: Sequence[Stop] = ()) -> Opinion:
    """Return what Nova says about *sign*; *server* is None when Nova knows no such server.

    *stops* are the orders to stop it, where it is stopped: they say whether it was anybody's wish.
    """
    if server is None:
        return denied("Nova knows no such server: it was deleted")
    if server.vm_state in _GONE:
        return denied(f"{server.name} is {server.vm_state}: its owner deleted it")
    if server.host != sign.host:
        where = f"on {server.host}" if server.host else "on no host"
        return denied(f"{server.name} is {where} by Nova: it was moved away from {sign.host}")
    if server.task_state:
        return _busy(server, now)
    if server.vm_state == "stopped":
        return _stopped(sign, server, stops)
    if server.vm_state in _WISHES:
        return denied(f"{server.name} is {server.vm_state}: {_WISHES[server.vm_state]}")
    if sign.kind in _ENDS and server.power_state == POWERED and server.updated_at > sign.seen_at + CLOCKS:
        return denied(f"{server.name} runs by Nova and was changed since: somebody started it again")
    return CONFIRMED


def _busy(server: Server, now: float) -> Opinion:
    """Nova is at work: either that ended the server, or it must end before anything can be told.

    A server that dies while it is being migrated away is one of the latter: it may have arrived, or died here.
    """
    doing = next((words for start, words in _ENDING.items() if server.task_state.startswith(start)), "")
    if doing:
        return denied(f"Nova is {doing} {server.name} (task {server.task_state})")
    return unknown(f"Nova is busy with {server.name} (task {server.task_state})", now + TASK_POLL)


def _stopped(sign: Sign, server: Server, stops: Sequence[Stop]) -> Opinion:
    """Nova has it stopped.

    Some 15 s after a server has ended by itself Nova stops it in its database too: then it crashed all the same.  Of
    what was fenced with its host triage has looked up whose stop it was, before it told of it.
    Earlier or later than that it was somebody's wish.
    """
    after = server.updated_at - sign.seen_at
    if any(stop.by_user and stop.at > sign.seen_at - CLOCKS for stop in stops):
        return denied(f"{server.name} was stopped through Nova since: somebody asked for it")
    first, last = SYNC
    ended = sign.kind is EventKind.SERVER_CRASHED or (sign.kind is EventKind.SERVER_STOPPED and sign.cause == "signal")
    if ended and (first <= after <= last or (sign.cause == HOST_FENCED and after <= CLOCKS)):
        return CONFIRMED
    if after < -CLOCKS:
        return denied(f"{server.name} was stopped already: somebody asked Nova for it")
    return denied(f"{server.name} is stopped by Nova: its owner shut it down, from inside or through Nova")


_ENDS = (EventKind.SERVER_CRASHED, EventKind.SERVER_STOPPED, EventKind.SERVER_HUNG)
"""What a start or a reboot by somebody else has answered."""
_GONE = ("deleted", "soft-delete")
_WISHES: Mapping[str, str] = {
    "paused": "somebody paused it",
    "suspended": "its owner suspended it",
    "rescued": "its owner has it in rescue",
    "resized": "its resize waits for its owner's confirmation",
    "building": "it was never up",
    "shelved": "its owner shelved it",
    "shelved_offloaded": "its owner shelved it",
    "error": "it is in ERROR since an operation of Nova's failed, which a restart does not mend",
}
_ENDING: Mapping[str, str] = {
    "powering-off": "stopping",
    "powering-on": "starting",
    "deleting": "deleting",
    "soft-deleting": "deleting",
    "restoring": "restoring",
    "reboot": "rebooting",
    "resize_": "resizing or migrating",
    "rescuing": "rescuing",
    "unrescuing": "ending the rescue of",
    "suspending": "suspending",
    "resuming": "resuming",
    "pausing": "pausing",
    "unpausing": "unpausing",
    "shelving": "shelving",
    "unshelving": "unshelving",
    "spawning": "building",
    "rebuild": "rebuilding or evacuating",
    "scheduling": "building",
    "block_device_mapping": "building",
    "networking": "building",
}
"""Beginnings of task states that explain why a server ended, and what Nova is doing then."""
