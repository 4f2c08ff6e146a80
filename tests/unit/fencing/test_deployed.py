"""The programs of deploy/fencing: the one for Ceph with a ceph of a few lines, the one for kdump with real messages."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.flows.rung import Case
from medevac.workers.fencing.program import CommandMeans, KdumpMeans, Program

DEPLOYED = Path(__file__).parents[3] / "deploy" / "fencing"
CASE = Case("localhost", "host.down:localhost:1", 0.0, 0.0)
ALL = ("*",)
CEPH = """#!{python} -IS
import datetime, json, pathlib, sys
file = pathlib.Path(__file__).parent / "blocklist"
words = sys.argv[1:]
assert words[:4] == ["--id", "medevac", "osd", "blocklist"], words
entries = json.loads(file.read_text()) if file.exists() else {{}}
if words[4] == "add":
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=float(words[6]))
    entries.setdefault(words[5], until.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"))  # an entry is not prolonged, by 16.2
    print("blocklisting", words[5], file=sys.stderr)
elif words[4] == "rm":
    del entries[words[5]]
elif words[4] == "ls":
    print("\\n" + json.dumps([{{"addr": each, "until": end}} for each, end in entries.items()]) + "[]")
else:
    sys.exit("Error EINVAL")
file.write_text(json.dumps(entries))
"""


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandMeans:
    """Return the means of the program for Ceph."""
    ceph = tmp_path / "ceph"
    ceph.write_text(CEPH.format(python=sys.executable))
    ceph.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    options = {"address": "{host}", "id": "medevac"}
    return CommandMeans(ALL, Program(deployed("medevac-fence-ceph", tmp_path), options))


def deployed(name: str, folder: Path) -> str:
    """Return a copy that this Python runs: the shebang's may be another."""
    copy = folder / name
    copy.write_text((DEPLOYED / name).read_text().replace("#!/usr/bin/python3", f"#!{sys.executable}", 1))
    copy.chmod(0o755)
    return str(copy)


def test_a_host_on_the_blocklist_is_fenced(storage: CommandMeans) -> None:
    assert storage.look(CASE).evidence is None
    assert "the monitors answer" in storage.prove("localhost")
    assert storage.look(CASE).evidence is None
    storage.order(CASE)
    evidence = storage.look(CASE).evidence
    assert evidence is not None
    assert (evidence.source, evidence.action) == ("command:medevac-fence-ceph", "fenced")
    assert "127.0.0.1:0/0" in evidence.detail


def test_an_entry_that_ends_soon_is_none_and_is_replaced(storage: CommandMeans, tmp_path: Path) -> None:
    short = Program(str(tmp_path / "medevac-fence-ceph"), {"id": "medevac", "for": "60"})
    CommandMeans(ALL, short).order(CASE)
    assert storage.look(CASE).evidence is None
    storage.order(CASE)
    assert storage.look(CASE).evidence is not None


def test_monitors_that_do_not_answer_are_unknown(storage: CommandMeans, tmp_path: Path) -> None:
    (tmp_path / "ceph").write_text("#!/bin/sh\necho 'timed out' >&2; exit 110\n")
    for call in (storage.look, storage.order):
        with pytest.raises(FencingError, match="ended with 110: timed out"):
            call(CASE)


def test_a_host_that_sends_nothing_dumps_nothing(tmp_path: Path) -> None:
    program, _ = listening(tmp_path, wait=0.3)
    answer = KdumpMeans(ALL, program).look(CASE)
    assert (answer.final, answer.words) == (True, "it writes no crash dump")


def test_a_host_that_sends_kdumps_message_is_dumping(tmp_path: Path) -> None:
    program, port = listening(tmp_path)
    stop = threading.Event()
    sender = threading.Thread(target=send, args=(port, struct.pack("<II", 0x1B302A40, 1), stop))
    sender.start()
    try:
        answer = KdumpMeans(ALL, program).look(CASE)
        assert (answer.final, answer.words) == (False, "it still writes its crash dump")
        assert answer.dumping is not None
    finally:
        stop.set()
        sender.join()


def test_what_another_listener_has_heard_counts(tmp_path: Path) -> None:
    program, _ = listening(tmp_path)
    (tmp_path / "heard").mkdir()
    (tmp_path / "heard" / "127.0.0.1").touch()
    assert not KdumpMeans(ALL, program).look(CASE).final


def listening(folder: Path, wait: float = 25.0) -> tuple[Program, int]:
    """Return a program that listens for *wait* seconds, on a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    options = {"port": str(port), "wait": str(wait), "memory": str(folder / "heard")}
    return Program(deployed("medevac-kdump", folder), options), port


def send(port: int, message: bytes, stop: threading.Event) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while not stop.wait(0.05):
            sender.sendto(message, ("127.0.0.1", port))
