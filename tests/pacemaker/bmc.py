"""The test's BMCs: one thread that powers the cluster's hosts on and off, and can refuse or hang."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol


class Power(Protocol):
    """What a BMC has in its hand."""

    def is_on(self, host: str) -> bool: ...

    def on(self, host: str) -> None: ...

    def off(self, host: str) -> None: ...


class Bmc:
    """Answers one line a connection on a unix socket: "off compute1".  `refusing` and `hanging` hold host names."""

    def __init__(self, path: Path, power: Power) -> None:
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self._power = power
        self._closing = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            action, _, host = connection.makefile().readline().strip().partition(" ")
            connection.sendall(f"{self._do(action, host)}\n".encode())

    def _do(self, action: str, host: str) -> str:
        if action == "list":
            return "ok"
        if action == "status":
            return "on" if self._power.is_on(host) else "off"
        self.asked.append((action, host))
        if host in self.refusing:
            return "refused"
        while host in self.hanging and not self._closing.wait(0.5):
            continue
        steps: dict[str, list[Callable[[str], None]]] = {
            "on": [self._power.on],
            "off": [self._power.off],
            "reboot": [self._power.off, self._power.on],
        }
        for step in steps[action]:
            step(host)
        return "ok"
