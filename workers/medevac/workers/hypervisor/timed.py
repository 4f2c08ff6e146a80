"""Timed: calls that may never come back, each in a thread that may be lost.

libvirt's open() blocks for ever on a libvirtd that is frozen, and so does whatever needs the monitor of a frozen qemu:
neither has a limit of its own, and no call can be taken back.  (Measured on libvirt 9.0.0.)
"""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from medevac.core.errors import HypervisorUnavailableError

T = TypeVar("T")

MOST_LOST = 3
"""Calls to one host that may be lost at a time: each holds a thread, and a place among libvirtd's clients."""


class GivenUpError(Exception):
    """Nobody waits for this work any more: it must have no further effect."""


class Ticket:
    """What a piece of work shows before each effect: whether somebody still waits for it."""

    def __init__(self) -> None:
        """Be wanted."""
        self._given_up = threading.Event()

    def check(self) -> None:
        """Raise GivenUpError when nobody waits any more: an order that comes late may hit what was started since."""
        if self._given_up.is_set():
            raise GivenUpError

    def give_up(self) -> None:
        """Wait no more."""
        self._given_up.set()

    @property
    def given_up(self) -> bool:
        """Tell whether nobody waits any more."""
        return self._given_up.is_set()


class Timed:
    """Runs work with a deadline.  Thread-safe."""

    def __init__(self, most_lost: int = MOST_LOST) -> None:
        """Let *most_lost* calls to one host be lost at a time; more are refused at once."""
        self._most_lost = most_lost
        self._lost: Counter[str] = Counter()
        self._lock = threading.Lock()

    def call(self, host: str, seconds: float, doing: str, work: Callable[[Ticket], T]) -> T:
        """Return what *work* returns within *seconds*, and raise what it raises; the caller's guard holds in it.

        Raises HypervisorUnavailableError when it takes longer, or when too many calls to *host* are lost already.
        """
        with self._lock:
            if self._lost[host] >= self._most_lost:
                message = f"{doing}: the hypervisor of {host} has left {self._lost[host]} earlier calls unanswered"
                raise HypervisorUnavailableError(message)
        ticket, answer = Ticket(), Future[T]()
        work_here = copy_context().run
        arguments = (self._run, host, ticket, answer, work)
        threading.Thread(target=work_here, args=arguments, name=f"hypervisor-{host}", daemon=True).start()
        try:
            return answer.result(seconds)
        except TimeoutError:
            if not self._lose(host, ticket, answer):
                return answer.result()
            message = f"{doing}: the hypervisor of {host} has not answered within {seconds:.0f} s"
            raise HypervisorUnavailableError(message) from None

    def _lose(self, host: str, ticket: Ticket, answer: Future[T]) -> bool:
        """Give the call up, unless it has ended meanwhile."""
        with self._lock:
            if answer.done():
                return False
            ticket.give_up()
            self._lost[host] += 1
            return True

    def _run(self, host: str, ticket: Ticket, answer: Future[T], work: Callable[[Ticket], T]) -> None:
        try:
            result = work(ticket)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            _let_go(error)
            self._settle(host, ticket, partial(answer.set_exception, error))
        else:
            self._settle(host, ticket, partial(answer.set_result, result))

    def _settle(self, host: str, ticket: Ticket, settle: Callable[[], None]) -> None:
        with self._lock:
            if ticket.given_up:
                self._lost[host] -= 1
            else:
                settle()


def _let_go(error: BaseException | None) -> None:
    """Free here what the frames of *error*, and of what it came from, hold.

    Freeing a connection talks to its libvirtd.  Held by a traceback, which is part of a cycle, it would be freed in
    whichever thread collects garbage next, and with a frozen libvirtd that thread would never go on.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
