"""Stage: what the contract of the Cloud port needs of an implementation besides the port itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from medevac.flows.ports import Cloud, HostService, Migration, Server

T = TypeVar("T")

REASON = "medevac: contract"


class Stage(Protocol):
    """A cloud with at least three empty hosts that are up, and hands to do to it what others do."""

    cloud: Cloud
    hosts: tuple[str, ...]
    zone: str
    aggregate: str
    """An aggregate that all hosts are in."""
    project: str
    """The name of the project in which servers are booted."""
    patience: float
    """Seconds within which anything that must happen has happened."""
    pause: float
    """Seconds between two looks."""

    def boot(self, host: str, count: int = 1, *, vm_state: str = "active", locked: bool = False) -> tuple[str, ...]:
        """Boot *count* servers on *host* and return their ids once they are in *vm_state*."""

    def group(self, policy: str, count: int) -> tuple[str, ...]:
        """Boot *count* servers, each on a host of its own, in a new server group, and return their ids."""

    def delete(self, server_id: str) -> None:
        """Delete a server, as its owner would, and return when it is gone."""

    def cut_power(self, host: str) -> None:
        """Take the power of *host*: nova-compute and its guests are gone at once."""

    def bring_back(self, host: str) -> None:
        """Start *host* again and return when its nova-compute has cleaned up and reported."""

    def leave_only(self, host: str) -> AbstractContextManager[None]:
        """Leave *host* as the only one that the scheduler may choose, as long as the context lasts."""

    def break_spawning(self) -> AbstractContextManager[None]:
        """Let every host fail to start guests, as long as the context lasts."""

    def stand_still(self, host: str) -> AbstractContextManager[None]:
        """Let nova-compute on *host* stand still, its guests running on, as long as the context lasts."""

    def is_sent(self, server_id: str, host: str) -> bool:
        """Tell whether Nova has ordered *host* to start the server, the last one that was evacuated."""

    def never_begin(self) -> AbstractContextManager[None]:
        """Let Nova accept evacuations without beginning them, as long as the context lasts."""

    def lose_cell_of(self, host: str) -> AbstractContextManager[None]:
        """Let Nova's API not reach the database of the cell of *host*, as long as the context lasts."""

    def lose_control(self, binary: str) -> AbstractContextManager[None]:
        """Take every process of *binary* of the control plane away, as long as the context lasts."""

    def lose_answers(self, kind: str, path: str) -> AbstractContextManager[None]:
        """Let writes to *path* go wrong: lost or status (done; no answer, or a 503), or reset (not done)."""


def until(stage: Stage, look: Callable[[], T | None], what: str) -> T:
    """Return what *look* finds, as soon as it finds anything; fail the test when *stage* runs out of patience."""
    deadline = time.monotonic() + stage.patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {stage.patience:.0f} s in vain: {what}"
        time.sleep(stage.pause)
    return found


def service(stage: Stage, host: str) -> HostService:
    """Return the service of *host*, which must be there."""
    found = stage.cloud.host_service(host)
    assert found is not None
    return found


def server(stage: Stage, server_id: str) -> Server:
    """Return the server, which must be there."""
    found = stage.cloud.server(server_id)
    assert found is not None
    return found


def lose(stage: Stage, host: str) -> HostService:
    """Cut the power of *host*, take it out, and return its service as it was before."""
    before = service(stage, host)
    stage.cut_power(host)
    stage.cloud.take_out(before, REASON)
    return before


def newest(stage: Stage, host: str, server_id: str) -> Migration | None:
    """Return the newest evacuation record of the server."""
    records = [record for record in stage.cloud.evacuations_from(host) if record.server_id == server_id]
    return records[-1] if records else None


def evacuated(stage: Stage, host: str, server_id: str) -> Migration:
    """Evacuate the server from *host*, and return the record once it is settled, one way or another."""
    before = newest(stage, host, server_id)
    stage.cloud.evacuate(server_id)

    def settled() -> Migration | None:
        record = newest(stage, host, server_id)
        fresh = record is not None and (before is None or record.id > before.id)
        return record if fresh and record is not None and not record.live else None

    return until(stage, settled, f"the evacuation of {server_id} is settled")


def newest_of(stage: Stage, server_id: str, kind: str) -> Migration | None:
    """Return the newest record of the server of that kind."""
    records = [record for record in stage.cloud.migrations_of(server_id) if record.kind == kind]
    return records[-1] if records else None


def moved(stage: Stage, server_id: str, kind: str) -> Migration:
    """Return the newest record of that kind once it is there and Nova works on it no more."""

    def settled() -> Migration | None:
        record = newest_of(stage, server_id, kind)
        return None if record is None or record.live else record

    return until(stage, settled, f"the {kind} of {server_id} is settled")


def at_rest(stage: Stage, server_id: str) -> Server:
    """Return the server once no operation is under way."""

    def resting() -> Server | None:
        found = server(stage, server_id)
        return None if found.task_state else found

    return until(stage, resting, f"server {server_id} is at rest")
