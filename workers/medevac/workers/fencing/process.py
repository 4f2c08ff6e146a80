"""Processes that fence: a deadline, no secret but on standard input, and nothing left behind when they hang."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from medevac.workers.guard import ask_guard

LONGEST = 300
"""Characters of a process's words that are kept."""
_GRACE = 1.0
"""Seconds in which the pipes of a killed process must close."""
_PASSED_ON = ("PATH", "HOME")
_QUIET = {"LC_ALL": "C", "PYTHONWARNINGS": "ignore"}
"""English words, and no warnings of Python's about the agents' own code among them."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a process ended."""

    code: int
    """Negative: the signal that ended it."""
    output: bytes
    errors: bytes

    @property
    def ending(self) -> str:
        """Return "ended with 1" or "was ended by signal 9"."""
        return f"ended with {self.code}" if self.code >= 0 else f"was ended by signal {-self.code}"

    def words(self, secrets: Iterable[str] = ()) -> str:
        """Return what it said, shortened to its end, with the *secrets* masked."""
        return presentable((self.output + b"\n" + self.errors).decode(errors="replace"), secrets)


def run(command: Sequence[str], told: str, limit: float) -> Ran:
    """Run *command* with *told* on its standard input.

    Raises OSError when it cannot be started, subprocess.TimeoutExpired after *limit* seconds: it is killed then, with
    its children, and what it was ordered to do may have been done.  Asks the guard first.
    """
    ask_guard()
    # A session of its own: the process's children (ssh, ipmitool) can be killed with it, and a Ctrl-C or a kill of
    # the worker's group does not end a power cycle half-way.  Our environment holds secrets of the cloud.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _QUIET,
    )
    try:
        output, errors = process.communicate(told.encode(), timeout=limit)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        raise
    return Ran(process.returncode, output, errors)


def presentable(text: str, secrets: Iterable[str] = ()) -> str:
    """Return *text* in one line, shortened to its end, with the *secrets* masked; what would move a cursor is `?`."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return text if len(text) <= LONGEST else "…" + text[1 - LONGEST :]


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        process.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        # A child that left the group holds the pipe open; it is the process's answer that we no longer wait for.
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
