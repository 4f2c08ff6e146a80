"""Standing: where the servers of one policy stand, as the value that passes from step to step of its flow.

Every step takes it and returns it, updated.  So conditions are judged from what is stored, and a conductor that takes
over finds what its predecessor found.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from medevac.core.wire import from_plain, to_plain
from medevac.flows.plan import Outcome, Plan, Proof, Verdict
from medevac.flows.policy.language import Result


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one server stands."""

    id: str
    outcome: Outcome | None = None
    """What the last step that moved it, or tried to, has come to."""
    verdict: Verdict | None = None
    """What was seen of it after that."""
    results: Mapping[str, str] = field(default_factory=dict)
    """The word of a step to what its last run did for the server: done, failed or skipped (see Result)."""
    last: str = ""
    """Of the last step that worked on it; empty when none has, since the control around it began a round."""
    proof: Proof | None = None
    """That it is off on its host, where the host was not proven to be before all steps."""

    @property
    def back(self) -> bool:
        """Tell whether it has come back, as far as is known: what moved and was not looked at yet counts."""
        return self.verdict.recovered if self.verdict else self.moved

    @property
    def moved(self) -> bool:
        """Tell whether it has left the host: asking Nova for it again would find nothing to move."""
        return self.outcome is not None and self.outcome.result == "moved"

    @property
    def skipped(self) -> bool:
        """Tell whether it is left alone because its owner wants it so, or took it."""
        return self.outcome is not None and self.outcome.result == "skipped"

    @property
    def open(self) -> bool:
        """Tell whether somebody still has to bring it back."""
        return not self.back and not self.skipped

    def after(self, word: str, result: Result) -> Standing:
        """Return it with the *result* of the step *word*."""
        return replace(self, results={**self.results, word: result.value}, last=result.value)


@dataclass(frozen=True, slots=True)
class Standings:
    """Where all servers of a policy stand, and its flow."""

    servers: tuple[Standing, ...]
    begun_at: float
    """Seconds since the epoch (our clock) at which the policy's own steps began."""
    at: float
    """The same, of the end of the step that returned this."""
    baseline: int
    """The newest evacuation record that an earlier evacuate step has judged: only newer ones speak for the next."""
    adopted: tuple[int, ...]
    """Records up to the baseline that may still end well."""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a condition or a round chose, by its name: the ids of servers."""
    ended: str = ""
    """Why nothing more is begun; empty while the flow goes on."""
    remarks: tuple[str, ...] = ()
    """What people must hear of although every server may be back."""

    def within(self, scope: str) -> tuple[Standing, ...]:
        """Return the servers that *scope* chose; the empty scope is everybody."""
        if not scope:
            return self.servers
        chosen = set(self.chosen.get(scope, ()))
        return tuple(server for server in self.servers if server.id in chosen)

    def choosing(self, scope: str, servers: Iterable[Standing]) -> Standings:
        """Return it with *servers* chosen under the name *scope*."""
        return replace(self, chosen={**self.chosen, scope: tuple(server.id for server in servers)})

    def updated(self, changed: Iterable[Standing], **others: Any) -> Standings:  # noqa: ANN401 - fields of this class
        """Return it with the *changed* servers in the place of what they were, and *others* of its fields."""
        now = {server.id: server for server in changed}
        return replace(self, servers=tuple(now.get(server.id, server) for server in self.servers), **others)

    def each(self, ids: Iterable[str], change: Callable[[Standing], Standing]) -> Standings:
        """Return it with *change* applied to the servers of those *ids*."""
        wanted = set(ids)
        return self.updated(change(server) for server in self.servers if server.id in wanted)

    def remarking(self, remark: str) -> Standings:
        """Return it with *remark*, once."""
        return self if remark in self.remarks else replace(self, remarks=(*self.remarks, remark))

    def since(self, earlier: Standings) -> Standings:
        """Return it with only the servers that are not as they were in *earlier*: `onto` puts it together again."""
        before = {server.id: server for server in earlier.servers}
        return replace(self, servers=tuple(server for server in self.servers if server != before.get(server.id)))

    def onto(self, earlier: Standings) -> Standings:
        """Return what it was before `since` left out what *earlier* knows."""
        return replace(self, servers=earlier.updated(self.servers).servers)


def first(plan: Plan, policy: str, now: float) -> Standings:
    """Return where the servers of *policy* stand before its first step."""
    servers = tuple(Standing(server.id) for server in plan.of(policy))
    return Standings(servers, now, now, plan.baseline, plan.adopted)


def read(plain: object) -> Standings:
    """Return the value that a step has returned as JSON; raise MalformedDocumentError when it is none."""
    return from_plain(Standings, plain, "where the servers of a policy stand")


def packed(standings: Standings) -> str:
    """Return it as short text: TaskFlow keeps the values of every round of a control in one znode of 1 MiB."""
    plain = json.dumps(to_plain(standings), separators=(",", ":"))
    return base64.b85encode(lzma.compress(plain.encode(), lzma.FORMAT_ALONE)).decode()


def unpacked(text: str) -> Standings:
    """Return what `packed` turned into *text*."""
    return read(json.loads(lzma.decompress(base64.b85decode(text))))


def joined(base: Standings, branches: Iterable[Standings]) -> Standings:
    """Return where the servers stand after *branches* that ran side by side, each from *base*."""
    together = base
    before = {server.id: server for server in base.servers}
    for branch in branches:
        now = {server.id: server for server in together.servers}
        changed = [_combined(before[s.id], now[s.id], s) for s in branch.servers if s != before[s.id]]
        together = together.updated(
            changed,
            at=max(together.at, branch.at),
            baseline=max(together.baseline, branch.baseline),
            adopted=branch.adopted if branch.baseline > together.baseline else together.adopted,
            chosen={**together.chosen, **branch.chosen},
            ended=together.ended or branch.ended,
        )
        for remark in branch.remarks:
            together = together.remarking(remark)
    return together


def _combined(before: Standing, one: Standing, other: Standing) -> Standing:
    """Return what two branches made of a server; only one of them has moved it."""
    mover = other if (other.outcome, other.verdict) != (before.outcome, before.verdict) else one
    lasts = (other.last, one.last)
    return replace(
        mover,
        proof=other.proof or one.proof,
        results={**one.results, **{word: result for word, result in other.results.items() if
                                   before.results.get(word) != result}},
        last=Result.FAILED.value if Result.FAILED.value in lasts else other.last,
    )  # fmt: skip
