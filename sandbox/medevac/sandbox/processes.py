"""Child processes that end with us: each has a log file, and the kernel kills it when the thread that started it dies.

Children lead sessions of their own, so that a Ctrl-C in the terminal reaches only us and we end them in order.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from medevac.core.errors import MedevacError
from medevac.sandbox.freezing import freeze

STOP_DEADLINE = 5.0
"""Seconds that a child is given to end by itself before it is killed."""


class ProgramMissingError(MedevacError):
    """A program that comes with medevac is not where its Python is. Install medevac into this environment."""


class ChildEndedError(MedevacError):
    """A process of the sandbox ended by itself."""


class Child:
    """One process, from its start until it is stopped or killed."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        """Start *command* at once; *name* is for people; its output is appended to *log*."""
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_guard(), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    @property
    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-1500:]

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs; after SIGSTOP nothing of it runs on."""
        if not self.alive:
            return
        if number is signal.SIGSTOP:
            freeze(self.pid)
        else:
            os.kill(self.pid, number)

    def wait(self, deadline: float) -> int | None:
        """Return its exit code, or None when it still runs after *deadline* seconds."""
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            return None

    def require_alive(self) -> None:
        """Raise ChildEndedError, with the end of its log, unless it runs."""
        if not self.alive:
            message = f"{self.name} ended with {self._process.returncode}. Its last words: {self.last_words}"
            raise ChildEndedError(message)


def stop_all(children: Sequence[Child], deadline: float = STOP_DEADLINE) -> None:
    """Ask all *children* to end, give them *deadline* seconds together, and kill those that stay."""
    for child in children:
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGCONT)
    until = time.monotonic() + deadline
    for child in children:
        if child.wait(max(0.0, until - time.monotonic())) is None:
            child.kill()


def program(name: str) -> str:
    """Return the path of a program that was installed with this package; raise ProgramMissingError."""
    scripts = sysconfig.get_path("scripts")
    found = shutil.which(name, path=scripts)
    if found is None:
        message = f"{name} is not in {scripts}. Install medevac into this environment: pip install 'medevac[sandbox]'"
        raise ProgramMissingError(message)
    return found


def _guard() -> list[str]:
    """Return what to put before a command so that the kernel kills it with us; util-linux may be missing."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
