"""Abilities: what the cloud says that the order among servers depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medevac.core.errors import RefusedError
from medevac.flows.ports import Cloud, Server, ServerGroup


@dataclass(frozen=True, slots=True)
class Abilities:
    """The server groups, and whether servers can be held."""

    groups: tuple[ServerGroup, ...] = ()
    can_hold: bool = False
    untold: str = ""
    """Why the groups are not known; empty where they are."""


def abilities(cloud: Cloud, servers: Sequence[Server]) -> Abilities:
    """Return what *cloud* says; a lone server costs no request.  Raises as Cloud's reads do when it does not answer."""
    if len(servers) < 2:  # noqa: PLR2004 - nobody to wait for, nobody to keep apart from
        return Abilities()
    can_hold = cloud.can_hold()
    try:
        return Abilities(cloud.server_groups(), can_hold)
    except RefusedError as error:
        return Abilities((), can_hold, f"server groups are not heeded, for Nova does not tell them: {error}")
