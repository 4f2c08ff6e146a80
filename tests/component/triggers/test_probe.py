"""Probes over real sockets, and a host whose guests' agents do as they are told; real ZooKeeper behind them."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.core.wire import decode
from medevac.triggers.outbox import Outbox
from medevac.triggers.probe_agent import NoAgentError, NoAnswerError
from medevac.triggers.probe_guests import Guests
from medevac.triggers.probe_reach import http, tcp
from medevac.triggers.probe_rules import Outcome
from medevac.triggers.probe_settings import GuestProbe, ProbeSettings
from tests.fixtures.waiting import until

SERVERS = [f"11111111-2222-3333-4444-{number:012d}" for number in range(20)]


@dataclass
class Rack:
    """A host with guests: `silent` ones do not answer, `agentless` ones have nobody who could."""

    guests: dict[str, int]
    silent: set[str] = field(default_factory=set)
    agentless: set[str] = field(default_factory=set)
    away: bool = False

    def running(self) -> Sequence[tuple[str, int, str]]:
        if self.away:
            raise NoAgentError("libvirt is away")
        return [(uuid, number, uuid) for uuid, number in self.guests.items()]

    def xml(self, guest: str) -> str:
        assert guest
        return "<domain/>"

    def ask(self, guest: str, command: str, seconds: float) -> str:
        assert json.loads(command)["execute"] == "guest-ping"
        assert seconds > 0
        if guest in self.agentless:
            raise NoAgentError
        if guest in self.silent:
            raise NoAnswerError
        return '{"return": {}}'


@pytest.fixture
def outbox(tmp_path: Path, zk: KazooClient, zk_hosts: str) -> Iterator[Outbox]:
    assert zk.connected
    made = Outbox(Spool(tmp_path / "spool"), zk_hosts)
    made.start()
    yield made
    made.stop()


@contextmanager
def watched(rack: Rack, outbox: Outbox, memory: Path | None = None) -> Iterator[Guests]:
    ways = (GuestProbe("agent-ping", every=0.05, timeout=1.0),)
    guests = Guests(ProbeSettings(guests=ways, list_every=0.1), "compute-1", rack, outbox.put, memory=memory)
    guests.start()
    ended = threading.Event()

    def turn() -> None:
        pause = 0.0
        while not ended.wait(pause):
            pause = guests.turn()

    thread = threading.Thread(target=turn, daemon=True)
    thread.start()
    try:
        yield guests
    finally:
        ended.set()
        thread.join(60)


def stored(zk: KazooClient) -> list[Event]:
    return [decode(Event, zk.get(layout.event(name))[0]) for name in sorted(zk.get_children(layout.EVENTS))]


def looked(guests: Guests, times: int) -> bool:
    """Wait until every guest has been looked at that often again."""
    wanted = guests.looks + times * guests.watched + 1
    return until(lambda: guests.looks >= wanted)


def test_a_guest_that_falls_silent_is_told_once_and_no_other(outbox: Outbox, zk: KazooClient) -> None:
    rack = Rack(dict.fromkeys(SERVERS, 1), agentless={SERVERS[1]}, silent={SERVERS[2]})
    with watched(rack, outbox) as guests:
        assert until(lambda: guests.watched == len(SERVERS))
        assert looked(guests, 3)
        assert stored(zk) == []  # one that never answered is none that fell silent
        rack.silent.add(SERVERS[0])
        assert until(lambda: len(stored(zk)) == 1)
        assert looked(guests, 10)
    (event,) = stored(zk)
    assert (event.kind.value, event.subject.name, event.source) == ("server.hung", SERVERS[0], "probe")
    assert {name: event.facts[name] for name in ("host", "probe", "run", "cause")} == {
        "host": "compute-1",
        "probe": "agent-ping",
        "run": "1",
        "cause": "agent",
    }


def test_a_guest_that_was_started_again_begins_anew(outbox: Outbox, zk: KazooClient) -> None:
    rack = Rack({SERVERS[0]: 1})
    with watched(rack, outbox) as guests:
        assert until(lambda: guests.watched == 1)
        assert looked(guests, 2)
        rack.silent.add(SERVERS[0])
        assert until(lambda: len(stored(zk)) == 1)
        rack.guests[SERVERS[0]] = 2  # it boots, and its agent is silent until it has
        assert until(lambda: ("run", 2) in {("run", lane.run) for lanes in guests.lanes() for lane in lanes})
        assert looked(guests, 6)
        assert len(stored(zk)) == 1
        rack.silent.clear()
        assert looked(guests, 3)
        rack.silent.add(SERVERS[0])
        assert until(lambda: len(stored(zk)) == 2)
    assert [event.facts["run"] for event in stored(zk)] == ["1", "2"]


def test_while_libvirt_is_away_nothing_is_told_and_nobody_is_forgotten(outbox: Outbox, zk: KazooClient) -> None:
    rack = Rack({SERVERS[0]: 1})
    with watched(rack, outbox) as guests:
        assert until(lambda: guests.watched == 1)
        assert looked(guests, 2)
        rack.away = True
        rack.agentless.add(SERVERS[0])
        assert looked(guests, 6)
        assert (guests.watched, stored(zk)) == (1, [])
        rack.away = False
        rack.agentless.clear()
        rack.silent.add(SERVERS[0])
        assert until(lambda: len(stored(zk)) == 1)


def test_a_guest_that_fell_silent_while_nobody_looked_is_told(outbox: Outbox, zk: KazooClient, tmp_path: Path) -> None:
    rack, memory = Rack(dict.fromkeys(SERVERS[:2], 1), silent={SERVERS[1]}), tmp_path / "well.json"
    with watched(rack, outbox, memory) as guests:
        assert until(lambda: guests.watched == 2)
        assert looked(guests, 3)
        assert until(memory.exists)
    rack.silent.add(SERVERS[0])
    with watched(rack, outbox, memory) as guests:
        assert until(lambda: len(stored(zk)) == 1)
        assert looked(guests, 5)
    assert [event.subject.name for event in stored(zk)] == [SERVERS[0]]


def test_a_memory_that_cannot_be_read_is_none(outbox: Outbox, zk: KazooClient, tmp_path: Path) -> None:
    memory = tmp_path / "well.json"
    memory.write_text("{")
    with watched(Rack({SERVERS[0]: 1}, silent={SERVERS[0]}), outbox, memory) as guests:
        assert until(lambda: guests.watched == 1)
        assert looked(guests, 5)
    assert stored(zk) == []


@contextmanager
def serving(*answers: bytes) -> Iterator[int]:
    """Take connections, and answer each with the next of *answers*."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as opened:

        def serve() -> None:
            for answer in answers:
                connection = opened.enter_context(listener.accept()[0])
                connection.recv(1000)
                connection.sendall(answer)
                if answer.endswith(b"\n"):
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n", Outcome.WELL),
        (b"HTTP/1.0 302 Found\r\n", Outcome.WELL),
        (b"HTTP/1.1 404 Not Found\r\n", Outcome.FAILED),
        (b"HTTP/1.1 503 Busy\r\n", Outcome.FAILED),
        (b"SSH-2.0-OpenSSH\r\n", Outcome.FAILED),
        (b"HTTP/1.1 2000 OK\r\n", Outcome.FAILED),
        (b"\n", Outcome.FAILED),
        (b"HTTP/1.1 20", Outcome.FAILED),  # and no more, ever
        (b"x" * 5000 + b"\n", Outcome.FAILED),
    ],
)
def test_http_is_well_when_its_first_line_says_so(answer: bytes, outcome: Outcome) -> None:
    with serving(answer) as port:
        assert http("127.0.0.1", port, "/health", 1.0 if outcome is Outcome.FAILED else 30.0) is outcome


