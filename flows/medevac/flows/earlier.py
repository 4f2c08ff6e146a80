"""Earlier: what the recoveries before this one knew of servers that have been in ERROR since.  Pure.

Nova brings a server up that is evacuated out of ERROR, also one that had been shut off before it came to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from medevac.flows.estate import POWERED
from medevac.flows.ports import Server
from medevac.flows.selection import ERROR


def reports_wanted(incident: str, servers: Iterable[Server]) -> Iterator[str]:
    """Yield the incidents whose reports tell of *servers*: an earlier attempt at *incident*, and the one before it."""
    if any(_is_down_in_error(server) for server in servers):
        yield incident
        of, _, number = incident.rpartition(":")
        if number.isdecimal() and int(number) > 1:
            yield f"{of}:{int(number) - 1}"


def shut_off(reports: Iterable[Mapping[str, Any]], servers: Iterable[Server]) -> frozenset[str]:
    """Return those of *servers* that had been shut off, and were left in ERROR, by *reports* with the newest first.

    Whoever got one going since has given it another power_state.
    """
    was: dict[str, str] = {}
    for report in reports:
        for row in report.get("servers", ()):
            if row["result"] == "failed":
                was.setdefault(row["id"], row.get("was", ""))
    return frozenset(each.id for each in servers if _is_down_in_error(each) and was.get(each.id) == "stopped")


def _is_down_in_error(server: Server) -> bool:
    return server.vm_state == ERROR and server.power_state != POWERED
