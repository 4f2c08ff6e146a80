"""Notify and page: tell people where a recovery stands.  A message that does not go out holds nothing up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medevac.core.errors import NotificationError
from medevac.flows.plan import Plan
from medevac.flows.policy.language import FAILURES, HOST_DOWN, SERVER_FAILURES, Notify, Page, Result
from medevac.flows.policy.placeholders import filled
from medevac.flows.ports import Ports
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.staged import PolicyStep, Seat

PAGE = "page"
"""The target of `page`."""
FEW = 3
"""Servers that fit a telephone."""
LONGEST = 2000
"""Characters of a message."""
SUMMARY = "{failure} of {host}: {recovered} of {servers} servers of {policy} are back, {failed} are not. {reason}"
SUMMARY_LIVE = "{failure} of {host}: {meaning} {servers} servers of {policy}, {failed} of them need you. {reason}"
"""The same for a host that lives: its servers run on, as long as nothing else is said of them."""
SUMMARY_SERVER = "{failure} of {names} on {host}: {meaning} {reason}"


@dataclass(frozen=True, slots=True)
class Message:
    """Who is told what."""

    to: str
    text: str
    """Empty: a summary."""

    @classmethod
    def of(cls, step: Notify | Page) -> Message:
        """Return what *step* says."""
        return cls(step.to if isinstance(step, Notify) else PAGE, step.text)


class Tell(PolicyStep):
    """`notify` and `page`, about the servers in its scope."""

    def __init__(self, seat: Seat, word: str, message: Message) -> None:
        """Send *message*; a worker that takes over in the middle of it sends it again."""
        super().__init__(seat)
        self._word = word
        self._message = message

    def work(self, ports: Ports, plan: Plan, before: Standings, results: Mapping[str, Any]) -> Standings:
        """Send it; whether it went out is told in the journal and changes nothing."""
        del results
        mine = before.within(self.seat.scope)
        text = filled(self._message.text or summary(self.brief.failure), self._facts(plan, mine))[:LONGEST]
        ports.log.assert_owned()
        try:
            ports.notifier.send(self._message.to, f"medevac: {self.brief.host}", text)
        except NotificationError as error:
            self.say(ports, f"{self._message.to} was not told ({error}): {text}")
        else:
            self.say(ports, f"told {self._message.to}: {text}")
        return before.updated(_told(server, self._word) for server in mine)

    def _facts(self, plan: Plan, mine: tuple[Standing, ...]) -> Mapping[str, str]:
        names = {server.id: server.name for server in plan.servers}
        tried = self.brief.failure == HOST_DOWN  # where the host lives, a wait in vain has done a server no harm
        bad = [s for s in mine if s.open and (s.outcome or (tried and s.results))]
        reasons = [f"{names[s.id]}: {_reason(s)}" for s in bad]
        return {
            "host": plan.host,
            "incident": self.brief.incident,
            "failure": self.brief.failure,
            "policy": self.seat.policy,
            "servers": str(len(mine)),
            "recovered": str(sum(server.back for server in mine)),
            "failed": str(len(bad)),
            "names": _few([names[server.id] for server in mine], ", "),
            "meaning": FAILURES.get(self.brief.failure, ""),
            "reason": _few(reasons, "; "),
        }


def summary(failure: str) -> str:
    """Return the message where the policy says none."""
    if failure in SERVER_FAILURES:
        return SUMMARY_SERVER
    return SUMMARY if failure == HOST_DOWN else SUMMARY_LIVE


def _few(texts: Sequence[str], between: str) -> str:
    more = len(texts) - FEW
    return between.join(texts[:FEW]) + (f"{between}and {more} more" if more > 0 else "")


def _reason(server: Standing) -> str:
    if server.verdict:
        return server.verdict.reason
    return server.outcome.reason if server.outcome else "a step failed for it"


def _told(server: Standing, word: str) -> Standing:
    """Return *server* with the step done for it: that is no end, good or bad, of what was done before."""
    return Standing(server.id, server.outcome, server.verdict, {**server.results, word: Result.DONE.value}, server.last)
