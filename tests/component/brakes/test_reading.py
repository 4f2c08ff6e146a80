"""What operators read of incidents and jobs, on a real ZooKeeper, while no worker runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from medevac.cli.root import run
from tests.component.brakes.conftest import MakeYard

pytestmark = pytest.mark.usefixtures("known_to_commands")

HOST = "az1-c1"
INCIDENT = f"host.down:{HOST}:1"
DEADLINE = 30.0


def test_a_job_is_listed_and_shown_with_its_steps_in_the_order_in_which_they_run(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_yard().lose(HOST)
    assert run(["job", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split() == ["JOB", "PRIORITY", "INCIDENT", "POSTED", "CLAIMED", "BY"]
    assert INCIDENT in listed[1]
    assert listed[1].endswith("nobody yet")
    assert run(["job", "show", INCIDENT]) == 0
    steps = [line.split() for line in capsys.readouterr().out.partition("STATE\n")[2].splitlines()]
    assert [name for name, _ in steps][:4] == ["fence", "survey", "disable", "plan"]
    assert [name for name, _ in steps][-1] == "report"
    assert {state for _, state in steps} == {"PENDING"}
    run(["job", "show", INCIDENT, "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert (shown["job"]["incident"], shown["steps"][0]) == (INCIDENT, {"name": "fence", "state": "PENDING"})


def test_an_incident_is_listed_and_shown(make_yard: MakeYard, capsys: pytest.CaptureFixture[str]) -> None:
    make_yard().lose(HOST)
    assert run(["incident", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(INCIDENT)]
    assert "waiting" in line
    assert run(["incident", "show", INCIDENT]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{INCIDENT}: waiting\n")
    assert f"evidence that {HOST} is off: none yet" in shown
    run(["incident", "list", "--json"])
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [INCIDENT]


def test_an_incident_is_watched_until_it_is_over(make_yard: MakeYard) -> None:
    make_yard().lose(HOST)
    with watching(INCIDENT) as watcher:
        assert watcher.stdout
        assert f"host.down of {HOST}, seen by" in watcher.stdout.readline(), "it tells while the incident is open"
        assert run(["incident", "abort", INCIDENT, "--why", "a drill"]) == 0
        *told, end = watcher.communicate(timeout=DEADLINE)[0].splitlines()
    assert "a drill" in "".join(told)
    assert end.startswith(f"{INCIDENT} is parked: aborted by ")
    assert watcher.returncode == 1, "somebody has to see to it"


def test_what_is_over_is_told_at_once_and_for_programs_line_by_line(make_yard: MakeYard) -> None:
    make_yard().lose(HOST)
    run(["incident", "abort", INCIDENT, "--why", "a drill"])
    with watching(INCIDENT, "--json") as watcher:
        *told, end = [json.loads(line) for line in watcher.communicate(timeout=DEADLINE)[0].splitlines()]
    assert "a drill" in told[-1]["text"]
    assert (end["id"], end["state"]) == (INCIDENT, "parked")


def test_nobody_can_watch_what_there_is_not(make_yard: MakeYard, capsys: pytest.CaptureFixture[str]) -> None:
    make_yard()
    assert run(["incident", "watch", "host.down:nowhere:1"]) == 1
    assert "there is no incident 'host.down:nowhere:1'" in capsys.readouterr().err


@contextmanager
def watching(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `medevac incident watch`, and end it if it does not end itself."""
    code = "from medevac.cli.main import main; main()"
    command = [sys.executable, "-c", code, "incident", "watch", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        try:
            yield watcher
        finally:
            watcher.kill()


def test_incidents_that_are_over_can_be_left_out(make_yard: MakeYard, capsys: pytest.CaptureFixture[str]) -> None:
    make_yard().lose(HOST, "az2-c1")
    run(["incident", "abort", INCIDENT, "--why", "a drill"])
    capsys.readouterr()
    run(["incident", "list", "--open", "--json"])
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == ["host.down:az2-c1:1"]
    run(["incident", "abort", "host.down:az2-c1:1", "--why", "a drill"])
    capsys.readouterr()
    assert run(["incident", "list", "--open"]) == 0
    assert capsys.readouterr().out == "No incident is open.\n"


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/"])
def test_what_can_be_no_name_of_an_incident_is_none(
    name: str, make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_yard()
    assert run(["incident", "show", name]) == 1
    assert f"there is no incident {name!r}" in capsys.readouterr().err


def test_fence_paths_of_a_host_that_nobody_knows_are_a_problem(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_yard()
    assert run(["site", "fencing"]) == 0
    assert "No fence path has been tried yet" in capsys.readouterr().out
    assert run(["site", "fencing", "nobody"]) == 1
    assert "No fence path of nobody has been tried" in capsys.readouterr().out


@pytest.mark.parametrize("noun", ["incident", "job"])
def test_what_is_not_there_is_a_sentence_that_says_where_to_look(
    noun: str, make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    make_yard()
    assert run([noun, "list"]) == 0
    assert run([noun, "show", "nobody"]) == 1
    assert f"there is no {noun} 'nobody'" in capsys.readouterr().err
