"""The control plane of the rig: its processes can be killed, frozen and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 90.0
_STARTS = {
    "nova-api": "novaapi_start; wait_http http://127.0.0.1:$P_NOVA/ 60",
    "nova-conductor": "nova_start",
    "nova-scheduler": "nova_start",
    "rabbit": "mq_start",
}
"""What starts each of them, in the words of the rig's lib.sh."""


class ControlPlane:
    """Nova's API, conductor and scheduler, and its message queue; by process ids that the rig has recorded."""

    def __init__(self, scripts: Path, state: Path) -> None:
        self._scripts = scripts
        self._run = state / "run"

    @contextmanager
    def away(self, name: str) -> Iterator[None]:
        """Kill every process of *name*, and start it again when the context ends."""
        self._signal(name, signal.SIGKILL)
        (self._run / f"{name}.pid").unlink()
        try:
            yield
        finally:
            self._do(_STARTS[name])

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let the processes of *name* stand still as long as the context lasts."""
        self._signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for process in family(int((self._run / f"{name}.pid").read_text())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _do(self, words: str) -> None:
        script = f". {self._scripts}/env.sh; . {self._scripts}/lib.sh; {words}"
        subprocess.run(["bash", "-c", script], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


def family(parent: int) -> list[int]:
    """Return *parent* and every process below it, the parent first: it must not start a child anew."""
    threads = Path(f"/proc/{parent}/task").iterdir()
    children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    return [parent, *(process for child in children for process in family(child))]
