from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.flows.rung import Case
from medevac.workers.fencing.program import CommandMeans, KdumpMeans, Program

ALL = ("*",)
CASE = Case("h1", "host.down:h1:3", failed_at=100.0, now=120.0)
Write = Callable[..., Program]


@pytest.fixture
def program(tmp_path: Path) -> Write:
    """Return a function that makes a program of shell commands; what it was told is in the file "told"."""

    def write(body: str, **settings: object) -> Program:
        path = tmp_path / "fence_disks"
        path.write_text(f'#!/bin/sh\ncd "$(dirname "$0")"\ncat > told\n{body}\n')
        path.chmod(0o755)
        return Program(str(path), **settings)  # type: ignore[arg-type]

    return write


def says(state: str, detail: str = "blocklisted 10.0.0.7") -> str:
    return f"echo '{json.dumps({'state': state, 'detail': detail})}'"


def test_a_host_without_its_storage_is_evidence_though_it_has_power(program: Write) -> None:
    answer = CommandMeans(ALL, program(says("fenced"))).look(CASE)
    assert answer.evidence is not None
    assert (answer.evidence.source, answer.evidence.action) == ("command:fence_disks", "fenced")
    assert (answer.evidence.at, answer.evidence.detail) == (120.0, "blocklisted 10.0.0.7")


def test_what_it_is_told_stands_on_its_standard_input_and_nowhere_else(
    program: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEPH_KEY", "hunter2")
    made = program('echo "$#" > arguments; env > environment; ' + says("on"), options={"pool": "vms"})
    made = Program(made.path, made.options, {"key": "env:CEPH_KEY"})
    assert CommandMeans(ALL, made).look(CASE).evidence is None
    assert json.loads((tmp_path / "told").read_text()) == {
        "action": "status",
        "host": "h1",
        "incident": "host.down:h1:3",
        "failed_at": 100.0,
        "options": {"pool": "vms", "key": "hunter2"},
    }
    assert (tmp_path / "arguments").read_text() == "0\n"
    assert "hunter2" not in (tmp_path / "environment").read_text()


def test_secrets_are_masked_in_what_it_says(program: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEPH_KEY", "hunter2")
    made = program("cat told; cat told >&2; exit 1")
    with pytest.raises(FencingError) as caught:
        CommandMeans(ALL, Program(made.path, {}, {"key": "env:CEPH_KEY"})).order(CASE)
    assert "***" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "body", ["", "echo off", "echo '[]'", says("maybe"), says("dumping"), f"{says('off')}; exit 3", "kill -9 $$"]
)
def test_every_other_answer_is_unknown(program: Write, body: str) -> None:
    with pytest.raises(FencingError):
        CommandMeans(ALL, program(body)).look(CASE)


def test_a_program_that_hangs_is_killed(program: Write) -> None:
    with pytest.raises(FencingError, match="was killed; it may have worked"):
        CommandMeans(ALL, program("sleep 600", timeout=0.3)).order(CASE)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(FencingError, match="/nowhere/at/all cannot be run"):
        CommandMeans(ALL, Program("/nowhere/at/all")).look(CASE)


def test_a_program_proves_that_it_could(program: Write) -> None:
    assert CommandMeans(ALL, program(says("ok", "quorum of 3"))).prove("h1") == "it says ok (quorum of 3)"


def test_a_host_that_dumps_is_waited_for_and_one_that_does_not_is_not(program: Write) -> None:
    answers = [KdumpMeans(ALL, program(says(state))).look(CASE) for state in ("dumping", "finished", "none")]
    assert [answer.evidence for answer in answers] == [None, None, None]
    assert [answer.final for answer in answers] == [False, True, True]


def test_that_a_host_dumps_is_evidence_for_those_who_take_it_for_that(program: Write) -> None:
    dumping = KdumpMeans(ALL, program(says("dumping", "message of 10.0.0.7"))).look(CASE).dumping
    assert dumping is not None
    assert (dumping.source, dumping.action, dumping.detail) == ("kdump:fence_disks", "kdump", "message of 10.0.0.7")


def test_names_that_could_be_options_are_not_covered(program: Write) -> None:
    means = CommandMeans(ALL, program(says("on")))
    assert [means.covers(host) for host in ("h1", "-h1", "h\n1")] == [True, False, False]
