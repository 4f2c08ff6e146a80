"""Attempt: the job of the present attempt at an incident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medevac.core.incident import Incident
from medevac.flows import factory
from medevac.workers.engine.posting import Posting, Priority


def posting_of(incident: Incident, document: Mapping[str, Any], priority: Priority) -> Posting:
    """Return the job of the incident's present attempt; *document* is what the flow's factory is given."""
    return Posting(
        key=f"{incident.id}#{incident.attempt}",
        name=incident.id,
        factory=factory.NAME,
        arguments=(document,),
        priority=priority,
        details={"incident": incident.id, "attempt": incident.attempt},
    )
