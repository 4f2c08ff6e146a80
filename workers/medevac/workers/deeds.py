"""Deeds: what medevac was about to do to a server, read from the journals of its incidents."""

from __future__ import annotations

from collections.abc import Sequence

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError
from medevac.core.journal import INTENDS, JournalEntry
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded


class Deeds:
    """Implements History (medevac.flows.history) on what ZooKeeper keeps."""

    def __init__(self, client: KazooClient) -> None:
        """Read through *client*."""
        self._client = client

    def deeds(self, server_id: str, since: float) -> Sequence[tuple[float, str]]:
        """Return when (after *since*) which step was about to be carried out upon the server.

        Only incidents of the server itself count, this one too.  Raises StoreUnreachableError.
        """
        names = bounded(self._client.get_children_async(layout.INCIDENTS))
        found = [entry for name in names if _is_about(name, server_id) for entry in self._journal(name)]
        return [
            (e.at, e.facts[INTENDS]) for e in found if INTENDS in e.facts and e.server == server_id and e.at > since
        ]

    def _journal(self, incident_id: str) -> list[JournalEntry]:
        try:
            return incidents.journal(self._client, incident_id)
        except (NoNodeError, MalformedDocumentError):
            return []  # swept meanwhile, or damaged: it limits nothing


def _is_about(incident_id: str, server_id: str) -> bool:
    """Tell whether the incident of that id (FAILURE:SUBJECT:GENERATION) has the server as its subject."""
    return incident_id.split(":")[1:2] == [server_id]
