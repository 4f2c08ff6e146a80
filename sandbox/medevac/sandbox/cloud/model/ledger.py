"""Ledger: which guest really ran where and when, as an observer in the machine room would have written it.

It is fed by power states only and never by what the API says, so that two copies of a server are seen although
Nova knows of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Run:
    """One guest process from start to end."""

    server_id: str
    host: str
    started_at: float
    why_started: str
    ended_at: float | None = None
    why_ended: str = ""


class Ledger:
    """All runs of all guests, and the rules that were broken."""

    def __init__(self) -> None:
        """Start empty."""
        self.runs: list[Run] = []
        self._running: dict[str, dict[str, Run]] = {}
        self._on_host: dict[str, set[str]] = {}
        self._broken: list[str] = []

    def start(self, now: float, server_id: str, host: str, why: str) -> None:
        """Note that the guest of *server_id* runs on *host* from *now* on; a no-op when it already does."""
        places = self._running.setdefault(server_id, {})
        if host in places:
            return
        for other in places:
            self.violate(now, f"server {server_id} runs on {host} ({why}) while it still runs on {other}")
        run = Run(server_id, host, now, why)
        places[host] = run
        self._on_host.setdefault(host, set()).add(server_id)
        self.runs.append(run)

    def end(self, now: float, server_id: str, host: str, why: str) -> bool:
        """Note that the guest on *host* has ended; tell whether there was one."""
        run = self._running.get(server_id, {}).pop(host, None)
        if run is None:
            return False
        self._on_host[host].discard(server_id)
        run.ended_at, run.why_ended = now, why
        return True

    def end_all(self, now: float, host: str, why: str) -> None:
        """End every guest of *host*."""
        for server_id in self.on_host(host):
            self.end(now, server_id, host, why)

    def violate(self, now: float, sentence: str) -> None:
        """Note a broken rule."""
        self._broken.append(f"at {now:.3f}: {sentence}")

    def on_host(self, host: str) -> tuple[str, ...]:
        """Return the ids of the servers whose guests run on *host*."""
        return tuple(sorted(self._on_host.get(host, ())))

    def hosts_of(self, server_id: str) -> tuple[str, ...]:
        """Return the hosts on which a guest of *server_id* runs now: one, if all is well."""
        return tuple(self._running.get(server_id, ()))

    def broken(self) -> tuple[str, ...]:
        """Return the rules that were broken so far, as sentences in order of time."""
        return tuple(self._broken)

    def check_all_running(self, expected: Iterable[str]) -> tuple[str, ...]:
        """Return a sentence for each server of *expected* that does not run exactly once now."""
        return tuple(
            f"server {server_id} should run and runs {'nowhere' if not places else 'on ' + ' and '.join(places)}"
            for server_id in expected
            if len(places := self.hosts_of(server_id)) != 1
        )
