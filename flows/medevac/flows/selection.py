"""Selection: which servers of a dead host we may and Nova can evacuate, and the sentence for each that stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medevac.flows.policy.language import Allow, Answer, States
from medevac.flows.policy.matching import matches
from medevac.flows.policy.words import SERVER_FAILURES
from medevac.flows.ports import Server

EVACUABLE = frozenset({"active", "stopped", "error"})
"""The vm_states that Nova evacuates (nova/compute/api.py: evacuate); others answer 409."""

OWNER_DELETES = frozenset({"deleting", "soft-deleting"})

STOPPING = "powering-off"
"""The task_state of a server whose stop somebody has ordered: on a dead host it stays so."""

OWNER_STOPS = frozenset({"stopped", "paused", "suspended", "rescued", "shelved", "shelved_offloaded"})
"""The vm_states into which a server comes because somebody wants it so."""

LOSES = {
    "paused": "what its memory held is lost, and it arrives running",
    "suspended": "what its memory held is lost, and it arrives running",
    "rescued": "it leaves rescue, and arrives running from its own disk",
    "resized": "the way back from its resize is lost, and it arrives running",
    "shelved": "it is shelved no more, and arrives running",
}
"""The vm_states that can be reset to error so that Nova evacuates the server, and what is lost by that."""

ERROR = "error"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How much may be done to a server, and who says so."""

    allow: Allow = Allow.EVACUATE
    source: str = "the site"


@dataclass(frozen=True, slots=True)
class Stay:
    """Why a server is not evacuated."""

    reason: str
    intended: bool = False
    """True where somebody wants it so: nobody needs to see to it."""


def why_left(
    server: Server,
    shared_storage: Sequence[str],
    states: States = States(),  # noqa: B008 - frozen: nobody can change the default
    ceiling: Ceiling = Ceiling(),
) -> Stay | None:
    """Return why *server* is not evacuated, or None when it is.

    *shared_storage* are globs of the availability zones in which disks made from images survive their host.
    """
    if server.task_state in OWNER_DELETES or server.vm_state in ("deleted", "soft-delete"):
        return Stay("its owner is deleting it", intended=True)
    if not ceiling.allow.permits(Allow.EVACUATE):
        return Stay(f"{ceiling.source} allows no more than {ceiling.allow.value} for it", intended=True)
    for state in states_of(server):
        stay = _stays_in(state, server, states.answer(state))
        if stay is not None:
            return stay
    if server.vm_state not in EVACUABLE and server.vm_state not in LOSES:
        return Stay(f"Nova does not evacuate a server that is {server.vm_state}; it waits for its host")
    if not ceiling.allow.permits(Allow.REBUILD) and loses_disk(server, shared_storage):
        return Stay(
            f"its disk was made from an image, and the site file does not say that zone {server.zone or '(none)'} "
            f"has shared storage: an evacuation would rebuild the disk empty"
        )
    return None


def why_left_alive(server: Server, failure: str, states: States) -> Stay | None:
    """Return why nothing at all is done about *server*, whose host lives; each step judges for itself beside that."""
    if server.task_state in OWNER_DELETES or server.vm_state in ("deleted", "soft-delete"):
        return Stay("its owner is deleting it", intended=True)
    if failure in SERVER_FAILURES and server.locked and states.locked is not Answer.EVACUATE:
        return _stays_in("locked", server, states.locked)
    if failure in SERVER_FAILURES - {"server.crashed"} and server.vm_state in OWNER_STOPS:
        return Stay(f"it is {server.vm_state}, as somebody wants it", intended=True)
    return None


def states_of(server: Server) -> Iterator[str]:
    """Yield the fields of `States` that hold for *server*."""
    if not server.launched:
        yield "building"
    elif server.vm_state == ERROR or server.vm_state in LOSES:
        yield server.vm_state
    if server.locked:
        yield "locked"
    if server.task_state:
        yield "busy"


def loses_disk(server: Server, shared_storage: Sequence[str]) -> bool:
    """Tell whether an evacuation would rebuild the server's disk empty."""
    return bool(server.image_id) and not any(matches(glob, server.zone) for glob in shared_storage)


def losses(server: Server, shared_storage: Sequence[str]) -> str:
    """Return what an evacuation of *server* loses, as a sentence; empty: nothing."""
    disk = "its disk is made anew from its image" if loses_disk(server, shared_storage) else ""
    return "; ".join(loss for loss in (LOSES.get(server.vm_state, ""), disk) if loss)


def _stays_in(state: str, server: Server, answer: Answer) -> Stay | None:
    """Return why *server* stays because of *state*."""
    if state == "building":
        reason = f"it never ran (vm_state {server.vm_state}): Nova does not evacuate it"
        return Stay(reason, intended=answer is Answer.LEAVE)
    if answer is Answer.LEAVE:
        return Stay(f"its policy leaves a server that is {_told(state, server)}", intended=True)
    if answer is Answer.HOLD:
        reason = f"Nova does not evacuate a server that is {server.vm_state}; it waits for its host"
        return Stay(reason if state in LOSES else f"its policy holds a server that is {_told(state, server)}")
    return None


def _told(state: str, server: Server) -> str:
    return f"busy ({server.task_state})" if state == "busy" else state
