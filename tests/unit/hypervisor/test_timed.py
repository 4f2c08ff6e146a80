"""Calls that never come back are given up, counted, and have no effect when they come back after all."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from medevac.core.errors import HypervisorUnavailableError
from medevac.workers.hypervisor.timed import GivenUpError, Ticket, Timed
from tests.fixtures.waiting import until

SHORT = 0.02
LONG = 30.0


def test_an_answer_is_returned_and_an_error_raised_as_they_are() -> None:
    timed = Timed()
    assert timed.call("h1", LONG, "ask", lambda _: 7) == 7
    with pytest.raises(KeyError):
        timed.call("h1", LONG, "ask", lambda _: {}["nothing"])


def test_a_time_out_of_the_work_itself_is_not_taken_for_silence() -> None:
    def fail(_ticket: Ticket) -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        Timed().call("h1", LONG, "ask", fail)


def test_work_that_takes_too_long_is_given_up_and_has_no_effect_later() -> None:
    thaw, told = threading.Event(), []

    def work(ticket: Ticket) -> None:
        thaw.wait(LONG)
        try:
            ticket.check()
        except GivenUpError:
            told.append("given up")
            raise
        told.append("done")

    with pytest.raises(HypervisorUnavailableError, match="kill server 1: the hypervisor of h1 has not answered"):
        Timed().call("h1", SHORT, "kill server 1", work)
    thaw.set()
    assert until(lambda: told)
    assert told == ["given up"]


def test_a_host_with_too_many_lost_calls_is_not_asked_and_others_are() -> None:
    thaw, timed = threading.Event(), Timed(most_lost=2)
    for _ in range(2):
        with pytest.raises(HypervisorUnavailableError, match="not answered within"):
            timed.call("h1", SHORT, "ask", lambda _: thaw.wait(LONG))
    with pytest.raises(HypervisorUnavailableError, match="2 earlier calls unanswered"):
        timed.call("h1", LONG, "ask", lambda _: True)
    assert timed.call("h2", LONG, "ask", lambda _: True)
    thaw.set()
    assert until(lambda: _answers(timed))


def test_the_callers_context_holds_in_the_work() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="nothing")
    variable.set("ours")
    assert Timed().call("h1", LONG, "ask", lambda _: variable.get()) == "ours"


def _answers(timed: Timed) -> bool:
    try:
        return timed.call("h1", LONG, "ask", lambda _: True)
    except HypervisorUnavailableError:
        return False


class Handle:
    """What a library frees by a call that may hang."""

    freed_in: list[str]

    def __del__(self) -> None:
        self.freed_in.append(threading.current_thread().name)


def test_what_failed_work_held_is_freed_in_its_own_thread_and_not_by_whoever_collects_garbage() -> None:
    Handle.freed_in = []

    def fail(_ticket: Ticket) -> None:
        handle = Handle()
        try:
            dict[str, int]()["first"]
        except KeyError as error:
            message = f"second, with {handle!r} at hand"
            raise ValueError(message) from error

    with pytest.raises(ValueError, match="second"):
        Timed().call("h1", LONG, "ask", fail)
    assert Handle.freed_in == ["hypervisor-h1"]
