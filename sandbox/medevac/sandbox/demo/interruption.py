"""Interruption: Ctrl-C and its like, noted when they come and obeyed where it is safe.

A KeyboardInterrupt in the middle of starting a process would leave it behind; so would a second one while everything
is being taken down.
"""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Self

PAUSE = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """A context manager of the main thread within which the signals that ask us to end are only noted."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self.caught = False
        self._before: dict[signal.Signals, object] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt when we have been asked to end."""
        if self.caught:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Sleep; raise KeyboardInterrupt when we have been asked to end."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, PAUSE))
        self.check()

    def wait(self) -> None:
        """Return when we are asked to end."""
        while not self.caught:
            time.sleep(PAUSE)

    def __enter__(self) -> Self:
        """Take the signals."""
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal returned, it takes

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.caught = True
