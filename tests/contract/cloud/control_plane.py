"""The control plane of the rig: its processes can be killed, frozen and started again, and its database reached."""

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
_HIDDEN = ("instances", "services")
"""Tables without which Nova takes a cell for one that does not answer."""


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

    @contextmanager
    def without_cell(self) -> Iterator[None]:
        """Let the one cell's database answer with errors as long as the context lasts."""
        self._rename({table: f"{table}_hidden" for table in _HIDDEN})
        try:
            yield
        finally:
            self._rename({f"{table}_hidden": table for table in _HIDDEN})

    def _rename(self, tables: dict[str, str]) -> None:
        told = ", ".join(f"nova.{old} TO nova.{new}" for old, new in tables.items())
        self._do(f'mariadb --no-defaults -uroot -p"$DBPASS" -S "$RUN/mysql.sock" -e "RENAME TABLE {told}"')

    def _signal(self, name: str, number: signal.Signals) -> None:
        for process in family(int((self._run / f"{name}.pid").read_text())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _do(self, words: str) -> None:
        script = f". {self._scripts}/env.sh; . {self._scripts}/lib.sh; {words}"
        subprocess.run(["bash", "-c", script], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


def family(parent: int) -> list[int]:
    """Return *parent* and every process below it, the parent first: it must not start a child anew."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [parent, *(process for child in children for process in family(int(child)))]
