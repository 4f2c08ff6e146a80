"""Status: a site at a glance, and what about it needs a human."""

from __future__ import annotations

import collections
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from kazoo.client import KazooClient

from medevac.core import layout
from medevac.workers import board_view, incidents, intake, roll
from medevac.workers.brakes import view
from medevac.workers.brakes.view import BrakeView
from medevac.workers.fencing import rounds
from medevac.workers.fencing.rounds import FencePath
from medevac.workers.roll import RollEntry
from medevac.workers.zookeeper import bounded


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
        found += self.brakes.problems
        found += rounds.problems(self.fence_paths)
        if self.parked_postings:
            found.append(f"{self.parked_postings} postings on the board could not be read and lie in {layout.PARKED}")
        return tuple(found)


def look(client: KazooClient) -> SiteStatus:
    """Return the status of the site; raises StoreUnreachableError when ZooKeeper does not answer."""
    jobs = list(board_view.jobs(client))
    kept = list(incidents.read_all(client))
    states = collections.Counter(incident.state.value for incident in kept)
    return SiteStatus(
        workers=tuple(roll.call(client)),
        leader=_leader(client),
        events_waiting=len(intake.waiting(client)),
        jobs_waiting=sum(not job.owner for job in jobs),
        jobs_claimed=sum(bool(job.owner) for job in jobs),
        incidents=dict(states),
        parked_postings=len(bounded(client.get_children_async(layout.PARKED))),
        brakes=view.look(client, kept, time.time()),
        fence_paths=rounds.paths(client),
    )


def _leader(client: KazooClient) -> str:
    contenders = client.Election(layout.LEADER).contenders()
    return str(contenders[0]) if contenders else ""
