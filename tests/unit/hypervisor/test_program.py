"""A program that speaks to hypervisors is believed only where it makes sense, and on a kill not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medevac.core.errors import ClaimLostError, HypervisorUnavailableError
from medevac.workers.guard import guarded
from medevac.workers.hypervisor.program_hypervisor import ProgramHypervisor

RUNS = {"server_id": "s1", "state": "running", "reason": "booted", "persistent": True, "autostart": False}
OFF = {**RUNS, "state": "off", "reason": "destroyed"}


class Program:
    """A program that says what it is told to, for each action, and notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = ProgramHypervisor(str(folder / "program"), read_limit=20.0, kill_limit=20.0)

    def says(self, *answers: object, code: int = 0) -> None:
        """Give *answers* one after the other, the last again and again."""
        for number, answer in enumerate(answers):
            text = answer if isinstance(answer, str) else json.dumps(answer)
            (self.folder / f"answer-{number}").write_text(text)
        script = self.folder / "program"
        script.write_text(
            f"#!/bin/sh\ncd {self.folder}\nn=$(cat n 2>/dev/null || echo 0)\ncat >> asked\n"
            f"cat answer-$n\n[ $n -lt {len(answers) - 1} ] && echo $((n + 1)) > n\nexit {code}\n"
        )
        script.chmod(0o755)

    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "asked").read_text().splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_what_it_says_is_read(program: Program) -> None:
    program.says({"domains": [RUNS]})
    found = program.port.domain("h1", "s1")
    assert found is not None
    assert (found.state, found.reason, found.persistent) == ("running", "booted", True)
    assert program.asked() == [{"action": "domain", "host": "h1", "server": "s1", "timeout": 20.0}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "JSON"),
        ("off", "JSON"),
        ("[]", "JSON"),
        ({}, "domains"),
        ({"domains": "off"}, "expected list"),
        ({"domains": [{"server_id": "s1"}]}, "state"),
        ({"domains": [{**RUNS, "state": "gone"}]}, "is no state"),
        ({"domains": [{**RUNS, "server_id": "s2"}]}, "another server"),
    ],
)
def test_what_makes_no_sense_is_not_known(program: Program, answer: object, words: str) -> None:
    program.says(answer)
    with pytest.raises(HypervisorUnavailableError, match=words):
        program.port.domain("h1", "s1")


def test_a_failure_is_told_in_its_own_words(program: Program) -> None:
    program.says("no route to host", code=3)
    with pytest.raises(HypervisorUnavailableError, match="ended with 3: no route to host"):
        program.port.domains("h1")


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HypervisorUnavailableError, match="cannot be run"):
        ProgramHypervisor(str(tmp_path / "nothing"), read_limit=1.0, kill_limit=1.0).domains("h1")


def test_a_program_that_hangs_is_given_up(program: Program) -> None:
    program.says({"domains": []})
    script = program.folder / "program"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    port = ProgramHypervisor(str(script), read_limit=0.3, kill_limit=0.3)
    with pytest.raises(HypervisorUnavailableError, match="no answer in"):
        port.domains("h1")


def test_a_kill_is_proven_by_what_is_read_afterwards(program: Program) -> None:
    program.says({"domains": [RUNS]}, {}, {"domains": [OFF]})
    proof = program.port.kill("h1", "s1")
    assert (proof.action, proof.source) == ("killed", "program:program")
    assert [asked["action"] for asked in program.asked()] == ["domain", "kill", "domain"]


@pytest.mark.parametrize("left", [RUNS, {**RUNS, "state": "paused"}, {**OFF, "autostart": True}])
def test_a_kill_that_says_done_and_is_not_is_no_proof(program: Program, left: object) -> None:
    program.says({"domains": [RUNS]}, {}, {"domains": [left]})
    with pytest.raises(HypervisorUnavailableError, match="afterwards it is"):
        program.port.kill("h1", "s1")


def test_what_is_not_there_is_not_killed(program: Program) -> None:
    program.says({"domains": []})
    assert program.port.kill("h1", "s1").action == "absent"
    assert {asked["action"] for asked in program.asked()} == {"domain"}


@pytest.mark.parametrize(("answers", "told"), [(True, True), (False, False), (None, None), ("yes", None)])
def test_an_answer_of_the_agent_is_yes_no_or_unknown(program: Program, answers: object, told: bool | None) -> None:
    program.says({"answers": answers})
    assert program.port.ping_guest("h1", "s1", 2.0) is told
    assert program.asked()[0]["timeout"] == 2.0


def test_one_that_does_not_run_is_not_resumed(program: Program) -> None:
    program.says({"domains": [OFF]})
    with pytest.raises(HypervisorUnavailableError, match="does not run"):
        program.port.resume("h1", "s1")


def test_nobody_is_asked_once_the_claim_is_lost(program: Program) -> None:
    def lost() -> None:
        raise ClaimLostError

    program.says({"domains": []})
    with guarded(lost), pytest.raises(ClaimLostError):
        program.port.kill("h1", "s1")
    assert not (program.folder / "asked").exists()
