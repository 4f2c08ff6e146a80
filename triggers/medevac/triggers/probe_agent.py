"""What is asked of a guest's agent: whether it answers, whether a file in the guest changes, what a command says.

Source: QEMU Guest Agent Protocol Reference (guest-ping, guest-file-*, guest-exec).  Everything a guest answers is
hostile: it is bounded and read as JSON, and what cannot be read counts as no answer.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from medevac.triggers.probe_rules import Outcome

MOST_READ = 256
"""Bytes of a heartbeat file that are looked at."""
LONGEST_ANSWER = 65536
"""Characters; libvirt itself gives up on ten million."""
_POLL = 0.2

Ask = Callable[[str, float], str]
"""Sends one command and returns the answer within so many seconds; raises NoAnswerError or NoAgentError."""


class NoAnswerError(Exception):
    """The agent has a channel and does not answer."""


class NoAgentError(Exception):
    """There is nobody to ask: no channel, no agent on it, or no way to the guest."""


def ping(ask: Ask, seconds: float) -> Outcome:
    """Tell whether the agent answers."""
    try:
        _call(ask, "guest-ping", {}, seconds)
    except NoAnswerError:
        return Outcome.FAILED
    except NoAgentError:
        return Outcome.UNKNOWN
    return Outcome.WELL


class Heartbeat:
    """A file in the guest that the workload writes again and again, each time with other content."""

    def __init__(self, path: str, age: float) -> None:
        """Expect the content of *path* to change within *age* seconds; no clock of the guest is believed."""
        self._path = path
        self._age = age
        self._content: bytes | None = None
        self._changed = 0.0
        self._written = False

    def look(self, ask: Ask, seconds: float) -> Outcome:
        """Tell whether it still changes; an agent that is silent or does not read files says nothing of it."""
        try:
            content = self._read(ask, time.monotonic() + seconds)
        except (NoAnswerError, NoAgentError):
            return Outcome.UNKNOWN
        now = time.monotonic()
        if content != self._content:
            # The first content may be of yesterday: only a change shows that somebody writes it.
            self._written = self._content is not None
            self._content, self._changed = content, now
        elif now - self._changed > self._age:
            return Outcome.FAILED
        return Outcome.WELL if self._written else Outcome.UNKNOWN

    def _read(self, ask: Ask, end: float) -> bytes:
        handle = _call(ask, "guest-file-open", {"path": self._path, "mode": "r"}, end - time.monotonic())
        if isinstance(handle, bool) or not isinstance(handle, int):
            raise NoAgentError("no handle of a file")
        try:
            told = _call(ask, "guest-file-read", {"handle": handle, "count": MOST_READ}, end - time.monotonic())
            return base64.b64decode(str(told["buf-b64"])[: 2 * MOST_READ])
        except (KeyError, TypeError, binascii.Error) as error:
            raise NoAgentError("no content of a file") from error
        finally:
            _call(ask, "guest-file-close", {"handle": handle}, max(1.0, end - time.monotonic()))


def execute(ask: Ask, command: Sequence[str], seconds: float) -> Outcome:
    """Run *command* in the guest and tell whether it ended with 0; one that does not end has failed."""
    end = time.monotonic() + seconds
    try:
        begun = _call(ask, "guest-exec", {"path": command[0], "arg": list(command[1:])}, seconds)
        pid = begun.get("pid") if isinstance(begun, dict) else None
        if isinstance(pid, bool) or not isinstance(pid, int):
            return Outcome.UNKNOWN
        while time.monotonic() < end:
            told = _call(ask, "guest-exec-status", {"pid": pid}, max(1.0, end - time.monotonic()))
            if not isinstance(told, dict):
                return Outcome.UNKNOWN
            if told.get("exited"):
                return Outcome.WELL if told.get("exitcode") == 0 else Outcome.FAILED
            time.sleep(_POLL)
    except (NoAnswerError, NoAgentError):
        return Outcome.UNKNOWN
    return Outcome.FAILED


def _call(ask: Ask, command: str, arguments: dict[str, Any], seconds: float) -> Any:  # noqa: ANN401 - JSON
    said = ask(json.dumps({"execute": command, **({"arguments": arguments} if arguments else {})}), max(1.0, seconds))
    try:
        answer = json.loads(said[:LONGEST_ANSWER])
    except (ValueError, RecursionError) as error:
        raise NoAgentError(f"{command}: no JSON") from error
    if not isinstance(answer, dict) or "return" not in answer:
        raise NoAgentError(f"{command}: the agent refuses")
    return answer["return"]
