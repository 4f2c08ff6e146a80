"""Mutants of flows: crews whose conductors see, or do, through a port that lacks one guard each."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

from kazoo.client import KazooClient, TransactionRequest
from taskflow.jobs.base import Job

from medevac.core.errors import HypervisorUnavailableError
from medevac.core.evidence import FenceEvidence
from medevac.core.incident import Incident
from medevac.flows.guests import Activity, KillProof
from medevac.flows.policy.words import HOST_UP
from medevac.flows.ports import Cloud, Fencer, HostService, Migration, Ports, Server, ServerGroup
from medevac.flows.returning import mark
from medevac.flows.rung import Rung
from medevac.sandbox.fencer import FakeFencer
from medevac.sandbox.power.bmc import BMC
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.seeds import StirredCrew
from medevac.sandbox.scenarios.stage import Stage
from medevac.workers.desk import Desk
from medevac.workers.engine.claim import Claim
from medevac.workers.incidents import Stored
from medevac.workers.recovery import Recovery
from tests.scenarios.mutants import Around, CarelessCrew, parts


@dataclass(frozen=True)
class Disguised(Recovery):
    """Gives steps ports that stand in for their own."""

    disguises: Mapping[str, type[Around]] | None = None
    only: str = ""

    def prepare(self, job: Job, claim: Claim) -> Mapping[str, object]:
        given = super().prepare(job, claim)
        if not str(job.details["incident"]).startswith(self.only):
            return given
        ports = cast("Ports", given["ports"])
        changed: dict[str, Any] = {name: kind(getattr(ports, name)) for name, kind in (self.disguises or {}).items()}
        return {**given, "ports": replace(ports, **changed)}


class DisguisedCrew(StirredCrew):
    """Has conductors whose flows see through `disguises`: ports by name, and what stands before each."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {}
    only = ""
    """The beginning of the incidents whose flows do."""

    def recovery(self, stage: Stage, process: Process, client: KazooClient) -> Recovery:
        usual = super().recovery(stage, process, client)
        return Disguised(**parts(usual), disguises=self.disguises, only=self.only)


# -- evidence


class Ageless(Around):
    """A logbook in which evidence never grows old, and is never taken out."""

    def drop_evidence(self, evidence: FenceEvidence) -> None:
        """Keep it."""


class Unseeing(Around):
    """A cloud that never shows that a host works again."""

    def host_service(self, host: str) -> HostService | None:
        found: HostService | None = self.port.host_service(host)
        return found and replace(found, forced_down=True, state="down", updated_at=0.0)


class SeesNoReturn(DisguisedCrew):
    """Evacuates on from a host that runs again."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Unseeing, "log": Ageless}


class BelievesPeople(DisguisedCrew):
    """Takes a human's word without asking Nova whether it still hears of the host."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Unseeing}


class TrustsOneDevice(StirredCrew):
    """Asks no second device whether the first one lies."""

    def fencer(self, stage: Stage, process: Process) -> Fencer:
        return cast("Fencer", self.port(stage, process, "fencer", FakeFencer(stage.bmc, (Rung(BMC),))))


@dataclass(frozen=True)
class Impatient(Recovery):
    """Has an incident without evidence tried again in the same moment."""

    def _end(self, transaction: TransactionRequest, stored: Stored, incident: Incident, reason: str) -> None:
        again_at = min(incident.again_at, self.clock.now())
        super()._end(transaction, stored, replace(incident, again_at=again_at), reason)


class TriesAgainAtOnce(StirredCrew):
    """Leaves a fence device that refuses no pause."""

    def recovery(self, stage: Stage, process: Process, client: KazooClient) -> Recovery:
        return Impatient(**parts(super().recovery(stage, process, client)))


class Sure(Around):
    """A hypervisor to which no answer is as good as a kill."""

    def kill(self, host: str, server_id: str) -> KillProof:
        with contextlib.suppress(HypervisorUnavailableError):
            return cast("KillProof", self.port.kill(host, server_id))
        return KillProof(host, server_id, 0.0, "nobody", "killed", "nobody said otherwise")

    def domain(self, host: str, server_id: str) -> None:
        del host, server_id


class BelievesTheKill(DisguisedCrew):
    """Takes a server for off that its hypervisor did not say is off."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"hypervisor": Sure}


# -- what was done before


class Oblivious(Around):
    """A logbook that does not say what workers before were about to do."""

    def intentions(self) -> Mapping[str, Sequence[float]]:
        return {}


class ForgetsIntentions(DisguisedCrew):
    """Does not mind what a worker before it may have done and did not come to write."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"log": Oblivious}


