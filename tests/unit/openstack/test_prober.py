"""What the prober sees of a port."""

from __future__ import annotations

import socket
import time

from medevac.workers.prober import NetworkProber

LOOPBACK = "127.0.0.1"


def test_a_port_on_which_something_listens_is_open_and_a_closed_one_is_not() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        assert NetworkProber().port_open(LOOPBACK, port, 1.0)
    assert not NetworkProber().port_open(LOOPBACK, port, 1.0)


def test_a_port_that_does_not_answer_costs_no_more_than_the_deadline() -> None:
    with socket.create_server((LOOPBACK, 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        with socket.socket() as first, socket.socket() as second:
            for filler in (first, second):  # the queue is full: further connections get no answer
                filler.settimeout(0)
                filler.connect_ex((LOOPBACK, port))
            began = time.monotonic()
            NetworkProber().port_open(LOOPBACK, port, 0.2)
            assert time.monotonic() - began < 30  # the kernel gives up after two minutes


def test_an_address_that_makes_no_sense_is_not_open_and_raises_nothing() -> None:
    assert not NetworkProber().port_open("no such address\x00", 22, 0.2)
    assert not NetworkProber().port_open("x" * 300, 22, 0.2)


def test_nobody_knows_of_guests_yet() -> None:
    assert NetworkProber().guest_ready("any") is None