def test_tcp_is_well_when_somebody_takes_the_connection() -> None:
    with serving() as port:
        assert tcp("127.0.0.1", port, 30.0) is Outcome.WELL
    assert tcp("127.0.0.1", port, 1.0) is Outcome.FAILED
    assert http("127.0.0.1", port, "/", 1.0) is Outcome.FAILED


@pytest.fixture
def storage() -> Iterator[socket.socket]:
    """Return a socket that has its port, which nobody else can take meanwhile, and refuses connections until told."""
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        yield refusing


def test_the_command_tells_of_a_network_that_is_away_and_of_its_return(
    tmp_path: Path, zk: KazooClient, zk_hosts: str, storage: socket.socket
) -> None:
    port = storage.getsockname()[1]
    config = tmp_path / "probe.toml"
    config.write_text(
        f'zookeeper = "{zk_hosts}"\nhost = "compute-1"\nspool = "{tmp_path}/spool"\n'
        f'[[network]]\nrole = "storage"\nreach = ["127.0.0.1:{port}"]\nevery = 0.1\nfailures = 2\n'
    )
    command = [sys.executable, "-m", "medevac.triggers.probe_command", "--config", str(config)]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout.partition(" (")[0]) == (1, "storage: failed"), checked.stderr
    process = subprocess.Popen([*command, "network"], stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: len(stored(zk)) == 1)
        storage.listen()
        assert until(lambda: len(stored(zk)) >= 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    told = [(event.kind.value, event.subject.name, event.facts["role"]) for event in stored(zk)][:2]
    assert told == [("host.network.down", "compute-1", "storage"), ("host.network.up", "compute-1", "storage")]


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "probe.toml").write_text(f'spool = "{tmp_path}/spool"\n')
    command = [sys.executable, "-m", "medevac.triggers.probe_command", "--config", str(tmp_path / "probe.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, "nothing to look at" in ended.stderr) == (1, True)
