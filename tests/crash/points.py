"""Points: every moment at which a process is about to change something outside itself, or has just done so.

They are found by watching, not listed: each request to ZooKeeper that changes or proves something, each HTTP request,
each run of a fence agent.  A process counts what it comes past, and dies (SIGKILL) at the one it was told to die at.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kazoo.client import KazooClient
from kazoo.protocol import serialization

from medevac.core import layout
from medevac.flows.ports import Fencer
from medevac.flows.rung import Answer, Case, Rung
from medevac.workers.openstack.session import GuardedAdapter

T = TypeVar("T")

ACKNOWLEDGED = 20.0
"""Seconds within which ZooKeeper carries out the last request of a process that dies after it."""
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16}-[0-9a-f]{8}|[0-9a-f]{32}|\d{10}")
_CHANGES = (serialization.Create, serialization.Create2, serialization.Delete, serialization.SetData)


@dataclass(frozen=True, slots=True)
class Point:
    """The *number*-th time (from 1) that a process comes to *label*, and whether before or after it is carried out."""

    label: str
    number: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} {self.label} #{self.number}"


class Points:
    """What this process has come past, written to a file so that it outlives the process."""

    def __init__(self, record: Path, die_at: Point | None) -> None:
        self._die_at = die_at
        self._descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def come_to(self, label: str, *, leaves: bool = True) -> int:
        """Note that *label* is about to be carried out, unless this is where the process dies.

        Without *leaves* it cannot be told when it has been done, and there is no point after it.
        """
        with self._lock:
            self._seen[label] += 1
            number = self._seen[label]
            for when in ("before", "after") if leaves else ("before",):
                os.write(self._descriptor, (json.dumps([label, number, when]) + "\n").encode())
        self._reach(Point(label, number, "before"))
        return number

    def leave(self, label: str, number: int) -> None:
        """Die, if this process was to die when the thing has been done and nobody has seen what came of it."""
        self._reach(Point(label, number, "after"))

    def ends_after(self, label: str, number: int) -> bool:
        return self._die_at == Point(label, number, "after")

    def around(self, label: str, call: Callable[[], T]) -> T:
        number = self.come_to(label)
        try:
            return call()
        finally:
            self.leave(label, number)

    def _reach(self, point: Point) -> None:
        if point == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(ACKNOWLEDGED)  # the signal is on its way; nothing more may be done


def recorded(record: Path) -> list[Point]:
    """Return what a process has come past."""
    return [Point(*json.loads(line)) for line in record.read_text().splitlines()]


class PointedClient(KazooClient):  # type: ignore[misc] # kazoo ships no types
    """A client whose every request that changes or proves something is a point."""

    def __init__(self, points: Points, **told: Any) -> None:
        super().__init__(**told)
        self._points = points

    def _call(self, request: Any, async_object: Any) -> Any:
        label = _label(request, self.chroot)
        if not label:
            return super()._call(request, async_object)
        number = self._points.come_to(label)
        if not self._points.ends_after(label, number):
            return super()._call(request, async_object)
        mine = self.handler.async_result()
        super()._call(request, mine)
        mine.wait(ACKNOWLEDGED)
        return self._points.leave(label, number)


def _label(request: Any, chroot: str) -> str:
    if isinstance(request, serialization.Transaction):
        return "zookeeper " + " + ".join(dict.fromkeys(_operation(each, chroot) for each in request.operations))
    return f"zookeeper {_operation(request, chroot)}" if isinstance(request, _CHANGES) else ""


def _operation(request: Any, chroot: str) -> str:
    verb = type(request).__name__.removesuffix("2").lower()
    path = str(request.path).removeprefix(chroot)
    return f"{verb} {_what(path, getattr(request, 'data', b'') or b'')}"


def _what(path: str, data: bytes) -> str:
    """Say what is at *path* so that the same thing has the same name in every run."""
    document = json.loads(data) if data.startswith(b"{") else {}
    if path.startswith(f"{layout.BOOKS}/atom_details/") and "atom" in document:
        return f"{document['atom']['name']} {document['atom']['state']} {document['atom']['intention']}"
    if path.startswith(f"{layout.BOOKS}/flow_details/") and "state" in document:
        return f"flow {document['state']}"
    if path.startswith(f"{layout.INCIDENTS}/") and "state" in document:
        return f"incident {document['state']}"
    return _VARYING.sub("*", path)


class PointedAdapter(GuardedAdapter):
    """requests' way to the network, where every request is a point."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def send(self, request: Any, *rest: Any, **told: Any) -> Any:
        verb = next(iter(json.loads(request.body)), "") if request.body and "/action" in request.url else ""
        path = _VARYING.sub("*", request.path_url.partition("?")[0])
        label = f"http {request.method} {path} {verb}".strip()
        return self._points.around(label, lambda: super(PointedAdapter, self).send(request, *rest, **told))


class PointedFencer:
    """The real fencer: each of its methods is a point, and inside it each run of the agent."""

    def __init__(self, fencer: Fencer, points: Points) -> None:
        self._fencer = fencer
        self._points = points
        sys.addaudithook(self._audit)

    def ladder(self, host: str) -> tuple[Rung, ...]:
        return self._fencer.ladder(host)

    def look(self, case: Case, rung: Rung) -> Answer:
        return self._points.around("fencer look", lambda: self._fencer.look(case, rung))

    def order(self, case: Case, rung: Rung) -> None:
        self._points.around("fencer order", lambda: self._fencer.order(case, rung))

    def _audit(self, event: str, _arguments: object) -> None:
        if event == "subprocess.Popen":
            self._points.come_to("fence agent", leaves=False)
