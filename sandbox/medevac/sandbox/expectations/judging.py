"""Judging: what was expected beside what came of it; every difference is a problem with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.matching import matches
from medevac.flows.policy.problems import Place
from medevac.sandbox.expectations.reading import Draft
from medevac.sandbox.expectations.stage import Played

_SHOWN = 12
"""Lines of a timeline; the others are only counted."""
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came otherwise than it was expected."""

    place: Place
    message: str
    hint: str = ""


def differences(draft: Draft, played: Played) -> list[Difference]:
    """Return everything that came otherwise than *draft* expects."""
    judge = _Judge(draft, played)
    return [
        *judge.rules(),
        *judge.outcome(),
        *judge.back(),
        *judge.order(),
        *judge.left(),
        *judge.not_moved(),
        *judge.not_touched(),
        *judge.killed(),
        *judge.fenced(),
        *judge.told(),
        *judge.within(),
    ]


def timeline(draft: Draft, played: Played) -> list[str]:
    """Return, one line a server, where it was expected and when it was back; `!` marks what is out of order.

    Where an order is expected, only the servers that it names are shown.
    """
    ranks = _ranks(draft)
    shown = [name for name in draft.servers if name in ranks or not ranks]
    times = {name: at for name in shown if (at := _back_at(played, name)) is not None}
    latest, lines = -1, []
    for name, at in sorted(times.items(), key=lambda item: (item[1], item[0])):
        rank = ranks.get(name)
        wrong = rank is not None and rank < latest
        latest = max(latest, rank if rank is not None else -1)
        expected = "" if rank is None else f"expected at place {rank + 1}"
        lines.append(f"{'!' if wrong else ' '} {at:+9.1f} s  {name:<20} {expected}".rstrip())
    away = [name for name in shown if name not in times]
    lines += [f"  {'not back':>11}  {name:<20} {_reason(played, name)}".rstrip() for name in away]
    more = [f"  ... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [*lines[:_SHOWN], *more]


class _Judge:
    """One expectation, and what came of it."""

    def __init__(self, draft: Draft, played: Played) -> None:
        self._draft = draft
        self._then = draft.expectation.then
        self._played = played

    def rules(self) -> Iterator[Difference]:
        """Judge what holds whatever is expected."""
        place = self._draft.place("then")
        names = ", ".join(self._draft.servers[:_NAMED])
        for violation in self._played.violations:
            yield Difference(place, f"a rule was broken: {violation}", f"this must never happen; servers: {names}")

    def outcome(self) -> Iterator[Difference]:
        """Judge how the incident ended."""
        wanted, found = self._then.outcome, self._played.outcome
        if wanted is not None and wanted is not found:
            message = f"expected the outcome {wanted}, but it is {found}: {self._played.reason}"
            yield Difference(self._draft.place("then", "outcome"), message)

    def back(self) -> Iterator[Difference]:
        """Judge that servers are back."""
        for number, pattern in enumerate(self._then.back):
            yield from self._all_back(self._draft.place("then", "back", number), [pattern])

    def order(self) -> Iterator[Difference]:
        """Judge that each group is back as a whole before the next begins to be."""
        before: list[str] = []
        for number, group in enumerate(self._then.order):
            place = self._draft.place("then", "order", number)
            yield from self._all_back(place, group.servers)
            names = [name for name in self._meant(group.servers) if _back_at(self._played, name) is not None]
            yield from self._too_early(place, before, names)
            before += names

    def _too_early(self, place: Place, before: Sequence[str], names: Sequence[str]) -> Iterator[Difference]:
        if not before or not names:
            return
        last = max(before, key=self._at)
        early = [name for name in names if self._at(name) < self._at(last)]
        if early:
            first = min(early, key=self._at)
            message = (
                f"expected {first} to be back after {last}, but it was {self._at(last) - self._at(first):.1f} s earlier"
            )
            yield Difference(place, message, f"{len(early)} of {len(names)} came too early" if len(names) > 1 else "")

    def left(self) -> Iterator[Difference]:
        """Judge that servers are not back, and why."""
        for pattern, reason in self._then.left.items():
            place = self._draft.place("then", "left", pattern)
            for name in self._meant([pattern]):
                found = _reason(self._played, name)
                if _back_at(self._played, name) is not None:
                    yield Difference(place, f"expected {name} to be left, but it is back: {found or 'it runs'}")
                elif reason not in found:
                    yield Difference(place, f"expected {name} to be left because of {reason!r}, but: {found}")

    def not_moved(self) -> Iterator[Difference]:
        """Judge that Nova has servers where they were."""
        homes = {name: server.host for server in self._draft.expectation.given.servers for name in server.names}
        for number, pattern in enumerate(self._then.not_moved):
            place = self._draft.place("then", "not_moved", number)
            for name in self._meant([pattern]):
                if self._played.hosts[name] != homes[name]:
                    yield Difference(place, f"expected {name} to stay, but Nova has it on {self._played.hosts[name]}")

    def not_touched(self) -> Iterator[Difference]:
        """Judge that the guests of servers ran on."""
        for number, pattern in enumerate(self._then.not_touched):
            place = self._draft.place("then", "not_touched", number)
            for name in self._meant([pattern]):
                if name not in self._played.ran_on:
                    yield Difference(place, f"expected {name} to run on as it was, but its guest ended or was stopped")

    def killed(self) -> Iterator[Difference]:
        """Judge who was killed alone; where nothing is said of it, nobody has to be."""
        wanted = set(self._meant(self._then.killed))
        place = self._draft.place("then", "killed")
        for name in sorted(wanted - self._played.killed):
            yield Difference(place, f"expected {name} to be killed on its host, but it was not")
        for name in sorted(self._played.killed - wanted if self._then.killed else ()):
            yield Difference(place, f"{name} was killed on its host, which was not expected")

    def fenced(self) -> Iterator[Difference]:
        """Judge whether the host was fenced."""
        wanted, found = self._then.fenced, self._played.fenced
        if wanted is not None and wanted is not found:
            message = f"expected the host {'' if wanted else 'not '}to be fenced, but it was{'' if found else ' not'}"
            yield Difference(self._draft.place("then", "fenced"), message)

    def told(self) -> Iterator[Difference]:
        """Judge who was told something."""
        for number, target in enumerate(self._then.told):
            if target not in self._played.told:
                found = ", ".join(sorted(self._played.told)) or "nobody"
                place = self._draft.place("then", "told", number)
                yield Difference(place, f"expected {target} to be told, but {found} was")

    def within(self) -> Iterator[Difference]:
        """Judge how soon those that are back were back."""
        bound = self._then.within
        late = {name: at for name, at in self._played.back.items() if bound is not None and at > float(bound)}
        if late:
            worst = max(late, key=lambda name: late[name])
            took = Duration(round(late[worst], 1))
            message = f"expected every server to be back within {bound}, but {worst} took {took}"
            yield Difference(self._draft.place("then", "within"), message, f"{len(late)} came too late")

    def _all_back(self, place: Place, patterns: Iterable[str]) -> Iterator[Difference]:
        for name in self._meant(patterns):
            if _back_at(self._played, name) is None:
                yield Difference(place, f"expected {name} to be back, but it is not: {_reason(self._played, name)}")

    def _meant(self, patterns: Iterable[str]) -> list[str]:
        return _meant(self._draft, patterns)

    def _at(self, name: str) -> float:
        return _back_at(self._played, name) or 0.0


def _ranks(draft: Draft) -> dict[str, int]:
    return {
        name: rank for rank, group in enumerate(draft.expectation.then.order) for name in _meant(draft, group.servers)
    }


def _meant(draft: Draft, patterns: Iterable[str]) -> list[str]:
    wanted = tuple(patterns)
    return [name for name in draft.servers if any(matches(pattern, name) for pattern in wanted)]


def _back_at(played: Played, name: str) -> float | None:
    """Return when it was back: as the machine room saw its guest start, or as the report says where none runs."""
    if name not in played.back:
        return None
    return played.running_at.get(name, played.back[name])


def _reason(played: Played, name: str) -> str:
    row = played.rows.get(name)
    return str(row["reason"]) if row else played.reason
