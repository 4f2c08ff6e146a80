"""Caps: what the site and its policies allow at once, held against what really is under way.

Evacuations are counted in Nova's own records, as sites are promised: those that are accepted, or that a destination
works on, whoever asked for them.  What a policy allows at once is counted by what Nova really works on: a call that it
has forgotten takes nobody's place there.  Recoveries that an operator has held do not count from then on: that they go
on beside others is his word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from medevac.core.incident import Incident, IncidentState, failure_of
from medevac.core.journal import INTENDS
from medevac.flows.caps import DOUBTED, FORGOTTEN
from medevac.flows.policy.language import Evacuate
from medevac.flows.policy.words import HOST_DOWN, HOST_UP
from medevac.sandbox.cloud.model.migration import EVACUATION, LIVE, Migration
from medevac.workers import incidents

if TYPE_CHECKING:  # the stage needs the witness, which needs this
    from medevac.sandbox.scenarios.process import Process
    from medevac.sandbox.scenarios.stage import Stage

_RETURNS = 8
"""Hosts that one worker brings back at once, as docs/brakes.md promises: they take no place of those that died."""


class Caps:
    """Counts, and says what is too much."""

    def __init__(self, stage: Stage) -> None:
        """Judge by the site and the policies of *stage*."""
        self._stage = stage
        self._limits = stage.ground.site.limits
        self._brakes = stage.ground.site.brakes
        self.held: set[str] = set()
        """Incidents that an operator has held."""
        self._asked_for = 0
        self._ordered: dict[str, float] = {}

    def evacuations(self) -> Iterator[str]:
        """Yield what is wrong with the evacuations under way, the world being settled."""
        world, most, each = self._stage.world, self._limits.evacuations, self._limits.evacuations_per_host
        asked_for = len(world.migrations)
        if most and asked_for > self._asked_for:
            on_their_way = {record.server_id for record in self._live()}
            if len(on_their_way) > most:
                yield f"{len(on_their_way)} evacuations are under way, and the site wants {most} at most"
        self._asked_for = asked_for
        if each:
            for host, number in Counter(record.destination for record in self._live()).items():
                if host and number > each:
                    yield f"{number} evacuations are under way to {host}, and the site wants {each} at most"

    def _live(self) -> list[Migration]:
        records = self._stage.world.migrations.values()
        return [each for each in records if each.kind == EVACUATION and each.status in LIVE and self._is_going(each)]

    def _is_going(self, record: Migration) -> bool:
        """Tell whether Nova may work on a live record: one that it has forgotten for minutes takes no place."""
        world, server = self._stage.world, self._stage.world.servers[record.server_id]
        age = world.now - math.floor(record.changed_at)  # Nova tells whole seconds
        if server.deleted or server.host != record.source or age >= FORGOTTEN:
            return False
        return age < DOUBTED or server.rebuild is not None

    def recoveries(self, stored: Iterable[Incident]) -> Iterator[str]:
        """Yield what is wrong with the recoveries of dead hosts that are under way; *stored* are all incidents."""
        going = [each for each in stored if each.failure == HOST_DOWN and each.state is IncidentState.RECOVERING]
        names = sorted(each.subject.name for each in going if each.id not in self.held)
        most = self._brakes.hosts_at_once
        if len(names) > most:
            yield f"{' and '.join(names)} are recovered at once, and the site wants {most} at most"

    def claim(self, worker: Process, incident: Incident) -> Iterator[str]:
        """Yield what is wrong with *worker* claiming the job of *incident* beside those that it has claimed."""
        places = {HOST_DOWN: self._limits.parallel_hosts, HOST_UP: _RETURNS}
        if incident.failure not in places:
            return
        beside = sorted(each.name for each in worker.all_claims() if failure_of(each.name) == incident.failure)
        most = places[incident.failure]
        if len(beside) + 1 > most:
            told = f"{worker.name} recovers {incident.id} beside {' and '.join(beside)}"
            yield f"{told}, and the site wants {most} hosts at once in one worker"

    def fencing(self, incident: str, host: str) -> Iterator[str]:
        """Yield what is wrong with *host* having been switched off for *incident*."""
        if incident in self.held:
            return
        now, window, most = self._stage.loom.now(), self._brakes.fencing_window, self._brakes.fencings
        self._ordered[host] = now
        lately = sorted(name for name, at in self._ordered.items() if at > now - float(window))
        if len(lately) > most:
            yield f"{' and '.join(lately)} were switched off within {window}, and the site wants {most} at most"

    def step(self, incident: Incident, server_id: str) -> Iterator[str]:
        """Yield what is wrong with the step of *incident* that has just asked for a server."""
        world, asked = self._stage.world, self._asked_by(incident.id)
        step, home = asked.get(server_id, ""), incident.host or incident.subject.name
        most = self._parallel(step.partition(":")[2], incident.failure)
        servers = [world.servers[each] for each, other in asked.items() if other == step]
        worked_on = [each for each in servers if each.rebuild is not None and each.host == home]
        if most and len(worked_on) > most:
            yield f"{step} has {len(worked_on)} servers under way, and its policy wants {most} at most"

    def _asked_by(self, incident: str) -> dict[str, str]:
        """Return the step that last asked for each server, as its worker has written it down before."""
        entries = incidents.journal(self._stage.observer, incident)
        return {entry.server: entry.step for entry in entries if entry.facts.get(INTENDS) == Evacuate.word}

    def _parallel(self, policy: str, failure: str) -> int:
        """Return how many *policy* allows at once, the most where it says so in several places; 0 where nowhere."""
        flows = [each.when[failure] for each in self._stage.ground.policies.policies if each.name == policy]
        return max((step.parallel for flow in flows for step in flow.every(Evacuate)), default=0)
