"""Paging: one message when something is held that people should look at, and not one for each host of a storm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from medevac.core.errors import NotificationError
from medevac.core.incident import Incident
from medevac.flows.ports import Clock, Notifier
from medevac.workers.verdict import Verdict

log = logging.getLogger(__name__)

WORTH = ("breaker", "maintenance")
"""What is told: the rest was ordered by people, ends by itself, or is told by who finds it."""


class Pager:
    """Tells the site's people what the brakes hold.  It forgets with its process: a new leader may tell once more."""

    def __init__(self, notifier: Notifier, targets: Sequence[str], clock: Clock, quiet: float) -> None:
        """Tell *targets*; after a message about the same, say nothing for *quiet* seconds."""
        self._notifier = notifier
        self._targets = targets
        self._clock = clock
        self._quiet = quiet
        self._told: dict[str, float] = {}

    def tell(self, incident: Incident, verdict: Verdict) -> None:
        """Tell of *verdict* if it is news.  Returns at once; what does not go out stands in the log."""
        if verdict.held_by not in WORTH or verdict.ignore or incident.held_by == verdict.held_by:
            return
        # The breaker holds many for one cause; a maintenance holds one host.
        about = verdict.held_by if verdict.held_by == "breaker" else incident.subject.name
        now = self._clock.now()
        if now - self._told.get(about, float("-inf")) < self._quiet:
            return
        self._told[about] = now
        threading.Thread(target=self._send, args=(incident.id, verdict.reason), name="page", daemon=True).start()

    def _send(self, incident_id: str, reason: str) -> None:
        for target in self._targets:
            try:
                self._notifier.send(target, f"medevac holds {incident_id}", reason)
            except NotificationError as error:
                log.warning("%s was not told that %s is held: %s", target, incident_id, error)