class Crowded(Around):
    """A cloud of which nobody knows how much is under way."""

    def evacuations_under_way(self) -> tuple[Migration, ...]:
        return ()


class IgnoresTheCap(DisguisedCrew):
    """Has more evacuations under way than the site wants."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Crowded}


class Unbooked(Around):
    """A book of those who are about to ask in which nothing stands, and nothing is written."""

    def for_step(self, name: str) -> Unbooked:
        del name
        return self

    def of_others(self) -> tuple[str, ...]:
        return ()

    def book(self, server_ids: Sequence[str]) -> bool:
        del server_ids
        return True

    def clear(self) -> None:
        """There is nothing to take back."""


class BooksNothing(DisguisedCrew):
    """Counts what is under way while another that has counted is about to ask."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"bookings": Unbooked}


class Lonely(Around):
    """A cloud without server groups."""

    def server_groups(self) -> tuple[ServerGroup, ...]:
        return ()


class IgnoresGroups(DisguisedCrew):
    """Moves servers at once that must stay apart."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Lonely}


# -- what others want


class Unlocked(Around):
    """A cloud on which nothing is locked."""

    def servers_on(self, host: str) -> tuple[Server, ...]:
        return tuple(replace(server, locked=False) for server in self.port.servers_on(host))


class IgnoresLocks(DisguisedCrew):
    """Moves what its owner has locked meanwhile."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Unlocked}


class Lively(Around):
    """A cloud on which everything ran before."""

    def servers_on(self, host: str) -> tuple[Server, ...]:
        return tuple(replace(server, vm_state="active") for server in self.port.servers_on(host))


class StartsWhatItKilled(DisguisedCrew):
    """Starts, after a kill, also what had been shut off."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Lively}


class Possessive(Around):
    """A cloud on which every host that is disabled is so by the incident of its own death."""

    def host_service(self, host: str) -> HostService | None:
        found: HostService | None = self.port.host_service(host)
        if found is None or found.enabled:
            return found
        return replace(found, disabled_reason=mark(f"host.down:{host}:1"))


class AdoptsWhatOthersDisabled(DisguisedCrew):
    """Enables a host that somebody else has disabled since."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Possessive}
    only = f"{HOST_UP}:"

    def desk(self, stage: Stage, process: Process, client: KazooClient) -> Desk:
        usual = super().desk(stage, process, client)
        return replace(usual, cloud=cast("Cloud", Possessive(usual.cloud)))


class Stale(Around):
    """A cloud that shows a service as it was when it was first looked at."""

    def __init__(self, port: Any) -> None:
        super().__init__(port)
        self._seen: dict[str, HostService | None] = {}

    def host_service(self, host: str) -> HostService | None:
        if host not in self._seen:
            self._seen[host] = self.port.host_service(host)
        return self._seen[host]


class LooksOnce(DisguisedCrew):
    """Disables a host as it stood when the recovery began."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": Stale}


class NotForced(Around):
    """A cloud on which no host was forced down by anybody."""

    def host_service(self, host: str) -> HostService | None:
        found: HostService | None = self.port.host_service(host)
        return found and replace(found, forced_down=False)


class AdoptsTheForceDown(DisguisedCrew):
    """Takes a host for one that it has forced down itself."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"cloud": NotForced}


# -- what works is left alone


class Still(Around):
    """A hypervisor on which nothing moves."""

    def activity(self, host: str, server_id: str) -> Activity:
        del host, server_id
        return Activity(0, 0, 0)


class ResetsWhatWorks(DisguisedCrew):
    """Resets a server whose disks move."""

    disguises: ClassVar[Mapping[str, type[Around]]] = {"hypervisor": Still}


class GoesOnWhenSuperseded(CarelessCrew):
    """Kills servers of a host that has died as a whole meanwhile."""


MUTANTS: tuple[type[StirredCrew], ...] = (
    SeesNoReturn,
    BelievesPeople,
    TrustsOneDevice,
    TriesAgainAtOnce,
    BelievesTheKill,
    ForgetsIntentions,
    IgnoresTheCap,
    BooksNothing,
    IgnoresGroups,
    IgnoresLocks,
    StartsWhatItKilled,
    AdoptsWhatOthersDisabled,
    LooksOnce,
    AdoptsTheForceDown,
    ResetsWhatWorks,
    GoesOnWhenSuperseded,
)
