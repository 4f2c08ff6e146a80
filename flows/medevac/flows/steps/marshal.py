"""Marshal: sees who is ready, and starts in order what was held where it arrived."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from medevac.core.errors import CloudUnavailableError, ConflictError, NotFoundError, RefusedError
from medevac.core.journal import JournalEntry
from medevac.flows.evacuation import Wave
from medevac.flows.guest_agents import guest_answers
from medevac.flows.journey import Journey
from medevac.flows.plan import Plan, PlannedServer
from medevac.flows.ports import Ports, Server
from medevac.flows.steps.base import Step
from medevac.flows.turns import Question

PROBE = 1.0
"""Seconds for one try of a port."""
PROBING = 2.0
"""Seconds after which further ports are tried at the next look, so that a silent one does not hold up the others."""
CLOCK_SLACK = 1.0
"""Nova's times have whole seconds."""


class Marshal:
    """The part of a convoy that keeps the order; where nobody waits for anybody, it asks for nothing."""

    def __init__(self, step: Step, ports: Ports, plan: Plan, wave: Wave) -> None:
        """Speak for *step*."""
        self._step = step
        self._ports = ports
        self._plan = plan
        self._wave = wave
        self._probed: deque[Question] = deque()

    def look(self) -> list[JournalEntry]:
        """See who runs and who is ready, and give the turns accordingly; return what is to be told."""
        if not (self._wave.turns.open or self._wave.looks_at_servers):
            return []
        seen = self._servers() if self._wave.looks_at_servers else {}
        now = self._ports.clock.now
        changed = self._wave.look(now(), seen)
        self._see_ready(seen)
        told, stopped = self._wave.keep_order(now(), seen)
        return [*self._lines([*changed, *stopped]), *(self._step.entry(self._ports, text) for text in told)]

    def start_those_due(self) -> list[JournalEntry]:
        """Ask Nova to start what was seen shut off and whose turn has come; return what is to be told."""
        told: list[JournalEntry] = []
        for server in self._wave.startable(self._ports.clock.now()):
            self._ports.log.assert_owned()
            try:
                told += self._start(server)
            except CloudUnavailableError as error:
                # It may have been carried out: the next look tells, and that waits until the cloud answers.
                self._wave.started(server.id, self._ports.clock.now(), answered=False)
                told.append(self._line(server, f"asked to start {server.name}, no answer: {error}"))
                break
        return told

    def _start(self, server: PlannedServer) -> list[JournalEntry]:
        now = self._ports.clock.now
        try:
            self._ports.cloud.start(server.id)
        except NotFoundError:
            return self._lines([self._wave.skip(server.id, "its owner deleted it meanwhile")])
        except (ConflictError, RefusedError) as error:
            self._wave.started(server.id, now())
            return self._lines([self._wave.not_started(server.id, now(), f"Nova refused: {error}")])
        self._wave.started(server.id, now())
        return [self._line(server, f"asked Nova to start {server.name}")]

    def _servers(self) -> Mapping[str, Server]:
        since = self._wave.since
        if since is None:
            return {}
        cloud = self._ports.cloud
        changed = self._step.patiently(self._ports, lambda: cloud.servers_changed_since(since - CLOCK_SLACK))
        return {server.id: server for server in changed}

    def _see_ready(self, seen: Mapping[str, Server]) -> None:
        """Look at all that others wait for; ports are tried in turn, as long as a look may take."""
        turns, clock = self._wave.turns, self._ports.clock
        questions = turns.questions()
        self._probed = deque(question for question in self._probed if question in questions)
        late = [question for question in questions if question not in self._probed]
        give_up = clock.now() + PROBING
        for question in (*late, *self._probed):
            server = seen.get(question[0])
            if server is None or clock.now() >= give_up:
                continue
            if server.vm_state == "deleted" or (self._runs(server) and self._is_ready(question, server)):
                turns.see(question, clock.now())
            elif question in self._probed:
                self._probed.remove(question)
                self._probed.append(question)
            else:
                self._probed.append(question)

    def _runs(self, server: Server) -> bool:
        elsewhere = server.host not in ("", self._plan.host)
        return elsewhere and server.vm_state == "active" and not server.task_state

    def _is_ready(self, question: Question, server: Server) -> bool:
        kind, _, port = question[1].partition(":")
        if kind == "guest":
            return guest_answers(self._ports, server)
        if kind == "port":
            return any(self._ports.prober.port_open(address, int(port), PROBE) for address in server.addresses)
        return True

    def _lines(self, changed: Iterable[Journey]) -> list[JournalEntry]:
        return [self._line(j.server, f"{j.server.name}: {j.reason}") for j in changed if j.reason]

    def _line(self, server: PlannedServer, text: str) -> JournalEntry:
        return self._step.entry(self._ports, text, server.id)
