"""The network probe on real interfaces: a cable that is out, a neighbour that is gone, an interface that is down."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event
from medevac.core.wire import decode
from medevac.sandbox.zookeeper import ZookeeperServer
from tests.fixtures.services import absent
from tests.fixtures.waiting import until
from tests.pacemaker.cluster import ClusterMissingError, require_installed
from tests.pacemaker.network import Network

pytestmark = [pytest.mark.real_pacemaker, pytest.mark.timeout(600)]

HERE, FIRST, SECOND = "here", "first", "second"
ADDRESSES = {HERE: "10.98.0.1", FIRST: "10.98.0.2", SECOND: "10.98.0.3"}
PORT, STORE = 7000, 2181
LISTEN = f"import socket,time; s=socket.create_server(('', {PORT})); time.sleep(3600)"


class Wired:
    """A host with one storage network, on which two others listen; its way to ZooKeeper is another."""

    def __init__(self, folder: Path, server: ZookeeperServer, site: str) -> None:
        self.network = Network(ADDRESSES, "probe-")
        self._folder = folder
        self._site = site
        self._store = ("127.0.0.1", server.port)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self.network.make()
        self.relay = self.network.relay(HERE, STORE, self._store)
        for other in (FIRST, SECOND):
            self.processes[other] = self.run(other, sys.executable, "-c", LISTEN)
        reach = [f"{ADDRESSES[other]}:{PORT}" for other in (FIRST, SECOND)]
        told = {"role": "storage", "interface": "eth0", "reach": reach, "need": 1, "every": 0.3, "timeout": 0.5}
        lines = [
            f'zookeeper = "127.0.0.1:{STORE}{self._site}"',
            'host = "compute-1"',
            f'spool = "{self._folder}/spool"',
        ]
        lines += ["[[network]]", *(f"{name} = {json.dumps(value)}" for name, value in told.items())]
        (self._folder / "probe.toml").write_text("\n".join(lines))
        command = ("-m", "medevac.triggers.probe_command", "network", "--config", str(self._folder / "probe.toml"))
        self.processes[HERE] = self.run(HERE, sys.executable, *command)

    def run(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["ip", "netns", "exec", self.network.namespace(host), *command])

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.relay.close()
        self.network.remove()


@pytest.fixture
def wired(tmp_path: Path, zookeeper: ZookeeperServer, zk: KazooClient, zk_hosts: str) -> Iterator[Wired]:
    assert zk.connected
    try:
        require_installed()
    except ClusterMissingError as error:
        absent("network namespaces", str(error))
    made = Wired(tmp_path, zookeeper, zk_hosts.partition("/")[1] + zk_hosts.partition("/")[2])
    try:
        made.start()
        yield made
    finally:
        made.stop()


def stored(zk: KazooClient) -> list[Event]:
    return [decode(Event, zk.get(layout.event(name))[0]) for name in sorted(zk.get_children(layout.EVENTS))]


def told(zk: KazooClient) -> list[tuple[str, str]]:
    return [(event.kind.value, event.facts["cause"]) for event in stored(zk)]


DOWN, UP = "host.network.down", "host.network.up"


def tells(zk: KazooClient, *wanted: tuple[str, str], since: float) -> None:
    assert until(lambda: len(told(zk)) >= len(wanted), 30)
    print(f"\n  {wanted[-1][0]} ({wanted[-1][1]}): {time.monotonic() - since:.2f} s from cause to event in ZooKeeper")  # noqa: T201 - a measurement
    assert told(zk) == list(wanted)


def test_a_network_is_told_when_its_cable_or_all_its_neighbours_are_gone(wired: Wired, zk: KazooClient) -> None:
    other = wired.processes[SECOND]
    other.send_signal(signal.SIGKILL)  # one of two is enough
    other.wait()

    since = time.monotonic()
    wired.network.cut(HERE)
    tells(zk, (DOWN, "carrier"), since=since)
    since = time.monotonic()
    wired.network.plug(HERE)
    tells(zk, (DOWN, "carrier"), (UP, ""), since=since)

    since = time.monotonic()
    wired.network.cut(FIRST)
    tells(zk, (DOWN, "carrier"), (UP, ""), (DOWN, "reach"), since=since)
    event = stored(zk)[-1]
    assert (event.subject.name, event.facts["role"], event.facts["interface"]) == ("compute-1", "storage", "eth0")
    assert event.facts["reached"] == "0 of 2 reached, 1 needed"
