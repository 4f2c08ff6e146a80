"""Notify: the Notifier port through apprise, which speaks to mail, chat and paging services by URL.

The URL of a target holds its password.  It is read when a message goes out, is kept nowhere, and appears in no message,
log or error; what apprise itself would log is dropped for that reason.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from medevac.core.errors import NotificationError
from medevac.workers.site_secrets import SecretSource

DEADLINE = 15.0
"""Seconds that one message may take, whatever the service does."""
ALL_LEVELS_OFF = logging.CRITICAL + 1

log = logging.getLogger(__name__)


class AppriseNotifier:
    """The Notifier port.  A service that hangs is left behind in its thread, with its own time-outs."""

    def __init__(self, targets: Mapping[str, SecretSource], deadline: float = DEADLINE) -> None:
        """Know *targets* by their names in the site file; *deadline* is in seconds."""
        self._targets = targets
        self._deadline = deadline

    def send(self, target: str, title: str, text: str) -> None:
        """Send the message; raise NotificationError when it did not go out in time."""
        if target not in self._targets:
            message = f"the site file names no target {target} under 'notify'"
            raise NotificationError(message)
        service = _service(_apprise(), target, _read(target, self._targets[target]))
        answer = _in_time(lambda: bool(service.notify(body=text, title=title)), self._deadline)
        if answer is None:
            message = f"it did not answer within {self._deadline:.0f} s"
            raise NotificationError(message)
        if not answer:
            message = "its service refused the message or could not be reached"
            raise NotificationError(message)


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
    return service


def _read(target: str, source: SecretSource) -> str:
    """Return the URL.  No error repeats a word of it."""
    try:
        found = os.environ[source.env] if source.env else Path(source.file).read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError) as error:
        message = f"the URL of {target} cannot be read from {source.reference} ({type(error).__name__})"
        raise NotificationError(message) from None
    return found.strip()


def _in_time(call: Callable[[], bool], deadline: float) -> bool | None:
    """Return what *call* returns, or None when it takes longer than *deadline* seconds."""
    answers: list[bool] = []

    def run() -> None:
        try:
            answers.append(call())
        except Exception as error:  # noqa: BLE001 - plugins of many authors; their words may hold the URL
            log.warning("a notification service raised %s", type(error).__name__)
            answers.append(False)

    thread = threading.Thread(target=run, name="notify", daemon=True)
    thread.start()
    thread.join(deadline)
    return answers[0] if answers else None
