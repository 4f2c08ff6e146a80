"""Ladder: the ways to prove a host off are tried in turn, and only the state that is read back counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from medevac.core.errors import CloudError, FencingError
from medevac.core.evidence import FENCED, KDUMP, FenceEvidence, Life, objection
from medevac.core.shortening import shortened
from medevac.flows.brief import Brief
from medevac.flows.dumping import DumpWord
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import Ports
from medevac.flows.rung import HEARTBEAT, Answer, Case, Rung
from medevac.flows.still_out import life_of, silent_since

SHARED = 500
"""Characters that the words of all rungs share in an incident's reason and in a page."""
LEAST = 60
"""Characters that each of many rungs has there all the same."""


class Ladder:
    """One host's ladder, climbed for one incident."""

    def __init__(self, brief: Brief, ports: Ports, say: Callable[[str], None], dump: DumpWord) -> None:
        """Climb for *brief*; *say* writes a line into its journal, *dump* says whether a crash dump is waited for."""
        self.rungs = ports.fencer.ladder(brief.host)
        self.answers: dict[str, str] = {}
        """What each rung said last, where that was no evidence."""
        self._brief = brief
        self._ports = ports
        self._say = say
        self._dump = dump
        self._ordered: set[str] = set()
        self._dumping: set[str] = set()

    @property
    def refusal(self) -> str:
        """Return what every rung said, in one clause."""
        return "; ".join(f"{name}: {words}" for name, words in self.answers.items())

    @property
    def refusal_in_short(self) -> str:
        """Return the same where it must leave room for what people can do: no rung's words push out another's."""
        share = max(SHARED // max(len(self.answers), 1), LEAST)
        return "; ".join(f"{name}: {shortened(words, share)}" for name, words in self.answers.items())

    def climb(self) -> FenceEvidence | None:
        """Try every rung once and return the first evidence that holds; `answers` says why there is none.

        Evidence that somebody else has stored meanwhile (a trigger, a human) ends the climb.
        """
        for rung in self.rungs:
            found = self._stored() or self._try(rung)
            if found is not None:
                return found
        return self._stored()

    def keep_off(self) -> FenceEvidence | None:
        """Let the rungs that keep hosts off switch this one off; return the evidence of the first that did.

        None where there are none, or they could not: that the host was off before is as true as it was.
        """
        for rung in self.rungs:
            if rung.keeps_off and rung.orders:
                found = self._try(rung)
                if found is not None:
                    return found
                self._say(f"{self._brief.host} could not be kept off by {rung.name}: {self.answers[rung.name]}")
        return None

    def _stored(self) -> FenceEvidence | None:
        evidence = self._ports.log.evidence()
        return None if evidence is None or objection(evidence, self._life) else evidence

    def _try(self, rung: Rung) -> FenceEvidence | None:
        try:
            found = self._ask(rung)
            doubt = self._doubt(_confirming(rung, found)) if found is not None else ""
        except FencingError as error:
            found, doubt = None, str(error)
        if doubt:
            self.answers[rung.name] = doubt
        if found is None or doubt:
            return None
        action = "off" if rung.name in self._ordered and found.action == "already-off" else found.action
        agreed = _confirming(rung, found)
        return replace(found, action=action, incident=self._brief.incident, confirmed_by=agreed)

    def _ask(self, rung: Rung) -> FenceEvidence | None:
        """Return evidence from one rung, or None with its answer noted.  Raises FencingError when it does not know."""
        started = self._now()
        if rung.wants_contact and self._brief.failure != HOST_DOWN:
            self.answers[rung.name] = "it counts from a lost contact, and this host is reached"
            return None
        if rung.looks_first:
            answer = self._look(rung)
            if answer.evidence is not None:
                return self._lasting(rung, answer)
            if not rung.orders:
                return self._await(rung, started, answer)
        self._order(rung)
        return self._await(rung, self._now(), Answer())

    def _order(self, rung: Rung) -> None:
        through = f" through {rung.name}" if len(self.rungs) > 1 else ""
        self._say(f"ordering the power of {self._brief.host} off{through}")
        self._ports.log.assert_owned()
        self._ordered.add(rung.name)
        self._ports.fencer.order(self._case(rung), rung)

    def _await(self, rung: Rung, started: float, answer: Answer) -> FenceEvidence | None:
        """Look again until the rung says off or its time is up; at least once after an order.

        A look that fails is repeated like one that says on: a controller may be deaf for a moment after it switched.
        """
        problem: FencingError | None = None
        for _ in self._ticks(rung, started, answer):
            try:
                answer, problem = self._look(rung), None
            except FencingError as error:
                problem = error
                continue
            if answer.evidence is not None:
                return self._lasting(rung, answer)
            if answer.final:
                break
        if problem is not None:
            raise problem
        self.answers[rung.name] = answer.words
        return None

    def _ticks(self, rung: Rung, started: float, answer: Answer) -> Iterator[None]:
        """Yield at once after an order, and then every interval until the rung's time is up."""
        if rung.orders:
            yield
        while not answer.final and self._now() + rung.interval <= started + rung.timeout:
            self._ports.clock.wait(rung.interval)
            yield

    def _lasting(self, rung: Rung, answer: Answer) -> FenceEvidence | None:
        """Return the evidence if the rung goes on saying off, as often as it must."""
        for _ in range(rung.times - 1):
            self._ports.clock.wait(rung.interval)
            if self._look(rung).evidence is None:
                self.answers[rung.name] = "it was off for a moment and is on again"
                return None
        return answer.evidence

    def _look(self, rung: Rung) -> Answer:
        """Ask the rung; evidence that is not of this incarnation is none."""
        answer = self._ports.fencer.look(self._case(rung), rung)
        if answer.dumping is not None:
            answer = self._look_at_dump(rung, answer, answer.dumping)
        if answer.evidence is None:
            return answer
        against = objection(answer.evidence, self._life)
        return Answer(words=against) if against else answer

    def _look_at_dump(self, rung: Rung, answer: Answer, dumping: FenceEvidence) -> Answer:
        """Return *answer* with the dump as its evidence where that is taken for it, and Nova hears nothing either.

        Who says that a host dumps says so in one packet: a host that is still heard of has not crashed.
        """
        wait = self._dump.why_wait(site=rung.dump_proves)
        if rung.name not in self._dumping:
            self._dumping.add(rung.name)
            alone = f"it is left alone until it has finished ({wait})"
            then = alone if wait else "that is proof enough, if nova-compute there is silent"
            self._say(f"{self._brief.host} writes its crash dump: {then}")
        doubt = wait or self._doubt_of_heartbeat()
        return replace(answer, words=f"{answer.words} ({doubt})") if doubt else replace(answer, evidence=dumping)

    def _doubt(self, confirming: Iterable[str]) -> str:
        """Return why an off is not believed: the first of *confirming*, who must agree, that does not."""
        for name in confirming:
            doubt = self._doubt_of_heartbeat() if name == HEARTBEAT else self._doubt_of(name)
            if doubt:
                return f"it says off, and is not believed: {doubt}"
        return ""

    def _doubt_of(self, name: str) -> str:
        other = next((rung for rung in self.rungs if rung.name == name), None)
        if other is None:
            return f"there is no {name} in the ladder that could confirm it"
        try:
            answer = self._agreement(other)
        except FencingError as error:
            return f"{name} cannot confirm it: {error}"
        return "" if answer.evidence is not None else f"{name} says: {answer.words}"

    def _agreement(self, other: Rung) -> Answer:
        """Ask *other*.  What somebody remembers is no agreement: such a rung is ordered first, as in its own turn."""
        if other.looks_first:
            return self._look(other)
        found = self._ask(other)
        return Answer(found, self.answers.get(other.name, ""))

    def _doubt_of_heartbeat(self) -> str:
        try:
            silent = silent_since(self._ports, self._brief.host, self._now())
        except CloudError as error:
            return f"Nova does not say whether nova-compute is silent: {error}"
        return "" if silent else "nova-compute there goes on reporting to Nova"

    def _case(self, rung: Rung) -> Case:
        contact = self._last_contact() if rung.wants_contact else None
        return Case(self._brief.host, self._brief.incident, self._brief.opened_at, self._now(), contact)

    def _last_contact(self) -> float | None:
        """Return when anybody last heard of the host: when its failure was seen, or a later heartbeat."""
        try:
            service = self._ports.cloud.host_service(self._brief.host)
        except CloudError:
            return None
        if service is None or service.updated_at is None:
            return None
        return max(self._brief.opened_at, service.updated_at)

    @property
    def _life(self) -> Life:
        return life_of(self._brief)

    def _now(self) -> float:
        return self._ports.clock.now()


def _confirming(rung: Rung, found: FenceEvidence) -> tuple[str, ...]:
    """Return who must agree.  A host that has power, and no storage or its crash dump, must be silent at least."""
    if found.action not in (FENCED, KDUMP) or HEARTBEAT in rung.confirm_by:
        return rung.confirm_by
    return (*rung.confirm_by, HEARTBEAT)
