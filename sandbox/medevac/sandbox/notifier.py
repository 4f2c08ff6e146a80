"""The fake of the Notifier port: it keeps what it was given."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.core.errors import NotificationError


@dataclass(frozen=True, slots=True)
class Sent:
    """One message."""

    target: str
    title: str
    text: str


class FakeNotifier:
    """Implements Notifier."""

    def __init__(self) -> None:
        """Know every target."""
        self.sent: list[Sent] = []
        self.fails = False
        """Set it to True to let no message out..."""
        self.deaf: set[str] = set()
        """... or name the targets that get none."""

    def send(self, target: str, title: str, text: str) -> None:
        """Keep the message."""
        if self.fails or target in self.deaf:
            message = f"{target} does not answer"
            raise NotificationError(message)
        self.sent.append(Sent(target, title, text))
