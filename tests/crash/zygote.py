"""Zygote: a process that has imported everything and forks a child for each run: importing would take two seconds."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from taskflow import engines
from taskflow.patterns import linear_flow

from medevac.core.wire import encode, from_plain
from medevac.workers.openstack.session import open_session
from tests.crash.child import Told, run

LONGEST = 60
"""Seconds after which a child is ended by SIGALRM."""


class Zygote:
    """The parent's end.  One run at a time; use several for more."""

    def __enter__(self) -> Self:
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, told: Told) -> int:
        """Run a child to its end, and return its exit code: negative when a signal ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(encode(told) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the zygote has ended"
        return int(line)


def main() -> None:
    """Fork a child for each line on standard input."""
    _warm_up()
    for line in sys.stdin:
        told = from_plain(Told, json.loads(line))
        child = os.fork()
        if child == 0:
            _live(told)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Load what is only loaded at the first use of a cloud and of an engine, and look up their plug-ins."""
    nowhere = {"OS_AUTH_URL": "http://127.0.0.1:9", "OS_USERNAME": "nobody", "OS_PASSWORD": "x", "OS_PROJECT_NAME": "x"}
    os.environ.update(nowhere)
    open_session().close()
    for name in nowhere:
        del os.environ[name]
    importlib.import_module("novaclient.v2.client")
    with ThreadPoolExecutor(1) as executor:
        engines.run(linear_flow.Flow("nothing"), engine="parallel", executor=executor)


def _live(told: Told) -> None:
    signal.alarm(LONGEST)
    log = os.open(told.file("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(log, stream)
    code = 1
    try:
        run(told)
        code = 0
    except BaseException:  # noqa: BLE001 - this process ends here, whatever it was
        traceback.print_exc()
    os._exit(code)


if __name__ == "__main__":
    main()
