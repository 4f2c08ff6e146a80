"""Mishaps: what goes wrong inside Nova by order, and what goes wrong on the way to it (fault orders)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

ANY = -1
"""A count that never ends."""

KINDS = ("latency", "status", "reset", "lost", "silent", "hang")


@dataclass(slots=True)
class Order:
    """A fault order: what happens to HTTP requests that match it.

    latency: carried out after `seconds`.  status: answered with `status`, and carried out before that when `after`.
    reset: the connection is reset, nothing is done.  lost: carried out, then the connection is reset.
    silent: carried out, never answered.  hang: neither carried out nor answered.
    """

    id: int
    kind: str
    method: str = ".*"
    """A regular expression that must match the whole method."""
    path: str = ".*"
    """A regular expression that must be found in the path."""
    body: str = ""
    """A regular expression that must be found in the body, where it is not empty."""
    count: int = ANY
    until: float | None = None
    """Seconds since the epoch; None: until the count is used up or the order is withdrawn."""
    seconds: float = 0.0
    status: int = 503
    after: bool = False

    @property
    def carried_out(self) -> bool:
        """Tell whether a request that runs into it is carried out all the same."""
        return self.kind in ("latency", "lost", "silent") or self.after

    def matches(self, now: float, method: str, path: str, body: str) -> bool:
        """Tell whether it applies to this request."""
        if self.count == 0 or (self.until is not None and now >= self.until):
            return False
        return bool(
            re.fullmatch(self.method, method)
            and re.search(self.path, path)
            and (not self.body or re.search(self.body, body))
        )


@dataclass(slots=True)
class Mishaps:
    """Everything that is ordered to go wrong."""

    orders: list[Order] = field(default_factory=list)
    refuse_claims: dict[str, int] = field(default_factory=dict)
    """Host to how many claims it refuses still (ANY: all)."""
    fail_spawns: dict[str, int] = field(default_factory=dict)
    """Host to how many guests fail to start on it still (ANY: all)."""
    lose_evacuations: int = 0
    """How many evacuations are accepted and then forgotten: nova-conductor dies as the call is made."""
    fail_actions: dict[str, int] = field(default_factory=dict)
    """How many fail still (ANY: all) of each: stop, start, reboot, live-migration, migration, confirm, rebuild."""
    lose_actions: dict[str, int] = field(default_factory=dict)
    """How many of each of those are accepted still and then forgotten."""
    fail_kills: dict[str, int] = field(default_factory=dict)
    """Host to how many guests its hypervisor cannot destroy still (ANY: all): processes in uninterruptible sleep."""
    fail_restarts: dict[str, int] = field(default_factory=dict)
    """Host to how many restarts of its services come to nothing still (ANY: all)."""
    _next_id: int = 1

    def order(self, kind: str, **scope: object) -> Order:
        """Give a fault order; *scope* has the other fields of Order.  Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of fault {kind!r}: one of {', '.join(KINDS)}")
        order = Order(self._next_id, kind, **scope)  # type: ignore[arg-type] # wire.from_plain or a caller checked them
        self._next_id += 1
        self.orders.append(order)
        return order

    def withdraw(self) -> None:
        """Withdraw every order: nothing goes wrong from now on."""
        self.orders.clear()
        self.refuse_claims.clear()
        self.fail_spawns.clear()
        self.lose_evacuations = 0
        for counts in (self.fail_actions, self.lose_actions, self.fail_kills, self.fail_restarts):
            counts.clear()

    def strike(self, now: float, method: str, path: str, body: str = "") -> Order | None:
        """Return the first order that this request runs into, and count it; None for a lucky one."""
        if not self.orders:
            return None
        for order in self.orders:
            if order.matches(now, method, path, body):
                order.count -= order.count > 0
                return order
        return None


def take(counts: dict[str, int], host: str) -> bool:
    """Tell whether *host* has a mishap left in *counts*, and use it up."""
    left = counts.get(host, 0)
    if left > 0:
        counts[host] = left - 1
    return left != 0
