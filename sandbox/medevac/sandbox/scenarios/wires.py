"""Wires: what leaves a process passes here: it takes time, may not come, and is seen by the witness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from medevac.sandbox.scenarios.loom import Loom
from medevac.sandbox.scenarios.process import Process
from medevac.workers.guard import ask_guard

LATENCY = 0.02
"""Seconds that a call takes."""

WRITES: Mapping[str, frozenset[str]] = {
    "cloud": frozenset(
        (
            *("take_out", "put_back", "set_enabled", "reset_state", "stop", "start", "evacuate"),
            *("reboot", "live_migrate", "cold_migrate", "confirm_resize", "rebuild"),
        )
    ),
    "fencer": frozenset(("order",)),
    "hypervisor": frozenset(("kill", "resume")),
    "services": frozenset(("restart",)),
    "notifier": frozenset(("send",)),
}
"""The calls of each port that change something."""


class Witness(Protocol):
    """Who sees calls that change something, before and after they are made."""

    def about_to(self, process: Process, port: str, verb: str, arguments: tuple[Any, ...]) -> None:
        """Judge what is about to be done."""

    def done(self, process: Process, port: str, verb: str, arguments: tuple[Any, ...], error: str) -> None:
        """Note what was done; *error* is empty where it went well."""


class Wire:
    """One port of one process."""

    def __init__(self, process: Process, port: str, target: object, loom: Loom, witness: Witness) -> None:
        """Carry the calls of *port* to *target*."""
        self._process = process
        self._port = port
        self._target = target
        self._loom = loom
        self._witness = witness

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Return the method of that name, with all that may happen to a call."""
        method = getattr(self._target, verb)
        changes = verb in WRITES.get(self._port, ())

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the method takes and gives
            self._process.assert_alive()
            self._loom.wait(LATENCY)
            ask_guard()
            self._process.assert_alive()
            if not changes:
                return method(*arguments, **named)
            self._witness.about_to(self._process, self._port, verb, arguments)
            error = ""
            try:
                return method(*arguments, **named)
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
                raise
            finally:
                self._witness.done(self._process, self._port, verb, arguments, error)

        return call
