"""The libvirt listener as a service: its options, and how it tells systemd that it lives."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from medevac.triggers.libvirt_command import parser
from medevac.triggers.notify import ALIVE, READY, Notifier


def test_an_option_precedes_its_variable_and_that_the_default() -> None:
    told = parser({"MEDEVAC_HOST": "from-environment", "MEDEVAC_CANARY": "7"}).parse_args(["--host", "from-option"])
    assert (told.host, told.canary, told.uri) == ("from-option", 7.0, "qemu:///system")


def test_without_libvirt_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['libvirt'] = None; from medevac.triggers.libvirt_command import run;"
        f"sys.exit(run(['--spool', {str(tmp_path / 'spool')!r}], {{}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == ("medevac-libvirt needs libvirt-python; install it with: pip install 'medevac[libvirt]'\n")


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_over_its_socket(abstract: bool, tmp_path: Path) -> None:
    name = f"@{tmp_path}/notify" if abstract else f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1) if abstract else name)
        Notifier({"NOTIFY_SOCKET": name}).say(READY, ALIVE)
        assert systemd.recv(100) == b"READY=1\nWATCHDOG=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_nobody_who_listens_is_no_trouble(environment: dict[str, str]) -> None:
    Notifier(environment).say(READY)
