"""Turns: whose turn it is, among servers that wait for others.  A pure state machine.

It is told which servers were seen ready and which are lost, and says who may go, who waits, and who stops.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Mapping, Sequence

from medevac.flows.plan import Dependency, Plan

NAMED = 5
"""How many servers a sentence names before it only counts."""

Question = tuple[str, str]
"""The id of a server that others wait for, and what must be seen of it: active, guest or port:NUMBER."""


class Turn(enum.StrEnum):
    """What holds for a server now."""

    WAIT = "wait"
    GO = "go"
    STOP = "stop"


class _Gate:
    """One dependency: shut until what it waits for is ready, or was waited for in vain."""

    def __init__(self, dependency: Dependency) -> None:
        self.dependency = dependency
        self.turn = Turn.WAIT
        self.reason = ""
        self.since: float | None = None

    def end(self, turn: Turn, reason: str = "") -> None:
        self.turn, self.reason = turn, reason


class Turns:
    """The turns of some servers of a plan.

    A time-out counts from when those that are waited for wait for nobody themselves, so that the links of a chain
    have their time one after the other.  All times begin again with a conductor that takes over.
    """

    def __init__(self, plan: Plan, mine: Collection[str]) -> None:
        """Look after the turns of *mine*, ids of servers."""
        waits = [wait for wait in plan.order.dependencies if not set(mine).isdisjoint(wait.waiters)]
        self._gates = [_Gate(wait) for wait in waits]
        self._of: dict[str, list[_Gate]] = {}
        for gate in self._gates:
            for waiter in gate.dependency.waiters:
                self._of.setdefault(waiter, []).append(gate)
        self._names = {server.id: server.name for server in plan.servers} | {s.id: s.name for s in plan.left}
        self._ready: dict[Question, float] = {}
        self._lost = {server.id: server.reason for server in plan.left}

    @property
    def open(self) -> bool:
        """Tell whether anybody still waits."""
        return any(gate.turn is Turn.WAIT for gate in self._gates)

    def waits(self, server_id: str) -> bool:
        """Tell whether the server has, or had, to wait for another."""
        return server_id in self._of

    def turn(self, server_id: str) -> Turn:
        """Return what holds for the server."""
        turns = {gate.turn for gate in self._of.get(server_id, ())}
        return next((turn for turn in (Turn.STOP, Turn.WAIT) if turn in turns), Turn.GO)

    def reason(self, server_id: str) -> str:
        """Return why the server stops; empty where it does not."""
        return next((gate.reason for gate in self._of.get(server_id, ()) if gate.turn is Turn.STOP), "")

    def questions(self) -> list[Question]:
        """Return what has to be seen, each once: of servers that are not lost, for gates that are shut."""
        asked = (
            (awaited, gate.dependency.ready)
            for gate in self._gates
            if gate.turn is Turn.WAIT
            for awaited in gate.dependency.awaited
        )
        return [each for each in dict.fromkeys(asked) if each not in self._ready and each[0] not in self._lost]

    def see(self, question: Question, now: float) -> None:
        """Note that what *question* asks for was seen."""
        self._ready.setdefault(question, now)

    def excuse(self, server_id: str, now: float) -> None:
        """Note that nobody has to wait for the server."""
        for question in self.questions():
            if question[0] == server_id:
                self.see(question, now)

    def lose(self, server_id: str, reason: str) -> None:
        """Note that the server will not come back in this recovery."""
        self._lost.setdefault(server_id, reason)

    def advance(self, now: float) -> list[str]:
        """Open what can be opened; return a sentence for each that was waited for in vain."""
        shut = [gate for gate in self._gates if gate.turn is Turn.WAIT]
        return [sentence for gate in shut if (sentence := self._advance(gate, now))]

    def _advance(self, gate: _Gate, now: float) -> str:
        wait = gate.dependency
        missing = [awaited for awaited in wait.awaited if (awaited, wait.ready) not in self._ready]
        lost = [awaited for awaited in missing if awaited in self._lost]
        rested = now >= self._seen_at(wait) + wait.delay
        if not missing:
            gate.turn = Turn.GO if rested else Turn.WAIT
            return ""
        if lost and (wait.stops or (rested and len(lost) == len(missing))):
            return self._in_vain(gate, self._told(lost, self._lost))
        if gate.since is None and all(self.turn(awaited) is Turn.GO for awaited in wait.awaited):
            gate.since = now
        if gate.since is not None and now - gate.since >= wait.timeout:
            unseen = f"not {wait.ready} within {wait.timeout:.0f} s"
            return self._in_vain(gate, f"{self._told(missing, self._lost)}: {unseen}")
        return ""

    def _in_vain(self, gate: _Gate, why: str) -> str:
        wait = gate.dependency
        who = self._told(wait.waiters, {})
        if wait.stops:
            gate.end(Turn.STOP, f"it waited in vain for {why}")
            return f"{who} will not be started: waited in vain for {why}"
        gate.end(Turn.GO)
        return f"{who} will wait no longer, as the policy says: waited in vain for {why}"

    def _seen_at(self, wait: Dependency) -> float:
        """Return when the last was seen ready of those that were; minus infinity where none was."""
        questions = [(awaited, wait.ready) for awaited in wait.awaited]
        return max((self._ready[each] for each in questions if each in self._ready), default=-math.inf)

    def _told(self, ids: Sequence[str], why: Mapping[str, str]) -> str:
        named = [self._names.get(i, i) + (f" ({why[i]})" if i in why else "") for i in ids[:NAMED]]
        return ", ".join(named) + (f" and {len(ids) - NAMED} more" if len(ids) > NAMED else "")
