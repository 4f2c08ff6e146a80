"""What medevac-probe costs on a compute node: guest agents asked over unix sockets, in their own protocol.

Prints JSON: processor seconds a minute, resident memory, and how late questions were.  The agents are simulated by a
process of their own (guest-ping after guest-sync would be libvirtd's part, which tests/libvirt/test_probe.py prices on
a real qemu-ga); --silent of them take questions and never answer.

    python benchmarks/probe.py [--guests 200] [--silent 10] [--seconds 60]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from medevac.core.event import Event
from medevac.triggers.probe_agent import NoAnswerError
from medevac.triggers.probe_guests import Guests
from medevac.triggers.probe_settings import GuestProbe, ProbeSettings

EVERY, TIMEOUT = 10.0, 5.0


class Agents:
    """A host whose guests' agents are sockets in *folder*."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._guests = [(f"00000000-0000-4000-8000-{number:012d}", number, number) for number in range(count)]

    def running(self) -> Sequence[tuple[str, int, Any]]:
        """Return all of them."""
        return self._guests

    def xml(self, guest: int) -> str:
        """Return as little as a domain can say."""
        return f"<domain><name>{guest}</name></domain>"

    def ask(self, guest: int, command: str, seconds: float) -> str:
        """Ask its socket."""
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(seconds)
            channel.connect(str(self._folder / str(guest)))
            channel.sendall(command.encode() + b"\n")
            try:
                return channel.makefile().readline()
            except TimeoutError as error:
                raise NoAnswerError from error


def serve(folder: Path, count: int, silent: int) -> None:
    """Be the agents; the first *silent* of them answer one round and no more."""
    rounds = [0] * count

    def answer(number: int, listener: socket.socket) -> None:
        kept = []
        while True:
            channel, _ = listener.accept()
            channel.recv(4096)
            rounds[number] += 1
            if number < silent and rounds[number] > 1:
                kept.append(channel)
                continue
            channel.sendall(b'{"return": {}}\n')
            channel.close()

    for number in range(count):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / str(number)))
        listener.listen(8)
        threading.Thread(target=answer, args=(number, listener), daemon=True).start()
    (folder / "ready").touch()
    threading.Event().wait()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guests", type=int, default=200)
    parser.add_argument("--silent", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60.0)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = os.fork()
        if child == 0:
            serve(folder, told.guests, told.silent)
        try:
            while not (folder / "ready").exists():
                time.sleep(0.05)
            print(json.dumps(measure(folder, told.guests, told.seconds), indent=2))
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)


def measure(folder: Path, count: int, seconds: float) -> dict[str, object]:
    """Let the probe run for *seconds*."""
    events: list[Event] = []
    settings = ProbeSettings(guests=(GuestProbe("agent-ping", every=EVERY, timeout=TIMEOUT),))
    guests = Guests(settings, "compute-1", Agents(folder, count), events.append)
    guests.start()
    process = psutil.Process()
    before, began = process.cpu_times(), time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(guests.turn())
    after, took = process.cpu_times(), time.monotonic() - began
    spent = (after.user + after.system) - (before.user + before.system)
    return {
        "guests": count,
        "questions": guests.looks,
        "cpu_seconds_a_minute": round(spent / took * 60, 2),
        "memory_mib": round(process.memory_info().rss / 2**20, 1),
        "questions_a_minute": round(guests.looks / took * 60),
        "questions_wanted_a_minute": round(count * 60 / EVERY),
        "events": len(events),
        "python": sys.version.split()[0],
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
