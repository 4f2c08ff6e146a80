"""Whether this machine reaches its gateway: by TCP, or by the ping program that it has."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from medevac.workers.brakes.gateway import unreachable


def ping(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a ping program before all others."""
    program = folder / "ping"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_a_gateway_nobody_is_cut_off() -> None:
    assert unreachable(()) == ""


def test_a_gateway_that_answers_a_ping_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ping(tmp_path, f"printf '%s' \"$*\" > {tmp_path}/asked", monkeypatch)
    assert unreachable(["192.0.2.1"]) == ""
    assert (tmp_path / "asked").read_text() == "-n -q -c 1 -W 2 -- 192.0.2.1"


def test_none_that_answers_means_that_we_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ping(tmp_path, f"echo x >> {tmp_path}/tries; exit 1", monkeypatch)
    said = unreachable(["192.0.2.1", "192.0.2.2"])
    assert said == "this machine reaches none of 192.0.2.1, 192.0.2.2 (brakes: gateway): it is we who are cut off"
    assert (tmp_path / "tries").read_text() == "x\n" * 4


def test_one_of_several_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ping(tmp_path, 'case "$*" in *192.0.2.2) exit 0;; esac; exit 1', monkeypatch)
    assert unreachable(["192.0.2.1", "192.0.2.2"]) == ""


def test_a_port_that_listens_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert unreachable([f"127.0.0.1:{server.getsockname()[1]}"]) == ""


def test_a_machine_without_ping_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert unreachable(["192.0.2.1"]) == ""
    assert "taken for granted" in caplog.text


@pytest.mark.parametrize("gateway", ["a..b:1", "", ":", "[::1", "host:99999999"])
def test_what_is_no_address_is_not_reached(gateway: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ping(tmp_path, "exit 2", monkeypatch)
    assert unreachable([gateway]) != ""
