"""Call and Answer: one request to the simulated cloud and what comes back, free of any HTTP library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from medevac.sandbox.cloud.http.tokens import Token, Tokens
from medevac.sandbox.cloud.model.errors import bad_request
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.power.bmc import Bmc

Version = tuple[int, int]


@dataclass(slots=True)
class Call:
    """One request."""

    world: World
    bmc: Bmc
    tokens: Tokens
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    queries: Callable[[str], list[str]]
    """All values of a query parameter that may be repeated."""
    body: Any
    base: str
    """http://host:port, as the client knows it."""
    request_id: str
    parts: Mapping[str, str] = field(default_factory=dict)
    """What the route's placeholders stand for."""
    version: Version = (2, 1)
    token: Token | None = None

    @property
    def project_id(self) -> str:
        """The project of the caller's token."""
        return self.token.project.id if self.token and self.token.project else ""

    def object(self, key: str) -> dict[str, Any]:
        """Return the object under *key* of the body; raise Nova's 400 when it is not one."""
        value = self.body.get(key) if isinstance(self.body, dict) else None
        if not isinstance(value, dict):
            raise bad_request(
                f"Invalid input for field/attribute {key}. Value: {value}. {value} is not of type 'object'"
            )
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; a body of None is an empty one."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds for which the call hangs before the answer."""


Handler = Callable[[Call], Answer]
Route = tuple[str, str, Handler]
"""Method, path below the service's root with {placeholders}, handler."""
