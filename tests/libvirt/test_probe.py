"""Probes of guests, against a real qemu-ga in a real guest: silence, heartbeats, and what the questions cost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.fixtures.waiting import until
from tests.libvirt import guest
from tests.libvirt.conftest import HOST, Ear, Guest
from tests.libvirt.hypervisor import Hypervisor

BEAT = "while :; do n=$((n+1)); echo $n > /beat; sleep 1; done & echo $! > /beater"


@pytest.fixture
def probe(ear: Ear) -> Iterator[Ear]:
    """Return the ear, which hears the probe's process instead of the listener's."""
    ways = [{"way": "agent-ping"}, {"way": "file", "path": "/beat", "age": 4.0}]
    lines = [f'zookeeper = "{ear.zookeeper}"', f'uri = "{ear.uri}"', f'host = "{HOST}"']
    lines += [f'spool = "{ear.folder}/probe-spool"']
    for way in ways:
        lines += ["[[guest]]", "every = 1.0", "timeout = 2.0", "failures = 2"]
        lines += [
            f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in way.items()
        ]
    (ear.folder / "probe.toml").write_text("\n".join(lines))
    command = [sys.executable, "-m", "medevac.triggers.probe_command", "guests", "--verbose", "--config"]
    with (ear.folder / "log").open("wb") as log:
        ear.process = subprocess.Popen([*command, str(ear.folder / "probe.toml")], stderr=log)
    yield ear
    ear.stop(signal.SIGKILL)


def kinds(probe: Ear) -> list[str]:
    return [event.kind.value for event in probe.events()]


def tells(probe: Ear, *wanted: str, since: float) -> None:
    assert until(lambda: len(kinds(probe)) >= len(wanted), 60), probe.said()
    print(f"\n  {wanted[-1]}: {time.monotonic() - since:.2f} s from cause to event in ZooKeeper")  # noqa: T201 - a measurement
    assert kinds(probe) == list(wanted), probe.said()


def test_a_silent_agent_and_a_stopped_workload_are_told_and_their_return(
    guests: Callable[[str], Guest], hypervisor: Hypervisor, probe: Ear
) -> None:
    server = guests("looked-at")
    server.boot(agent=True)
    assert server.serial
    server.serial.type(guest.START_AGENT)
    server.serial.type(BEAT)
    probe.wait_for("agent-ping: well", deadline=60)
    probe.wait_for("file /beat: well", deadline=60)
    assert probe.events() == []

    since = time.monotonic()
    server.serial.type("kill -9 $(cat /beater)")
    tells(probe, "workload.failed", since=since)
    since = time.monotonic()
    server.serial.type(BEAT)
    tells(probe, "workload.failed", "workload.ok", since=since)

    since = time.monotonic()
    server.serial.type("kill -STOP $(cat /tmp/agent.pid)")
    tells(probe, "workload.failed", "workload.ok", "server.hung", since=since)
    (event,) = probe.events()[-1:]
    assert (event.subject.name, event.facts["cause"], event.facts["host"]) == (server.uuid, "agent", HOST)
    server.serial.type("kill -CONT $(cat /tmp/agent.pid)")
    probe.wait_for("its agent answers again", deadline=60)

    server.serial.type("kill -9 $(cat /tmp/agent.pid)")
    probe.wait_for("agent-ping: unknown", deadline=60)
    costs(probe, hypervisor)
    assert len(probe.events()) == 3


def costs(probe: Ear, hypervisor: Hypervisor) -> None:
    """Print what the questions have taken on either side."""
    asked = probe.said().count("agent-ping: ") + 3 * probe.said().count("file /beat: ")
    times = psutil.Process(hypervisor.process).cpu_times()
    took = f"{(times.user + times.system) / max(1, asked) * 1000:.1f} ms of libvirtd's processor time each at the most"
    print(f"\n  {asked} questions: {took}; the probe took {probe.cost()}")  # noqa: T201 - a measurement
