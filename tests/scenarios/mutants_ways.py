"""Mutants of the way back, and of a worker's places: crews that lack one guard each, as those of mutants.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from medevac.flows.failback import Failback
from medevac.flows.plan import Settings
from medevac.flows.policy.words import HOST_UP
from medevac.flows.ports import Server
from medevac.sandbox.scenarios.seeds import StirredCrew
from medevac.sandbox.scenarios.stage import Stage
from medevac.workers.desk import Desk
from medevac.workers.engine.job import BoardJob
from tests.scenarios.mutants import Around
from tests.scenarios.mutants_steps import DisguisedCrew
from tests.scenarios.mutants_triage import MANY, LaxDesk


class LaxWay(LaxDesk):
    """Tells flows of a site that lets servers go back as it likes, where it lets them go back at all."""

    more: ClassVar[Mapping[str, Any]] = {}

    def lax(self, desk: Desk) -> Desk:
        way, settings = desk.settings.way_back, desk.settings
        if way.failback is not None:
            failback: Failback = replace(way.failback, **self.more)
            settings: Settings = replace(settings, way_back=replace(way, failback=failback))
        return replace(desk, settings=settings)


class IgnoresTheWindow(LaxWay):
    """Moves servers back by day."""

    more: ClassVar[Mapping[str, Any]] = {"window": None}


class SendsAllBack(LaxWay):
    """Moves back whoever may go."""

    more: ClassVar[Mapping[str, Any]] = {"most": MANY}


class SendsBackAtOnce(LaxWay):
    """Moves back at once whoever may go."""

    more: ClassVar[Mapping[str, Any]] = {"parallel": MANY}


class DisguisedWay(DisguisedCrew):
    """Has conductors whose flows see through `disguises` when hosts come back."""

    only = f"{HOST_UP}:"


class Aimless(Around):
    """A cloud that may send a server anywhere."""

    def live_migrate(self, server_id: str, host: str = "") -> None:
        del host
        self.port.live_migrate(server_id)


class SendsThemAnywhere(DisguisedWay):
    """Moves servers back to any host."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Aimless}


class Settled(Around):
    """A cloud on which a server that was not sent back yet is where Nova evacuated it to, not locked, and runs."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._sent: set[str] = set()

    def live_migrate(self, server_id: str, host: str = "") -> None:
        self._sent.add(server_id)
        self.port.live_migrate(server_id, host)

    def server(self, server_id: str) -> Server | None:
        found: Server | None = self.port.server(server_id)
        put = [each.destination for each in self.port.migrations_of(server_id) if each.kind == "evacuation"]
        if found is None or not put or server_id in self._sent:
            return found
        return replace(found, host=put[-1] or found.host, locked=False, vm_state="active")

    def migrations_of(self, server_id: str, since: float | None = None) -> Sequence[Any]:
        found: Sequence[Any] = self.port.migrations_of(server_id, since)
        return found if server_id in self._sent else [each for each in found if each.kind == "evacuation"]


class SendsBackWhoeverLeft(DisguisedWay):
    """Moves servers back although people have other plans."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Settled}


class TakesOnTooMuch(StirredCrew):
    """Recovers as many hosts at once in one worker as there are."""

    def has_place(self, stage: Stage, job: BoardJob, running: Sequence[BoardJob]) -> bool:
        del stage, job, running
        return True


MUTANTS: tuple[type[StirredCrew], ...] = (
    IgnoresTheWindow,
    SendsAllBack,
    SendsBackAtOnce,
    SendsThemAnywhere,
    SendsBackWhoeverLeft,
    TakesOnTooMuch,
)
