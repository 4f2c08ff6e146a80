"""Report: what the story came to, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.text import Text

from medevac.core.wire import to_plain
from medevac.sandbox.demo import figures
from medevac.sandbox.demo.bare import BareFigures
from medevac.sandbox.demo.checks import Check, check, recovered
from medevac.sandbox.demo.facts import Facts
from medevac.sandbox.demo.figures import Downtime
from medevac.sandbox.demo.narrate import Line

_UNLIMITED = 10_000
"""Columns where there is no terminal: whoever reads the lines wraps them."""
_WIDEST = 100
"""Columns that a table uses at most."""
_NAMED = 5
"""How many sentences about one broken rule are printed."""
_BASIS = 60
"""Columns for the figures behind a rule."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told at the end."""

    facts: Facts
    checks: Sequence[Check]
    lines: Sequence[Line]
    bare: BareFigures

    @property
    def held(self) -> bool:
        """Tell whether every rule held."""
        return all(each.held for each in self.checks)

    @property
    def violations(self) -> list[str]:
        """Return a sentence for everything that broke a rule."""
        return [f"{each.rule}: {sentence}" for each in self.checks for sentence in each.broken]


def make(facts: Facts, lines: Sequence[Line], bare: BareFigures) -> Report:
    """Return the report on *facts*."""
    return Report(facts, check(facts), lines, bare)


def document(report: Report) -> dict[str, Any]:
    """Return the report for machines."""
    facts = report.facts
    struck = max(len(facts.struck), 1)
    downtimes = figures.downtimes(facts)
    return {
        "host": facts.cast.victim,
        "hosts": len(facts.hosts),
        "servers_in_cloud": len(facts.before),
        "servers": len(facts.struck),
        "recovered": len(recovered(facts)),
        "left": len(facts.left),
        "violations": report.violations,
        "conductor_killed": facts.takeover is not None,
        "http_requests_per_server": round(facts.http_requests / struck, 2),
        "zookeeper_operations_per_server": round(facts.zookeeper_requests / struck, 2),
        "seconds": to_plain(figures.seconds(facts)),
        "bare_seconds": report.bare.seconds,
        "bare_http_requests_per_server": round(report.bare.http_requests / max(report.bare.servers, 1), 2),
        "policies": to_plain(figures.by_policy(downtimes)),
        "downtimes": to_plain(downtimes),
        "invariants": [{"rule": each.rule, "held": each.held, "basis": each.basis} for each in report.checks],
        "timeline": [
            {"at": round(line.at - facts.struck_at, 3), "who": line.who, "text": line.text} for line in report.lines
        ],
    }


def show(report: Report, console: Console) -> None:
    """Print the report for people."""
    width = console.width if console.is_terminal else _UNLIMITED
    for line in _all_lines(report, width):
        console.print(line, soft_wrap=True, highlight=False)


def _all_lines(report: Report, width: int) -> Iterator[Text]:
    yield from _timeline(report, width)
    yield from _policies(report)
    yield from _servers(figures.downtimes(report.facts), width)
    yield from _cost(report)
    yield from _invariants(report, width)
    yield from _complaints(report, width)
    yield from _verdict(report)


def _head(text: str, note: str = "") -> Iterator[Text]:
    yield Text()
    yield Text.assemble((text, "bold"), (f"  {note}" if note else "", "dim"))


def _timeline(report: Report, width: int) -> Iterator[Text]:
    facts = report.facts
    yield from _head("Timeline", f"seconds after {facts.cast.victim} lost its network")
    for line in report.lines:
        if line.at >= facts.struck_at - 1e-3:
            style = "bold" if line.who == "demo" else ""
            whole = f"  {line.at - facts.struck_at:+7.2f}  {line.who:<9} {line.text}"
            yield from (Text(row, style) for row in wrap(whole, width, subsequent_indent=" " * 21))


