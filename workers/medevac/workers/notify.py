"""Notify: the Notifier port through apprise, which speaks to mail, chat and paging services by URL.

The URL of a target holds its password.  It is read when a message goes out, is kept nowhere, and appears in no message,
log or error; what apprise itself would log is dropped for that reason.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from medevac.core.errors import NotificationError
from medevac.workers.site_secrets import SecretSource

DEADLINE = 15.0
"""Seconds that one message may take, whatever the service does."""
LATE = 120.0
"""Seconds for which the answer to a message is waited for, before the same message is sent once more."""
READ_TIMEOUT = 60.0
"""Seconds in which a service answers that has taken a message: after apprise's 4 it would count as not sent."""
ALL_LEVELS_OFF = logging.CRITICAL + 1

log = logging.getLogger(__name__)


class AppriseNotifier:
    """The Notifier port.  A service that hangs is left behind in its thread, with its own time-outs.

    Who tries a message again whose service is slow is told how that one went: it is not sent a second time.
    """

    def __init__(self, targets: Mapping[str, SecretSource], deadline: float = DEADLINE, late: float = LATE) -> None:
        """Know *targets* by their names in the site file; *deadline* and *late* are in seconds."""
        self._targets = targets
        self._deadline = deadline
        self._late = late
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str, str], _Call] = {}

    def send(self, target: str, title: str, text: str) -> None:
        """Send the message; raise NotificationError when it did not go out in time."""
        if target not in self._targets:
            message = f"the site file names no target {target} under 'notify'"
            raise NotificationError(message)
        call = self._call(target, title, text)
        answer = call.answer(self._deadline)
        if answer is None:
            message = f"it did not answer within {self._deadline:.0f} s"
            raise NotificationError(message)
        with self._lock:
            self._calls.pop((target, title, text), None)
        if not answer:
            message = "its service refused the message or could not be reached"
            raise NotificationError(message)

    def _call(self, target: str, title: str, text: str) -> _Call:
        """Return the call that sends the message: one that was begun before and has not been heard of, or a new one."""
        service = _service(_apprise(), target, _read(target, self._targets[target]))
        with self._lock:
            since = time.monotonic() - self._late
            self._calls = {message: call for message, call in self._calls.items() if call.begun > since}
            call = self._calls.get((target, title, text))
            if call is None:
                call = self._calls[(target, title, text)] = _Call(lambda: bool(service.notify(body=text, title=title)))
            return call


class _Call:
    """A message on its way, in a thread of its own."""

    def __init__(self, send: Callable[[], bool]) -> None:
        self.begun = time.monotonic()
        self._send = send
        self._answers: list[bool] = []
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def answer(self, deadline: float) -> bool | None:
        """Return whether it went out, or None when that is not known within *deadline* seconds."""
        self._thread.join(deadline)
        return self._answers[0] if self._answers else None

    def _run(self) -> None:
        try:
            self._answers.append(self._send())
        except Exception as error:  # noqa: BLE001 - plugins of many authors; their words may hold the URL
            log.warning("a notification service raised %s", type(error).__name__)
            self._answers.append(False)


def _apprise() -> ModuleType:
    try:
        import apprise  # noqa: PLC0415 - an extra, and a tenth of a second: only for who notifies
    except ImportError:
        message = "apprise is not installed: install medevac[notify] on this worker"
        raise NotificationError(message) from None
    logging.getLogger("apprise").setLevel(ALL_LEVELS_OFF)
    return apprise


def _service(apprise: ModuleType, target: str, url: str) -> Any:  # noqa: ANN401 - apprise has no type hints
    service = apprise.Apprise()
    if not service.add(url):
        message = f"what the site file names for {target} is not a URL that apprise knows"
        raise NotificationError(message)
    for each in service:
        each.socket_read_timeout = max(each.socket_read_timeout, READ_TIMEOUT)
    return service


def _read(target: str, source: SecretSource) -> str:
    """Return the URL.  No error repeats a word of it."""
    try:
        found = os.environ[source.env] if source.env else Path(source.file).read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError) as error:
        message = f"the URL of {target} cannot be read from {source.reference} ({type(error).__name__})"
        raise NotificationError(message) from None
    return found.strip()
