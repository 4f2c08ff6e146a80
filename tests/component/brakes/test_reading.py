"""What operators read of incidents and jobs, on a real ZooKeeper, while no worker runs."""

from __future__ import annotations

import json

import pytest

from medevac.cli.root import run
from tests.component.brakes.conftest import MakeYard

pytestmark = pytest.mark.usefixtures("known_to_commands")

HOST = "az1-c1"
INCIDENT = f"host.down:{HOST}:1"


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
    assert "recovering" in line
    assert run(["incident", "show", INCIDENT]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{INCIDENT}: recovering\n")
    assert f"evidence that {HOST} is off: none yet" in shown
    run(["incident", "list", "--json"])
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [INCIDENT]


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
