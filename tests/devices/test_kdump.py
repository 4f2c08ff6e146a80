"""medevac-kdump hears the messages of the real fence_kdump_send."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.program import KdumpMeans, Program
from tests.devices.conftest import PACKAGES, deployed, free_port
from tests.fixtures.services import absent

SENDERS = ("/usr/libexec/fence-agents/fence_kdump_send", "/usr/libexec/fence_kdump_send", "/usr/lib/fence_kdump_send")


@contextmanager
def sending(port: int) -> Iterator[None]:
    """Send as the crash kernel of a host does, but every second."""
    sender = next((path for path in SENDERS if shutil.which(path)), None)
    if sender is None:
        absent("fence_kdump_send", f"apt-get install --no-install-recommends {PACKAGES}")
    with subprocess.Popen([str(sender), "-p", str(port), "-i", "1", "127.0.0.1"]) as process:
        try:
            yield
        finally:
            process.kill()


def asked(port: int, folder: Path, address: str, wait: float = 25.0) -> Answer:
    options = {"address": address, "port": str(port), "wait": str(wait), "memory": str(folder / "heard")}
    means = KdumpMeans(("*",), Program(deployed("medevac-kdump"), options, timeout=40.0))
    return means.look(Case("compute-1", "host.down:compute-1:1", 0.0, 0.0))


def test_a_host_whose_crash_kernel_sends_is_dumping(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with sending(port):
        answer = asked(port, tmp_path, "127.0.0.1")
    assert answer.dumping is not None
    assert answer.dumping.detail == "fence_kdump message of 127.0.0.1"


def test_the_message_of_another_host_says_nothing_of_this_one(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with sending(port):
        answer = asked(port, tmp_path, "127.0.0.9", wait=5.0)
    assert (answer.dumping, answer.final) == (None, True)
    assert (tmp_path / "heard" / "127.0.0.1").exists(), "it was heard, and noted for whoever asks about that host"
