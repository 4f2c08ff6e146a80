"""Checks of flows for hosts that live and for single servers: what cannot work there, and what must come first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from medevac.flows.policy.actions import Disable, Evacuate, Fence, Leave, Step, Verify, Wait, host_steps, walk
from medevac.flows.policy.deeds import (
    DEEDS,
    ColdMigrate,
    Kill,
    LiveMigrate,
    Rebuild,
    Reset,
    Restart,
    RestartService,
    Resume,
    WaitFor,
)
from medevac.flows.policy.words import HOST_DOWN, REPORTED, SERVER_FAILURES

Advice = tuple[str, str]
"""What is wrong, and what to write instead."""

_FOR_HOSTS = (Fence, Disable, RestartService)
_NOVA_ACTS = (Restart, Reset, Rebuild, LiveMigrate, ColdMigrate)
_IMPOSSIBLE: Mapping[str, tuple[tuple[type[Step], ...], str]] = {
    "nova-compute.down": (_NOVA_ACTS, "Nova does that through nova-compute, which is away"),
    "libvirt.down": ((*_NOVA_ACTS, Kill, Resume), "it goes through libvirt, which is away"),
}
"""Failures, the steps that cannot work while they last, and why."""

_MOVES = (Evacuate, LiveMigrate, ColdMigrate)
_WAITS = ("service", "host", "server", "port", "guest")


def unsaid(step: Step) -> Iterator[Advice]:
    """Yield what is missing in *step* and what it holds, where nothing of that was unreadable."""
    for inner in walk((step,)):
        if isinstance(inner, Wait) and (inner.time is None) is (inner.until is None):
            yield "'wait' says not how long, or says it twice", "write 'wait: 30s', or {until: 02:00}"
        if isinstance(inner, WaitFor) and len(given := _given(inner)) != 1:
            what = " and ".join(given) or "nothing"
            yield f"'wait_for' waits for {what}", "say one of: " + ", ".join(_WAITS)


def misplaced(step: Step, earlier: Sequence[Step], failure: str) -> Iterator[Advice]:
    """Yield what is wrong with *step* and what it holds, in a flow for *failure*, after the steps *earlier*."""
    if failure not in REPORTED:  # that is wrong already
        return
    before = set(map(type, walk(tuple(earlier))))
    for inner in walk((step,)):
        yield from _alone(inner, failure)
        if failure != HOST_DOWN:
            yield from _unproven(inner, before)
        before.add(type(inner))
    if failure != HOST_DOWN:
        yield from _late(step, earlier, failure)


def _alone(step: Step, failure: str) -> Iterator[Advice]:
    """Yield what is wrong with *step* wherever it stands."""
    word = step.word
    if isinstance(step, WaitFor):
        yield from _waits(step, failure)
    elif failure != HOST_DOWN and isinstance(step, Fence) and step.while_dumping is not None:
        yield f"'while_dumping' cannot stand under {failure}: a host that writes its crash dump is down", "leave it out"
    elif failure == HOST_DOWN and isinstance(step, DEEDS):
        yield (
            f"'{word}' cannot answer {failure}: the host is dead",
            "fence, disable and evacuate",
        )
    elif failure in SERVER_FAILURES and isinstance(step, _FOR_HOSTS):
        yield f"'{word}' cannot answer {failure}: the host is well, and has other servers", "leave it out"
    elif failure in SERVER_FAILURES and isinstance(step, Evacuate):
        yield f"'{word}' cannot answer {failure}: Nova evacuates nothing from a host that is up", "write cold_migrate"
    steps, why = _IMPOSSIBLE.get(failure, ((), ""))
    if steps and isinstance(step, steps):
        hint = "fence and evacuate it" if failure == "libvirt.down" else "kill and evacuate it"
        yield f"'{word}' cannot answer {failure}: {why}", hint


def _waits(step: WaitFor, failure: str) -> Iterator[Advice]:
    for what in {"service", "host"} & set(_given(step)):
        if failure == HOST_DOWN:
            yield f"'wait_for' a {what} cannot answer {failure}: the host is proven off", "leave it out"
        elif failure in SERVER_FAILURES:
            yield f"'wait_for' a {what} cannot answer {failure}: the host is well", "wait for server, port or guest"


def _given(step: WaitFor) -> list[str]:
    return [name for name in _WAITS if getattr(step, name) is not None]


def _unproven(step: Step, before: set[type[Step]]) -> Iterator[Advice]:
    if isinstance(step, Evacuate) and not before & {Fence, Kill}:
        yield "'evacuate' before 'kill': two copies of one disk could run", "put '- kill' above, or '- fence'"
    if isinstance(step, Verify) and not before & set(_MOVES):
        yield "'verify' before 'evacuate': there is nothing to verify yet", "put '- evacuate' above"


def _late(step: Step, earlier: Sequence[Step], failure: str) -> Iterator[Advice]:
    first = host_steps(failure)
    late = [other for other in earlier if not isinstance(other, (*first, Fence, Leave))]
    if isinstance(step, first) and late:
        message = f"'{step.word}' after '{late[0].word}': it is carried out once for the host, before all servers"
        yield message, f"put '- {step.word}' above"


def once(step: Step, failure: str) -> bool:
    """Tell whether a second *step* of the same kind would do nothing in a flow for *failure*."""
    if isinstance(step, RestartService):
        return False
    kinds = host_steps(failure) if failure != HOST_DOWN else (Fence, Disable, Evacuate, Verify)
    return isinstance(step, (*kinds, Leave))
