"""Mutants: crews whose workers lack one guard each.  What catches them stands in test_mutants.py.

A guard is taken away where a worker is put together, by a port or a part that does otherwise; nothing is patched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from kazoo.client import KazooClient
from taskflow.jobs.base import Job

from medevac.core.errors import ClaimLostError, FencingError
from medevac.core.event import Event, EventKind
from medevac.core.evidence import FenceEvidence
from medevac.core.handled import Handled, Outcome
from medevac.core.journal import JournalEntry
from medevac.flows.ports import Cloud, Fencer, HostService, Logbook, Migration, Ports
from medevac.flows.rung import Answer, Case, Rung
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.seeds import StirredCrew
from medevac.sandbox.scenarios.stage import Stage
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.desk import Also, Desk
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.job import BoardJob
from medevac.workers.intake import Intake
from medevac.workers.names import HostNames
from medevac.workers.recovery import Recovery
from medevac.workers.verdict import Brakes, NoBrakes


class Around:
    """A port, but for what a subclass does otherwise."""

    def __init__(self, port: Any) -> None:
        self.port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)


def parts(usual: Any) -> dict[str, Any]:
    """Return what *usual* is made of, to make one of another kind of the same."""
    return {field.name: getattr(usual, field.name) for field in fields(usual)}


# -- evidence


class Credulous(Around):
    """A fencer to whom no answer is as good as an answer."""

    def look(self, case: Case, rung: Rung) -> Answer:
        with contextlib.suppress(FencingError):
            found: Answer = self.port.look(case, rung)
            if found.evidence is not None:
                return found
        return Answer(FenceEvidence(case.host, case.now, "agent:fake", "off", "nobody said otherwise"))


class SkipsTheEvidence(StirredCrew):
    """Takes a host for off that does not answer."""

    def fencer(self, stage: Stage, process: Process) -> Fencer:
        return cast("Fencer", Credulous(super().fencer(stage, process)))


class Rumours(Intake):
    """An intake to which somebody's word that a host is down is a fencing."""

    def handle(self, event: Event) -> Handled:
        if event.kind is EventKind.HOST_DOWN:
            facts = {"action": "off", "by": "hearsay", "client": "pacemaker-controld.1", "result": "OK"}
            event = replace(event, kind=EventKind.HOST_FENCED, facts=facts)
        return super().handle(event)


class BelievesRumours(StirredCrew):
    """Stores evidence that nobody gave."""

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        return Rumours(self.desk(stage, process, client))


# -- the claim


class CarelessLogbook(Around):
    """A logbook that lets everybody go on, whoever owns the job by now."""

    def assert_owned(self) -> None:
        """Ask nobody."""

    def append(self, entries: Sequence[JournalEntry]) -> None:
        with contextlib.suppress(ClaimLostError):
            self.port.append(entries)


@dataclass(frozen=True)
class CarelessRecovery(Recovery):
    """Gives steps the ports as they are."""

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        ports = cast("Ports", super().prepare(job, claim)["ports"])
        log = cast("Logbook", CarelessLogbook(ports.log))
        raw = {"cloud": self.cloud, "fencer": self.fencer, "hypervisor": self.hypervisor}
        return {"ports": replace(ports, log=log, **cast("Any", raw))}


class CarelessCrew(StirredCrew):
    """Lets flows go on whatever has become of their jobs."""

    def recovery(self, stage: Stage, process: Process, client: KazooClient) -> Recovery:
        return CarelessRecovery(**parts(super().recovery(stage, process, client)))


# -- what was done before


class Blindfolded(Around):
    """A cloud that shows no record of what it was asked."""

    def evacuations_from(self, host: str, since: float | None = None) -> tuple[Migration, ...]:
        del host, since
        return ()


class AsksWithoutLooking(StirredCrew):
    """Evacuates twice what it does not see on its way."""

    def cloud(self, stage: Stage, process: Process) -> Cloud:
        return cast("Cloud", Blindfolded(super().cloud(stage, process)))


class Forgetful(Desk):
    """A desk that settles events, and forgets what was to be written together with that."""

    def settle(
        self, event: Event, outcome: Outcome, reason: str, also: Also = lambda _: None, incident: str = ""
    ) -> Handled:
        del also
        return super().settle(event, outcome, reason, incident=incident)


class LosesEvents(StirredCrew):
    """Takes an event off the intake before its incident is stored."""

    def desk(self, stage: Stage, process: Process, client: KazooClient) -> Desk:
        return Forgetful(**parts(super().desk(stage, process, client)))


# -- what others want


class Grabbing(Around):
    """A cloud on which what an operator has disabled is disabled once more, for our reason."""

    def take_out(self, service: HostService, reason: str) -> None:
        self.port.take_out(replace(service, enabled=True), reason)


class AdoptsTheOperatorsMark(StirredCrew):
    """Writes its own reason over an operator's."""

    def cloud(self, stage: Stage, process: Process) -> Cloud:
        return cast("Cloud", Grabbing(super().cloud(stage, process)))


class Reviving(Around):
    """A cloud on which everything is evacuated as if it had run: what Nova finds in ERROR it starts."""

    def evacuate(self, server_id: str, hold: bool = False) -> None:  # noqa: FBT002 - as the port says
        self.port.reset_state(server_id, "error")
        self.port.evacuate(server_id, hold)


class StartsWhatWasStopped(StirredCrew):
    """Forgets that an owner had shut a server off."""

    def cloud(self, stage: Stage, process: Process) -> Cloud:
        return cast("Cloud", Reviving(super().cloud(stage, process)))


class Deaf(Obedience):
    """Hooks that hear no order."""

    def may_claim(self, job: BoardJob) -> bool:
        del job
        return True

    def between_atoms(self, job: BoardJob, claim: Claim) -> None:
        """Go on."""

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        return self._recovery.prepare(job, claim)


class IgnoresOrders(StirredCrew):
    """Goes on although an operator said hold, or abort."""

    def obedience(self, stage: Stage, process: Process, client: KazooClient, recovery: Recovery) -> Obedience:
        return Deaf(client, self.cloud(stage, process), stage.loom, stage.ground.site.brakes, recovery)


class IgnoresTheClaim(CarelessCrew, IgnoresOrders):
    """Works on after another has taken the job; it hears no orders either, for they are heard through the claim."""


class IgnoresDisarm(IgnoresOrders):
    """Begins recoveries where it was told to begin nothing."""

    def brakes(self, stage: Stage, process: Process, client: KazooClient, names: HostNames) -> Brakes:
        del stage, process, client, names
        return NoBrakes()


MUTANTS: tuple[type[StirredCrew], ...] = (
    SkipsTheEvidence,
    BelievesRumours,
    IgnoresTheClaim,
    AsksWithoutLooking,
    LosesEvents,
    AdoptsTheOperatorsMark,
    StartsWhatWasStopped,
    IgnoresOrders,
    IgnoresDisarm,
)
