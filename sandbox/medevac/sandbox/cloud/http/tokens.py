"""Tokens: what Keystone has issued and not forgotten."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from medevac.sandbox.cloud.model.catalog import Project, User
from medevac.sandbox.cloud.model.world import World


@dataclass(frozen=True, slots=True)
class Token:
    """A token and whom it stands for."""

    id: str
    user: User
    project: Project | None
    """None: it is unscoped."""
    issued_at: float
    expires_at: float


class Tokens:
    """All tokens that are valid, or were."""

    def __init__(self, world: World) -> None:
        """Start empty."""
        self._world = world
        self._known: dict[str, Token] = {}

    def issue(self, user: User, project: Project | None) -> Token:
        """Make a new token."""
        now = self._world.now
        token = Token(f"gAAAA{uuid.uuid4().hex}", user, project, now, now + self._world.settings.token_seconds)
        self._known[token.id] = token
        return token

    def find(self, token_id: str | None) -> Token | None:
        """Return a valid token; None for one that is unknown or expired."""
        token = self._known.get(token_id or "")
        return token if token is not None and self._world.now < token.expires_at else None

    def revoke_all(self) -> None:
        """Forget every token, as Keystone does when its keys are rotated too early."""
        self._known.clear()
