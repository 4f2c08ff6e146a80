"""A worker ends in the middle of a round or an alternative: the next goes on from what is stored."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from taskflow import engines
from taskflow.exceptions import WrappedFailure
from taskflow.persistence import models
from taskflow.persistence.backends.impl_memory import MemoryBackend
from taskflow.retry import History
from taskflow.types.failure import Failure

from medevac.core.errors import ClaimLostError
from medevac.core.wire import to_plain
from medevac.flows import factory, standing
from medevac.flows.brief import Brief
from medevac.flows.plan import Outcome, Plan
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import Evacuate, FirstOf, If, Policy, Result, Retry, Together, Verify, Wait
from medevac.flows.standing import Standing, Standings
from medevac.flows.steps.control import AnotherRoundError, Control, EndRound, Rounds
from medevac.flows.steps.staged import Seat
from medevac.sandbox.cloud.model import verdict
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import DEAD, SITE, Recovery, trying
from tests.unit.flows.test_control import ONCE, again, asked, flow

ROUNDS = flow(again(4, ONCE, Verify(), wait=2))
ALTERNATIVES = flow(FirstOf(((ONCE,), (Wait(Duration(3)), ONCE), (Evacuate(),))), Verify())
MIXED = flow(
    Together((ONCE, Wait(Duration(1)))),
    If("evacuate", Result.FAILED, (again(3, ONCE, wait=1),)),
    Verify(),
)
FLOWS = {"rounds": ROUNDS, "alternatives": ALTERNATIVES, "mixed": MIXED}


class Mortal:
    """The clock of a worker that dies in the middle of a step, at one of its waits; what is stored then is kept."""

    def __init__(self, relay: Relay, waits: int | None) -> None:
        self._relay = relay
        self._clock = relay.recovery.site.clock
        self._left = math.inf if waits is None else waits

    def now(self) -> float:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self._left -= 1
        if not self._left:
            self._relay.keep()
            self._relay.recovery.site.log.owned = False  # whatever this worker still tries is refused
            raise ClaimLostError
        self._clock.wait(seconds)


class Relay:
    """Runs a flow by one worker after another; what is no JSON is forgotten between them."""

    def __init__(self, recovery: Recovery, promise: Policy) -> None:
        brief = Brief("host.down:dead:1", "host.down", DEAD, START, SITE)
        self.recovery = recovery
        self.document = json.loads(json.dumps(factory.document(brief, [promise])))
        self.stored: Any = None
        self.state = ""
        self.dead = False
        self.backend: Any = None
        self.book: Any = None

    def run(self, steps: int | None = None, waits: int | None = None) -> None:
        """Let a worker go on for *steps*, or until it dies at its wait number *waits*, or to the end."""
        self.backend = backend = MemoryBackend({"path": "/"})
        self.book, detail = self._book()
        book = self.book
        self.dead, self.recovery.site.log.owned = False, True
        backend.get_connection().upgrade()
        backend.get_connection().save_logbook(book)
        with ThreadPoolExecutor(4) as executor:
            engine = engines.load(
                factory.recover(self.document), flow_detail=detail, book=book, backend=backend,
                engine="parallel", executor=executor, defer_reverts=True,
            )  # fmt: skip
            ports = replace(self.recovery.site.ports, clock=Mortal(self, waits))
            engine.storage.inject({"ports": ports}, transient=True)
            with contextlib.suppress(ClaimLostError, WrappedFailure):
                self._go(engine, steps)
            self.state = engine.storage.get_flow_state()
        if not self.dead:
            self._read()

    def _go(self, engine: Any, steps: int | None) -> None:
        for number, _ in enumerate(engine.run_iter(), 1):
            if number == steps:
                engine.suspend()

    def keep(self) -> None:
        """Keep what is stored now: the worker is dead."""
        self._read()
        self.dead = True

    def _read(self) -> None:
        (after,) = self.backend.get_connection().get_logbook(self.book.uuid)
        self.stored = json.loads(json.dumps([after.to_dict(), [[type(a).__name__, a.to_dict()] for a in after]]))

    def _book(self) -> tuple[models.LogBook, models.FlowDetail]:
        book = models.LogBook("book")
        if self.stored is None:
            detail = models.FlowDetail("recover", "the-flow")
        else:
            plain, atoms = self.stored
            detail = models.FlowDetail.from_dict(plain)
            for kind, atom in atoms:
                detail.add(getattr(models, kind).from_dict(atom))
        book.add(detail)
        return book, detail


def broken_site() -> Recovery:
    recovery = Recovery("a", "b", spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 3
    return recovery


def stops(promise: Policy) -> Iterator[int]:
    """Yield how many steps of the engine the whole flow takes at most."""
    relay = Relay(broken_site(), promise)
    relay.run()
    assert relay.state == "SUCCESS"
    yield len(asked(relay.recovery))


@pytest.mark.parametrize("name", FLOWS)
def test_stopped_between_any_two_steps_it_goes_on_where_it_was(name: str) -> None:
    (calls,) = stops(FLOWS[name])
    stopped = 0
    for step in range(1, 400, 4):
        relay = Relay(broken_site(), FLOWS[name])
        relay.run(step)
        if relay.state == "SUCCESS":
            break
        stopped += 1
        relay.run()
        assert relay.state == "SUCCESS", step
        assert len(asked(relay.recovery)) == calls, step
        assert relay.recovery.results() == dict.fromkeys("ab", "recovered"), step
        with relay.recovery.world.settled() as world:
            assert verdict.violations(world) == ()
    assert stopped > 10


@pytest.mark.parametrize("name", FLOWS)
def test_dead_in_the_middle_of_a_step_it_is_carried_out_again_and_nobody_is_asked_for_twice(name: str) -> None:
    (calls,) = stops(FLOWS[name])
    deaths = 0
    for wait in range(1, 200, 2):
        relay = Relay(broken_site(), FLOWS[name])
        relay.run(waits=wait)
        if not relay.dead:
            break
        deaths += 1
        relay.run()
        assert relay.state == "SUCCESS", wait
        assert len(relay.recovery.world.migrations) == calls, wait
        assert relay.recovery.results() == dict.fromkeys("ab", "recovered"), wait
        with relay.recovery.world.settled() as world:
            assert verdict.violations(world) == ()
    assert deaths > 5


@pytest.mark.parametrize("name", FLOWS)
def test_a_relay_of_workers_that_each_live_for_a_few_steps_ends_it(name: str) -> None:
    (calls,) = stops(FLOWS[name])
    relay = Relay(broken_site(), FLOWS[name])
    for _ in range(60):
        relay.run(9)
        if relay.state == "SUCCESS":
            break
    assert relay.state == "SUCCESS"
    assert len(asked(relay.recovery)) == calls
    assert relay.recovery.results() == dict.fromkeys("ab", "recovered")


def test_what_rounds_leave_in_one_znode_stays_far_below_its_bound() -> None:
    reason = "Nova found no valid host for it, and this sentence is as long as the sentences that Nova likes to give"
    ids = [f"{n:08d}-1111-2222-3333-{n * 7919:012d}" for n in range(500)]
    outcomes = [Outcome(each, f"web-{each[:8]}", "p", "failed", reason, 3, asked_at=START) for each in ids]
    servers = tuple(Standing(o.id, o, None, {"evacuate": "failed"}, "failed") for o in outcomes)
    everybody = tuple(server.id for server in servers)
    value = Standings(servers, START, START, 5, (), {"round:p": everybody, "left:p": everybody})
    packed = standing.packed(value)
    assert standing.unpacked(packed) == value
    assert len(packed) < 40 * 500
    assert len(json.dumps(to_plain(value))) > 4 * len(packed)


def test_a_policy_with_the_most_servers_is_retried_in_one_flow() -> None:
    recovery = Recovery(*(f"s{n}" for n in range(60)), spares=("spare-1",))
    recovery.world.mishaps.refuse_claims["spare-1"] = 30
    recovery.run(flow(Retry(times=5, wait=Duration(1), steps=(trying(0, wait=0, parallel=60), Verify()))))
    assert recovery.raised is None
    assert set(recovery.results().values()) == {"recovered"}


@pytest.mark.parametrize(("number", "again_asked"), [(1, True), (20, True), (300, False)])
def test_rounds_end_before_their_history_outgrows_its_znode(number: int, again_asked: bool) -> None:
    recovery = Recovery("a")
    plan = to_plain(Plan(DEAD, START, 0, (), None, (), ()))
    left = (Standing("a", results={"poke": "failed"}, last="failed"),)
    value = Standings(left, START, START, 0, (), {"round:p": ("a",)})
    before = Standings((Standing("a"),), START, START, 0, ())
    seat = Seat(Brief("i", "host.down", DEAD, START, SITE), "p", "retried:p", "now")
    end = EndRound(seat, Control("begun", "retry", moves=True), ["round:p"], "round:p", "before")
    values = {"now": to_plain(value), "before": to_plain(before), "begun": {"number": number, "last": False}}
    with pytest.raises(AnotherRoundError) if again_asked else contextlib.nullcontext():
        end.execute(ports=recovery.site.ports, plan=plan, **values)
    assert ("no further round of retry" in recovery.told()) is not again_asked


def test_rounds_that_a_dead_worker_did_not_forget_are_not_counted() -> None:
    rounds = Rounds(Seat(Brief("i", "host.down", DEAD, START, SITE), "p", "retry:p", "now"), 3)
    failed = {"retried:p": Failure.from_exception(AnotherRoundError("changed"))}
    left_over = [({"number": 0}, failed), ({"number": 1}, {})]
    assert rounds.execute(History(left_over)) == {"number": 0, "last": False, "changed": ""}
    after_one = rounds.execute(History([*left_over, ({"number": 0}, failed)]))
    assert after_one == {"number": 1, "last": False, "changed": "changed"}
