"""Flows for the tests, and the record of what their steps did.

Every step appends one line of JSON to the file that EVENTS names, so that what ran twice is seen across processes.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from taskflow import exceptions, retry, task
from taskflow.patterns import linear_flow, unordered_flow

_ERRORS = {"value": ValueError, "execution": exceptions.ExecutionFailure}


def say(event: str, atom: str = "", **facts: object) -> None:
    """Append one line to the record."""
    path = os.environ.get("EVENTS")
    if path:
        line = json.dumps({"at": time.time(), "pid": os.getpid(), "event": event, "atom": atom, **facts}) + "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def said(path: Path) -> list[dict[str, Any]]:
    """Return the record."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Step(task.Task):
    """Takes *seconds*, then raises *error* if it is given one.

    With a *gate* the first execution waits until that file exists; later ones (another conductor's) do not.
    """

    def __init__(self, name: str, seconds: float = 0.0, error: str = "", gate: str = "") -> None:
        super().__init__(name=name)
        self.seconds, self.error, self.gate = seconds, error, gate

    def execute(self) -> None:
        say("execute", self.name)
        gated = self.gate and self._first()
        end = time.monotonic() + (60 if gated else self.seconds)
        while time.monotonic() < end and not (gated and Path(self.gate).exists()):
            time.sleep(0.02)
        say("executed", self.name)
        if self.error:
            raise _ERRORS[self.error](f"{self.name} broke")

    def revert(self, **_: object) -> None:
        say("revert", self.name)

    def _first(self) -> bool:
        try:
            Path(f"{self.gate}.{self.name}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class NeedsPorts(task.Task):
    """Calls the port it is given."""

    def execute(self, ports: Any) -> str:
        return str(ports())


def steps(specs: list[dict[str, Any]]) -> linear_flow.Flow:
    """Build a flow of steps, one after another; each spec is Step's arguments."""
    return linear_flow.Flow("steps").add(*[Step(**spec) for spec in specs])


class Twice(task.Task):
    """Fails at its first execution, then returns *answer*."""

    def execute(self, answer: Any) -> Any:
        say("execute", self.name)
        path = os.environ["EVENTS"]
        if sum(each["event"] == "execute" and each["atom"] == self.name for each in said(Path(path))) == 1:
            message = "the first time"
            raise ValueError(message)
        return answer


def rich(answer: object) -> linear_flow.Flow:
    """Build a flow with a retry around two steps that run side by side."""
    again = linear_flow.Flow("again", retry=retry.Times(2, "times"))
    again.add(unordered_flow.Flow("both").add(Step("left"), Twice("right", provides="r", inject={"answer": answer})))
    return linear_flow.Flow("rich").add(Step("before"), again, Step("after"))


def side_by_side(specs: list[dict[str, Any]]) -> unordered_flow.Flow:
    """Build a flow of steps that wait for nothing but themselves; each spec is Step's arguments."""
    return unordered_flow.Flow("side by side").add(*[Step(**spec) for spec in specs])


def with_ports() -> linear_flow.Flow:
    """Build a flow whose only step wants `ports`."""
    return linear_flow.Flow("ports").add(NeedsPorts(name="call", provides="answer"))


def broken() -> linear_flow.Flow:
    """Fail to build a flow."""
    message = "the factory broke"
    raise RuntimeError(message)
