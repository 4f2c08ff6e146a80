"""Canary: asks each qemu something now and then, because a frozen one sends no event and libvirt answers for it.

A question to a frozen qemu never comes back, so it is asked in a thread that may be lost; meanwhile libvirt itself
tells for how long the question has been waiting (controlInfo never blocks).  Source: measured on libvirt 9.0.0.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

FROZEN_AFTER = 30.0
"""Seconds for which a question has waited when its qemu is taken for frozen; busy ones answer in far less."""
MOST_LOST = 3
"""Questions that may wait at a time: libvirtd serves 5 calls of one client at once (max_client_requests)."""
LOOK_EVERY = 2.0
"""Seconds between two looks at the questions that wait."""
_OCCUPIED = 2
"""virDomainControlState: qemu's monitor is waited for."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A qemu has not answered for the limit."""

    server: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Thawed:
    """A qemu that was told to be frozen has answered."""

    server: str


@dataclass(frozen=True, slots=True)
class Silent:
    """libvirt's driver has not answered for the limit, though its connection lives."""

    attempt: int


@dataclass(slots=True)
class _Round:
    """One round of questions to all servers of one connection, in a thread that may be lost."""

    attempt: int
    connection: Any
    left: list[Any] = field(default_factory=list)
    asked: Any = None
    since: float = field(default_factory=time.monotonic)
    over: bool = False
    told: bool = False


class Canary:
    """Watches one connection at a time."""

    def __init__(
        self,
        tell: Callable[[Frozen | Thawed | Silent], None],
        failure: type[Exception],
        every: float,
        limit: float = FROZEN_AFTER,
    ) -> None:
        """Begin a round *every* so many seconds; *failure* is what libvirt's calls raise."""
        self._tell = tell
        self._failure = failure
        self._every = every
        self._limit = limit
        self._rounds: list[_Round] = []
        self._current: tuple[int, Any] | None = None
        self._changed = threading.Event()
        threading.Thread(target=self._run, name="canary", daemon=True).start()

    def watch(self, attempt: int, connection: Any) -> None:  # noqa: ANN401 - libvirt has no types
        """Ask over this connection from now on."""
        self._current = (attempt, connection)
        self._changed.set()

    def _run(self) -> None:
        next_round = 0.0
        while True:
            if self._changed.wait(LOOK_EVERY):
                self._changed.clear()
                self._rounds.clear()
                next_round = time.monotonic() + min(self._every, LOOK_EVERY)
            self._look()
            if (
                self._current
                and time.monotonic() >= next_round
                and all(each.over or each.told for each in self._rounds)
            ):
                next_round = time.monotonic() + self._every
                self._begin(_Round(*self._current))

    def _begin(self, new: _Round) -> None:
        self._rounds = [each for each in self._rounds if not each.over]
        if len(self._rounds) < MOST_LOST:
            self._rounds.append(new)
            threading.Thread(target=self._ask_all, args=(new,), name="canary-round", daemon=True).start()

    def _ask_all(self, this: _Round) -> None:
        """Ask until there is nobody left; a question that never comes back ends this thread's use."""
        waiting = {each.asked.UUIDString() for each in self._rounds if each.asked is not None}
        try:
            this.left = this.left or [d for d in this.connection.listAllDomains() if d.isActive()]
            while this.left:
                domain = this.left.pop()
                if domain.UUIDString() not in waiting:
                    this.since, this.asked = time.monotonic(), domain
                    self._ask(domain)
                    this.asked = None
                    if this.told:
                        self._tell(Thawed(domain.UUIDString()))
                        break
        except self._failure as error:
            log.debug("canary: %s", error)
        this.over = True

    def _ask(self, domain: Any) -> None:  # noqa: ANN401 - libvirt has no types
        """Ask what every qemu answers from its monitor, whatever devices it has, and a read-only client may ask."""
        try:
            domain.ioThreadInfo(0)
        except self._failure as error:
            log.debug("canary: %s", error)
            if self._is_occupied(domain):  # somebody else's question holds ours up, until libvirt gives up on it
                self._tell_frozen(domain)

    def _is_occupied(self, domain: Any) -> bool:  # noqa: ANN401 - libvirt has no types
        try:
            state, _, waited = domain.controlInfo()
        except self._failure:
            return False
        return bool(state == _OCCUPIED and waited >= self._limit * 1000)

    def _tell_frozen(self, domain: Any) -> None:  # noqa: ANN401 - libvirt has no types
        self._tell(Frozen(domain.UUIDString(), {"event": "no answer", "seconds": f"{self._limit:.0f}"}))

    def _look(self) -> None:
        for each in list(self._rounds):
            if not each.over and not each.told and time.monotonic() - each.since > self._limit:
                self._judge(each)

    def _judge(self, this: _Round) -> None:
        """Tell who it is that does not answer, and let another round ask those who are left."""
        this.told = True
        domain = this.asked
        if domain is None:
            self._tell(Silent(this.attempt))
            return
        self._tell_frozen(domain)
        if this.left:
            self._begin(_Round(this.attempt, this.connection, left=list(this.left)))
