"""Surroundings: what a `match` may ask about a host, its servers and the cloud around them; only what is asked is read.

The plan step and the tools that preview it (`medevac policy plan`) share this one implementation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medevac.flows.policy.language import Match, Policy
from medevac.flows.policy.matching import asks_for
from medevac.flows.ports import Cloud, Server


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a `match` may ask about a host and the cloud around it."""

    zone: str
    aggregates: tuple[str, ...] = ()
    """Of the host; empty too where no policy asks."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """Project id to name; empty too where no policy asks."""
    images: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Image id to properties; empty too where no policy asks."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything that has a `match`."""

    policies: Sequence[Policy]
    exclude: Match | None = None
    """The servers that the site file leaves out."""

    def asks(self, line: str) -> bool:
        """Tell whether anything asks for *line* of a `match`."""
        mine = [match for policy in self.policies for match in (policy.match, *(after.match for after in policy.after))]
        return asks_for([*mine, self.exclude] if self.exclude else mine, line)


def look_around(cloud: Cloud, host: str, zone: str, servers: Sequence[Server], asking: Asking) -> Surroundings:
    """Return what is asked about *host*, which is in *zone*, and about its *servers*.  Raises as Cloud's reads do."""
    aggregates = cloud.host_aggregates(host) if asking.asks("aggregate") else ()
    projects = cloud.project_names() if asking.asks("project") else {}
    images = {server.image_id for server in servers if server.image_id} if asking.asks("image_property") else set()
    return Surroundings(zone, aggregates, projects, {image: cloud.image_properties(image) for image in sorted(images)})
