"""Failback: the servers that went from a host because it failed, brought back to it while they run.  Off by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from medevac.flows.estate import EVACUATION, Migration
from medevac.flows.policy.duration import DAY, Duration, TimeOfDay
from medevac.flows.policy.words import said

HELD_BY = "failback"
"""What holds the incident of a host that is in service again, and whose servers wait for the window."""
WAITS = "failback_waits"
"""The key of the report by which it is known again when the window has begun."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time of every day, in UTC."""

    begin: TimeOfDay = field(metadata=said("When it begins (UTC).", key="from"))
    end: TimeOfDay = field(
        metadata=said("When it ends (UTC), past midnight too; the same as `from`: always open.", key="to")
    )

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"{self.begin} to {self.end} UTC"

    def closes(self, at: float) -> float:
        """Return when the window that is open *at* ends, in seconds since the epoch; 0.0 where none is open."""
        begin, end = self.begin.next_after(0.0), self.end.next_after(0.0)
        length = (end - begin) % DAY or DAY
        gone = (at - begin) % DAY
        return at + length - gone if gone < length else 0.0


@dataclass(frozen=True, slots=True)
class Failback:
    """How servers that medevac moved away from a host go back to it, live-migrated, once it is in service again."""

    most: int = field(default=10, metadata=said("How many servers go back in one return.", least=1))
    parallel: int = field(default=2, metadata=said("How many of them are under way at once.", least=1))
    window: Window | None = field(
        default=None, metadata=said("When they are begun; outside it they wait for its beginning.")
    )
    timeout: Duration = field(
        default=Duration(1800), metadata=said("How long one of them is waited for.", least=1, most=86_400)
    )


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one server."""

    id: str
    name: str
    result: str
    """done, failed or skipped."""
    reason: str


def moved_away(report: Mapping[str, Any], host: str) -> dict[str, tuple[str, str]]:
    """Return the servers that the *report* of a failure of *host* has elsewhere: name and place, by id."""
    rows = report.get("servers", ())
    return {
        row["id"]: (row["name"], row["host"])
        for row in rows
        if row.get("result") == "recovered" and row.get("host", "") not in ("", host)
    }


def was_moved_by_others(records: Sequence[Migration], home: str) -> bool:
    """Tell by the *records* of a server whether somebody has moved it since it was evacuated from *home*.

    Also before the recovery had ended: its report has the server where it was then.
    """
    evacuated = [each for each in records if each.kind == EVACUATION and each.source == home]
    since = max((each.created_at for each in evacuated), default=0.0)
    return any(each.succeeded and each.kind != EVACUATION and each.created_at >= since for each in records)


def waits(report: Mapping[str, Any]) -> bool:
    """Tell whether the return with that *report* has put its host into service and waits for the window."""
    return bool(report.get(WAITS))