def _policies(report: Report) -> Iterator[Text]:
    yield from _head("Down-time by policy", "by the ledger: guest ended to guest started elsewhere")
    rows = figures.by_policy(figures.downtimes(report.facts))
    wide = max([10, *(len(row.policy) for row in rows)])
    yield Text(f"  {'policy':<{wide}} servers  ran, run again    first   median     last", "dim")
    for row in rows:
        times = "".join(f"{_seconds(each):>9}" for each in (row.first, row.median, row.last))
        yield Text(f"  {row.policy:<{wide}} {row.servers:>7} {row.back:>15}{times}")


def _servers(downtimes: Sequence[Downtime], width: int) -> Iterator[Text]:
    yield from _head("Down-time by server")
    cells = [f"{each.name:<7} {_down(each):>8} → {each.host:<10}" for each in downtimes]
    per_row = max(1, (min(width, _WIDEST) - 2) // (len(cells[0]) + 3)) if cells else 1
    for start in range(0, len(cells), per_row):
        yield Text("  " + "   ".join(cells[start : start + per_row]).rstrip())


def _down(downtime: Downtime) -> str:
    if downtime.seconds is not None:
        return _seconds(downtime.seconds)
    return downtime.note if downtime.note in ("stopped", "left") else "never"


def _cost(report: Report) -> Iterator[Text]:
    facts = report.facts
    marks, plain = figures.seconds(facts), document(report)
    yield from _head("What it took")
    yield Text(f"  alert seen to fence ordered {_seconds(marks.event_to_fence):>12}")
    yield Text(f"  alert seen to first server back {_seconds(marks.first_server):>8}")
    last = f"  alert seen to last server back {_seconds(marks.last_server):>9}"
    yield Text(f"{last}   (a bare script, unordered: {report.bare.seconds:.1f} s)")
    if facts.takeover is not None:
        yield Text(f"  kill -9 to the next claim {_seconds(marks.takeover):>14}")
    bare = plain["bare_http_requests_per_server"]
    yield Text(f"  API calls a server {plain['http_requests_per_server']:>19}   (the bare script: {bare})")
    yield Text(
        f"  ZooKeeper requests a server {plain['zookeeper_operations_per_server']:>10}"
        "   (with alerts, triage, session pings)"
    )


def _invariants(report: Report, width: int) -> Iterator[Text]:
    yield from _head("What had to hold")
    for each in report.checks:
        mark = ("  held    ", "green") if each.held else ("  BROKEN  ", "bold red")
        room = min(width - len(mark[0]) - len(each.rule) - 4, _BASIS)
        basis = each.basis if len(each.basis) <= room else each.basis[: room - 1] + "…"
        yield Text.assemble(mark, each.rule, (f"  ({basis})" if basis else "", "dim"))
        for sentence in each.broken[:_NAMED]:
            yield from (Text(row, "red") for row in wrap(f"            {sentence}", width, subsequent_indent=" " * 14))
        if len(each.broken) > _NAMED:
            yield Text(f"            and {len(each.broken) - _NAMED} more (--json has them all)", "red")


def _complaints(report: Report, width: int) -> Iterator[Text]:
    """Yield the errors in the logs, where something broke: the logs themselves are gone without --keep."""
    found = report.facts.complaints
    if report.held or not found:
        return
    yield from _head("What the workers' logs complain of", f"{len(found)} lines; --keep keeps the logs")
    for line in found[-_NAMED:]:
        yield from (Text(row) for row in wrap(f"  {line}", width, subsequent_indent=" " * 4))


def _verdict(report: Report) -> Iterator[Text]:
    facts = report.facts
    yield Text()
    back, total, left = len(recovered(facts)), len(facts.promised), len(facts.left)
    if report.held:
        rest = f", {left} stayed as the policies have it" if left else ""
        yield Text(f"All {back} of {total} servers are back{rest}, and everything held.", "bold green")
    else:
        broken = sum(not each.held for each in report.checks)
        yield Text(f"{back} of {total} servers are back; {broken} of {len(report.checks)} rules broken.", "bold red")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
