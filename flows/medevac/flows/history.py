"""History: what medevac has done to a server lately, in whatever incident, so that limits hold beyond one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class History(Protocol):
    """What the journals tell of earlier deeds."""

    def deeds(self, server_id: str, since: float) -> Sequence[tuple[float, str]]:
        """Return when (seconds since the epoch, after *since*) medevac was about to carry out which step upon it.

        Of this incident and earlier ones; the order does not matter.  Raises StoreUnreachableError.
        """


class NoHistory:
    """The History of those who keep none."""

    def deeds(self, server_id: str, since: float) -> tuple[tuple[float, str], ...]:
        """Return nothing."""
        del server_id, since
        return ()
