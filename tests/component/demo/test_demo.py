"""`medevac demo` as a user runs it: a process of its own, judged by its exit code, its report and what it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from medevac.sandbox.zookeeper import ZookeeperMissingError, require_installed
from tests.fixtures.services import require
from tests.fixtures.waiting import until

SCRIPTS = Path(sysconfig.get_path("scripts"))
SMALL = ("--servers", "12", "--evacuate-seconds", "0.6", "--session-timeout", "8")
DEADLINE = 90.0


@pytest.fixture(autouse=True, scope="module")
def zookeeper_installed() -> None:
    with require("ZooKeeper", ZookeeperMissingError):
        require_installed()


class Demo:
    """One run of the demo, whose temporary folders are all in one place."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [str(SCRIPTS / "medevac"), "demo", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def read_until(self, text: str) -> None:
        """Return when *text* has been printed."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if text in line:
                return
        pytest.fail(f"{text!r} never came:\n{self.output}")

    def end(self) -> int:
        """Return the exit code, when it comes."""
        rest, _ = self.process.communicate(timeout=DEADLINE)
        self.output += rest
        return self.process.returncode

    def traces(self) -> list[str]:
        """Return what is left of it: processes and files."""
        return [*self.processes(), *(str(path) for path in self.folder.iterdir())]

    def processes(self) -> list[str]:
        """Return the command lines of the processes that name its folder."""
        return [" ".join(process.cmdline()) for process in processes_of(self.folder)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tmp"
    place.mkdir()
    yield place
    for process in processes_of(place):
        process.kill()  # a failed test must not leave what it complains of


def processes_of(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(str(folder) in word for word in process.cmdline()):
                found.append(process)
    return found


def _eventually_empty(found: Callable[[], object]) -> None:
    assert until(lambda: not found()), found()


def test_the_demo_recovers_every_server_although_the_busy_conductor_is_killed(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    demo = Demo(folder, "--json", str(file))

    assert demo.end() == 0, demo.output

    report = json.loads(file.read_text())
    assert report["violations"] == []
    assert report["servers"] == report["recovered"] == 16
    assert (report["hosts"], report["servers_in_cloud"]) == (5, 40)
    assert report["conductor_killed"] is True
    seconds = report["seconds"]
    assert 0 < seconds["event_to_fence"] < seconds["first_server"] < seconds["last_server"]
    assert seconds["takeover"] > 1
    assert 0 < report["bare_seconds"] < seconds["last_server"]
    assert 1 < report["http_requests_per_server"] < 20
    assert 1 < report["zookeeper_operations_per_server"] < 60
    assert all(each["held"] for each in report["invariants"])
    assert "everything held" in demo.output
    assert demo.traces() == []


def test_a_power_controller_that_lies_is_found_out_and_fails_the_run(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    demo = Demo(folder, *SMALL, "--bmc", "lie", "--no-kill", "--json", str(file))

    assert demo.end() == 1, demo.output

    violations = json.loads(file.read_text())["violations"]
    pattern = r"no server ever ran twice at once: \S+ ran on (compute-\d) and on (compute-\d) at the same time"
    copies = [found for sentence in violations if (found := re.match(pattern, sentence))]
    assert copies
    assert all(found[1] != found[2] for found in copies)
    assert any("nothing was evacuated before the host was off" in sentence for sentence in violations)
    assert demo.traces() == []


@pytest.mark.parametrize("moment", ["", "starting ZooKeeper", "send 10 alerts", "kill -9"])
def test_ctrl_c_leaves_no_process_and_no_folder(folder: Path, moment: str) -> None:
    demo = Demo(folder, *SMALL, "--evacuate-seconds", "2")
    if moment:
        demo.read_until(moment)
    else:
        _eventually_empty(lambda: not any(folder.iterdir()))  # until its first folder is there

    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 130, demo.output
    assert demo.traces() == []
    assert "Traceback" not in demo.output


def test_a_killed_demo_takes_its_processes_with_it(folder: Path) -> None:
    demo = Demo(folder, *SMALL)
    demo.read_until("the site is up")
    assert len(demo.processes()) >= 6

    demo.process.kill()
    demo.end()

    _eventually_empty(demo.processes)


def test_a_site_on_which_pacemaker_fenced_can_be_kept_and_looked_around_in(folder: Path) -> None:
    demo = Demo(folder, *SMALL, "--no-kill", "--keep", "--fencing", "pacemaker", "--seed", "7")
    demo.read_until("To end it")
    assert "is off on the word of pacemaker" in demo.output
    assert "ordering the power" not in demo.output
    env = re.search(r"^  \. (\S+/env)$", demo.output, re.MULTILINE)
    assert env is not None

    def run(command: str) -> str:
        told = ["sh", "-c", f". {env[1]} && {command}"]
        return subprocess.run(told, capture_output=True, text=True, check=True, timeout=DEADLINE).stdout

    assert "recovered" in run("medevac incident list")
    assert "The board is empty" in run("medevac job list")
    listed = json.loads(run("openstack server list --all-projects --long -f json"))
    assert len(listed) == 12
    demo.process.send_signal(signal.SIGTERM)

    assert demo.end() == 0, demo.output
    assert demo.traces() == []
