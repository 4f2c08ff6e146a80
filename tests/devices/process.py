"""A daemon of the tests' own: started in a folder, waited for, ended; its last words where it does not come up."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fixtures.waiting import until


class Daemon:
    """One process, whose output is kept in a file."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = folder / "daemon.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def wait_for(self, ready: Callable[[], object]) -> None:
        """Return when *ready* holds; fail with what the daemon said when it ends before that, or in 120 s does not."""
        came = until(lambda: self._process.poll() is not None or ready(), 120.0)
        if not came or self._process.poll() is not None:
            self.stop()
            raise AssertionError(f"it does not come up: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)


class Device(ABC):
    """What a daemon serves as long as the context lasts."""

    _daemon: Daemon

    @abstractmethod
    def start(self) -> Daemon:
        """Make what it needs, and start it."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether it has come up."""

    def __enter__(self) -> Self:
        self._daemon = self.start()
        self._daemon.wait_for(self.answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._daemon.stop()
