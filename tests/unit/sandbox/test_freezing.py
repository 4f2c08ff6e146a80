"""A frozen process does nothing more from the moment at which freezing returns."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medevac.sandbox.freezing import freeze
from tests.fixtures.waiting import until

COUNTING = """
import pathlib, sys, threading
counter = pathlib.Path(sys.argv[1])
def count(name):
    number = 0
    while True:
        number += 1
        (counter / name).write_text(str(number))
for name in "abc":
    threading.Thread(target=count, args=(name,)).start()
"""


def test_no_thread_of_a_frozen_process_runs_on(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", COUNTING, str(tmp_path)])
    try:
        names = [tmp_path / name for name in "abc"]
        assert until(lambda: all(name.exists() for name in names))
        freeze(process.pid)
        frozen = [_read(name) for name in names]
        assert not until(lambda: [_read(name) for name in names] != frozen, 0.2)
        process.send_signal(signal.SIGCONT)
        assert until(lambda: [_read(name) for name in names] != frozen)
    finally:
        process.kill()
        process.wait()


def test_a_process_that_is_gone_cannot_be_frozen() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ProcessLookupError):
        freeze(process.pid)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
