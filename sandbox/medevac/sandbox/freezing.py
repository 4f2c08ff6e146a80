"""Freezing: stop a process such that nothing of it runs on once we go on.

SIGSTOP reaches the threads of a process one after another: one that another core runs may still answer a request after
kill() has returned, which tests of frozen services must not see.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

DEADLINE = 10.0
"""Seconds within which every thread has stopped; milliseconds on an idle machine."""
PAUSE = 0.002
_STOPPED = frozenset("TtZX")
"""States of a thread that runs no more: stopped, traced, ended (proc(5))."""


def freeze(pid: int) -> None:
    """Stop the process *pid* and return when all its threads stand still; raise TimeoutError when they do not."""
    os.kill(pid, signal.SIGSTOP)
    give_up = time.monotonic() + DEADLINE
    while not all(state in _STOPPED for state in _states(pid)):
        if time.monotonic() > give_up:
            message = f"process {pid} has threads that run {DEADLINE:.0f} s after it was told to stop"
            raise TimeoutError(message)
        time.sleep(PAUSE)


def _states(pid: int) -> Iterator[str]:
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            text = thread.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that ended between the two looks
        # The name of the program stands in parentheses and may hold anything, blanks and parentheses included.
        yield text.rpartition(")")[2].split()[0]
