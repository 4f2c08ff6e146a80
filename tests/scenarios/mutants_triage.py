"""Mutants of triage and its brakes: crews whose leader lacks one guard each, as mutants.py has them of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event, EventKind
from medevac.core.handled import Handled, Outcome
from medevac.core.incident import Incident
from medevac.flows.plan import Settings
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Allow, Evacuate, Policy, PolicySet
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import Cloud, HostService, Server
from medevac.sandbox.scenarios.process import Process
from medevac.sandbox.scenarios.seeds import StirredCrew
from medevac.sandbox.scenarios.stage import Stage
from medevac.workers.brakes.facts import Facts
from medevac.workers.brakes.history import Ledger
from medevac.workers.brakes.judge import Brakes as RealBrakes
from medevac.workers.brakes.marks import Place
from medevac.workers.brakes.obedience import Obedience
from medevac.workers.brakes.rules import Scene
from medevac.workers.desk import Desk, Promises
from medevac.workers.engine.job import BoardJob
from medevac.workers.intake import Intake
from medevac.workers.latecomers import Latecomers
from medevac.workers.names import HostNames
from medevac.workers.recovery import Recovery
from medevac.workers.site_brakes import BrakeSettings
from medevac.workers.verdict import Brakes, Verdict
from tests.scenarios.mutants import Around

NEVER = Duration(10 * 365 * 86_400)
MANY = 1000


# -- brakes


class LaxCrew(StirredCrew):
    """Has brakes of the kind `brake`, with settings that `lax` has changed."""

    brake: type[RealBrakes] = RealBrakes

    def lax(self, settings: BrakeSettings) -> BrakeSettings:
        return settings

    def brakes(self, stage: Stage, process: Process, client: KazooClient, names: HostNames) -> Brakes:
        settings = self.lax(stage.ground.site.brakes)
        return self.brake(client, self.cloud(stage, process), stage.loom, settings, names)


class Unannounced(RealBrakes):
    def _announced(self, *_: Any) -> Verdict | None:
        return None


class IgnoresMaintenance(LaxCrew):
    """Takes a planned stop for a crash."""

    brake = Unannounced


class Sighted(RealBrakes):
    def _blind(self, *_: Any) -> Verdict | None:
        return None


class IgnoresBlindness(LaxCrew):
    """Judges hosts while nobody can tell how they are."""

    brake = Sighted


class Calm(RealBrakes):
    def _stormy(self, *_: Any, **__: Any) -> Verdict | None:
        return None


class IgnoresStorms(LaxCrew):
    """Recovers whatever dies, however much of it."""

    brake = Calm


class IgnoresCaps(LaxCrew):
    """Recovers as many hosts at once as there are."""

    def lax(self, settings: BrakeSettings) -> BrakeSettings:
        return replace(settings, hosts_at_once=MANY, per_minute=MANY)


class IgnoresTheRate(LaxCrew):
    """Begins as many recoveries in a minute as there are."""

    def lax(self, settings: BrakeSettings) -> BrakeSettings:
        return replace(settings, per_minute=MANY)


class Impetuous(RealBrakes):
    """Brakes to which a recovery is begun when it is let go."""

    def _timed(self, place: Place, facts: Facts, scene: Scene) -> Scene:
        del place, facts
        return scene


class CountsBeginningsEarly(LaxCrew):
    """Counts a recovery from when it was let go, however long it waits for a worker then."""

    brake = Impetuous


class IgnoresFencings(LaxCrew):
    """Fences as many hosts as it wants to."""

    def lax(self, settings: BrakeSettings) -> BrakeSettings:
        return replace(settings, fencings=MANY)


class Hasty(RealBrakes):
    """Brakes to which a host is fenced when its recovery is let go."""

    def _scene(self, incident: Incident, facts: Facts, ledger: Ledger, now: float) -> Scene:
        scene = super()._scene(incident, facts, ledger, now)
        others = [start for start in ledger.starts if start.incident != incident.id]
        return replace(scene, fencings=[start.at for start in others if start.fences])


class CountsFencingsEarly(LaxCrew):
    """Counts a fencing from when its recovery was let go, however long it waits for a worker then."""

    brake = Hasty


class IgnoresLosses(LaxCrew):
    """Does not count what an aggregate may lose."""

    def lax(self, settings: BrakeSettings) -> BrakeSettings:
        return replace(settings, max_failures={})


class Rash(Obedience):
    """Hooks that look at no mark before a claim."""

    def may_claim(self, job: BoardJob) -> bool:
        del job
        return True


class ClaimsWithoutALook(StirredCrew):
    """Begins what was let go before its place was disarmed."""

    def obedience(self, stage: Stage, process: Process, client: KazooClient, recovery: Recovery) -> Obedience:
        return Rash(client, self.cloud(stage, process), stage.loom, stage.ground.site.brakes, recovery)


# -- what the site and the policies allow


class LaxDesk(StirredCrew):
    """Has a desk on which `lax` has changed something."""

    def lax(self, desk: Desk) -> Desk:
        return desk

    def desk(self, stage: Stage, process: Process, client: KazooClient) -> Desk:
        return self.lax(super().desk(stage, process, client))


class LaxSite(LaxDesk):
    """Tells flows of a site that allows more."""

    more: ClassVar[Mapping[str, Any]] = {}

    def lax(self, desk: Desk) -> Desk:
        settings: Settings = replace(desk.settings, **self.more)
        return replace(desk, settings=settings)


class Generous:
    """Policies that allow as many evacuations at once as there are servers."""

    def __init__(self, promises: Promises) -> None:
        self._promises = promises

    def current(self) -> PolicySet:
        found = self._promises.current()
        return replace(found, policies=tuple(_generous(policy) for policy in found.policies))


def _generous(policy: Policy) -> Policy:
    flow = policy.when[HOST_DOWN]
    steps = tuple(replace(step, parallel=MANY) if isinstance(step, Evacuate) else step for step in flow.steps)
    return replace(policy, when={**policy.when, HOST_DOWN: replace(flow, steps=steps)})


class IgnoresParallel(LaxDesk):
    """Has as many servers of a policy under way as it has."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, promises=Generous(desk.promises))


