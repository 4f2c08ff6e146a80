"""Status: a site at a glance, and what about it needs a human."""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.incident import Incident, IncidentState
from medevac.flows.learnt import Learnt
from medevac.workers import board_view, incidents, intake, roll, site_prints
from medevac.workers.brakes import view
from medevac.workers.brakes.orders import ABORTED
from medevac.workers.brakes.view import SHOWN, BrakeView
from medevac.workers.experience import Experience
from medevac.workers.fencing import rounds
from medevac.workers.fencing.rounds import FencePath
from medevac.workers.roll import RollEntry
from medevac.workers.zookeeper import bounded

CLOCK_SLACK = 5.0
"""Seconds by which a worker's clock may differ from ZooKeeper's: as much as times of evidence may contradict."""
TOLD_FOR = 86_400.0
"""Seconds for which an incident that was parked is a problem of the site: nobody can say that he has seen to it."""


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """What ZooKeeper knows of a site at one moment."""

    workers: tuple[RollEntry, ...]
    leader: str
    """The worker that leads triage; empty when nobody does."""
    events_waiting: int
    jobs_waiting: int
    """On the board, claimed by nobody."""
    jobs_claimed: int
    incidents: Mapping[str, int]
    """How many there are in each state."""
    parked_postings: int
    brakes: BrakeView = field(default_factory=BrakeView)
    fence_paths: tuple[FencePath, ...] = ()
    """What the last rounds found."""
    at_once: int = 0
    """How many evacuations at once recoveries found best; 0: not found out yet."""
    learnt_at: float = 0.0
    """When, in seconds since the epoch."""
    undone: tuple[Incident, ...] = ()
    """Incidents that ended within a day with something that people must see to, the latest first."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Return a sentence for everything that needs a human, the worst first."""
        found = []
        if not self.leader:
            found.append("nobody leads triage: no event is answered. Start a worker: medevac worker")
        if not any(worker.conductor for worker in self.workers):
            found.append("no conductor runs: no job is carried out. Start a worker: medevac worker")
        found += [
            f"the policy files that {worker.name} reads are broken; policy set {worker.policy_set}, the last good one, "
            f"still holds: {worker.policy_problem}"
            for worker in self.workers
            if worker.policy_problem
        ]
        if len({worker.policy_set for worker in self.workers if worker.policy_set}) > 1:
            found.append("the workers go by different policies: bring the files on their machines to the same state")
        found += [site_prints.problem(self.workers)] if site_prints.differing(self.workers) else []
        found += _clocks(self.workers)
        found += self.brakes.problems
        found += _undone(self.undone)
        found += rounds.problems(self.fence_paths)
        if self.parked_postings:
            found.append(f"{self.parked_postings} postings on the board could not be read and lie in {layout.PARKED}")
        return tuple(found)


def look(client: KazooClient) -> SiteStatus:
    """Return the status of the site; raises StoreUnreachableError when ZooKeeper does not answer."""
    jobs = list(board_view.jobs(client))
    kept = list(incidents.read_all(client))
    states = collections.Counter(incident.state.value for incident in kept)
    now, learnt = time.time(), Experience(client).recall() or Learnt(0.0)
    return SiteStatus(
        workers=tuple(roll.call(client)),
        leader=_leader(client),
        events_waiting=len(intake.waiting(client)),
        jobs_waiting=sum(not job.owner for job in jobs),
        jobs_claimed=sum(bool(job.owner) for job in jobs),
        incidents=dict(states),
        parked_postings=len(bounded(client.get_children_async(layout.PARKED))),
        brakes=view.look(client, kept, now),
        fence_paths=rounds.paths(client),
        at_once=learnt.best,
        learnt_at=learnt.at,
        undone=undone(kept, now),
    )


def undone(incidents: Sequence[Incident], now: float) -> tuple[Incident, ...]:
    """Return those of *incidents* that were parked within a day before *now*, the latest first.

    Not those that people have ended themselves, nor where the same host or server has been recovered since.
    """
    again = {each.subject: each.opened_at for each in incidents if each.state is IncidentState.RECOVERED}
    found = [
        each
        for each in incidents
        if each.state is IncidentState.PARKED
        and (each.ended_at or 0.0) > now - TOLD_FOR
        and not each.reason.startswith(ABORTED)
        and again.get(each.subject, 0.0) <= each.opened_at
    ]
    return tuple(sorted(found, key=lambda each: (-(each.ended_at or 0.0), each.id)))


def _clocks(workers: Sequence[RollEntry]) -> Iterator[str]:
    """Yield a sentence for each machine with workers whose clock is wrong, by that of ZooKeeper."""
    worst = {each.host: each.clock_ahead for each in sorted(workers, key=lambda each: abs(each.clock_ahead))}
    for host, ahead in worst.items():
        if abs(ahead) > CLOCK_SLACK:
            side = "ahead of" if ahead > 0 else "behind"
            yield (
                f"the clock of {host} is {abs(ahead):.0f} s {side} ZooKeeper's: what its workers see and prove has the "
                "wrong time, so that proof that a host is off is refused, or a return missed. "
                "Set the clock (chronyc tracking), or that of ZooKeeper's leader if it is that one"
            )


def _undone(parked: Sequence[Incident]) -> Iterator[str]:
    shown = parked if len(parked) <= SHOWN else parked[:1]
    for each in shown:
        at = f"{datetime.fromtimestamp(each.ended_at or 0.0, UTC):%Y-%m-%d %H:%M:%SZ}"
        yield f"{each.id} was parked at {at}: {each.reason} (medevac incident show {each.id})"
    if len(parked) > len(shown):
        yield f"{len(parked) - len(shown)} more incidents were parked within a day: medevac incident list"


def _leader(client: KazooClient) -> str:
    contenders = client.Election(layout.LEADER).contenders()
    return str(contenders[0]) if contenders else ""
