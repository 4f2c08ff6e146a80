"""Migration: one record of Nova of a server that moves or moved."""

from __future__ import annotations

from dataclasses import dataclass

LIVE = ("accepted", "pre-migrating")

EVACUATION = "evacuation"
LIVE_MIGRATION = "live-migration"
COLD_MIGRATION = "migration"


@dataclass(slots=True)
class Migration:
    """One row of Nova's migrations table.

    Life of an evacuation: accepted (API), pre-migrating (claimed by the destination), done (the server's host is
    changed), completed (the source host came back and cleaned up); error (no destination), failed (at the
    destination).  Live: accepted, preparing, running, completed; error, failed.  Cold: pre-migrating, migrating,
    post-migrating, finished, confirming, confirmed; reverting, reverted, error.
    """

    id: int
    uuid: str
    server_id: str
    project_id: str
    user_id: str
    source: str
    created_at: float
    updated_at: float | None = None
    destination: str | None = None
    requested_host: str | None = None
    forced: bool = False
    stopped_at_destination: bool = False
    status: str = "accepted"
    kind: str = EVACUATION

    @property
    def changed_at(self) -> float:
        """Return when it last changed: it was made, if never."""
        return self.created_at if self.updated_at is None else self.updated_at