class IgnoresTheCeiling(LaxSite):
    """Evacuates where no more than a restart is allowed."""

    more: ClassVar[Mapping[str, Any]] = {"allow": Allow.REBUILD}


class TouchesTheExcluded(LaxSite):
    """Moves servers that are never to be touched."""

    more: ClassVar[Mapping[str, Any]] = {"exclude": None}


class TakesDisksForShared(LaxSite):
    """Evacuates servers whose disks stay behind."""

    more: ClassVar[Mapping[str, Any]] = {"shared_storage": ("*",)}


class IgnoresLimits(LaxDesk):
    """Recovers what fails again and again."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, rules=replace(desk.rules, server_recoveries=MANY, host_recoveries=MANY))


class IgnoresAge(LaxDesk):
    """Takes yesterday's alert for news."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, rules=replace(desk.rules, event_age=NEVER))


# -- the second opinion


class Yes(Around):
    """A cloud that agrees with every alert about a server."""

    def server(self, server_id: str) -> Server | None:
        found: Server | None = self.port.server(server_id)
        return found and replace(found, vm_state="active", task_state="")


class AsksNobodyAboutServers(LaxDesk):
    """Takes every server that ended for one that failed."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, cloud=cast("Cloud", Yes(desk.cloud)))


class Silent(Around):
    """A cloud on which every nova-compute is down."""

    def host_service(self, host: str) -> HostService | None:
        found: HostService | None = self.port.host_service(host)
        return found and replace(found, state="down")


class AsksNobodyAboutServices(LaxDesk):
    """Believes that nova-compute is down, though Nova hears it."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, cloud=cast("Cloud", Silent(desk.cloud)))


# -- what is known of a subject


class Amnesiac(Intake):
    """An intake to which whatever comes was seen just now."""

    def handle(self, event: Event) -> Handled:
        return super().handle(replace(event, seen_at=self._desk.clock.now()))


class TakesCopiesForNews(StirredCrew):
    """Opens another incident when a copy of an alert comes late."""

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        return Amnesiac(self.desk(stage, process, client))


class Lives(Around):
    """A transaction that leaves out what it would keep of the lives of subjects."""

    def create(self, path: str, *rest: Any, **named: Any) -> None:
        if not path.startswith(layout.SUBJECTS):
            self.port.create(path, *rest, **named)

    def set_data(self, path: str, *rest: Any, **named: Any) -> None:
        if not path.startswith(layout.SUBJECTS):
            self.port.set_data(path, *rest, **named)


class Unkept(Around):
    """A ZooKeeper in which no record of a subject is kept."""

    def transaction(self) -> Lives:
        return Lives(self.port.transaction())


class ForgetsEarlierDeaths(LaxDesk):
    """Takes each death of a host for its first."""

    def lax(self, desk: Desk) -> Desk:
        return replace(desk, client=Unkept(desk.client))


class Gloomy(Intake):
    """An intake that hears no good news."""

    def handle(self, event: Event) -> Handled:
        if event.kind is EventKind.HOST_MEMBER:
            return self._desk.settle(event, Outcome.IGNORED, "good news is no news")
        return super().handle(event)


class IgnoresReturns(StirredCrew):
    """Takes a host for dead that the cluster has reached again."""

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        return Gloomy(self.desk(stage, process, client))


class Gullible(Intake):
    """An intake to which every fencing that failed was the cluster's own."""

    def handle(self, event: Event) -> Handled:
        return super().handle(replace(event, facts={**event.facts, "client": "pacemaker-controld.1"}))


class BelievesAnybodysFencing(StirredCrew):
    """Takes a host for dead because somebody tried to fence it."""

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        return Gullible(self.desk(stage, process, client))


class Discreet(Latecomers):
    """Keeps to itself what Nova does late."""

    def run(self) -> None:
        """Look at nothing."""


class Incurious(Intake):
    """An intake to which a recovery that is over is over."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._latecomers = Discreet(desk)


class LooksNoMoreAfterTheEnd(StirredCrew):
    """Tells nobody what Nova does when a recovery is over."""

    def intake(self, stage: Stage, process: Process, client: KazooClient) -> Intake:
        return Incurious(self.desk(stage, process, client))


MUTANTS: tuple[type[StirredCrew], ...] = (
    IgnoresMaintenance,
    IgnoresBlindness,
    IgnoresStorms,
    IgnoresCaps,
    IgnoresTheRate,
    CountsBeginningsEarly,
    IgnoresFencings,
    CountsFencingsEarly,
    IgnoresLosses,
    ClaimsWithoutALook,
    IgnoresParallel,
    IgnoresTheCeiling,
    TouchesTheExcluded,
    TakesDisksForShared,
    IgnoresLimits,
    IgnoresAge,
    AsksNobodyAboutServers,
    AsksNobodyAboutServices,
    TakesCopiesForNews,
    ForgetsEarlierDeaths,
    IgnoresReturns,
    BelievesAnybodysFencing,
    LooksNoMoreAfterTheEnd,
)
