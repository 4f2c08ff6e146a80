"""Checks: what is wrong with policies that are well written but would not do what their author wants."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from medevac.flows.policy.checks_live import misplaced, once, unsaid
from medevac.flows.policy.courses import smooth_course
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.grammar import Draft, UnreadStep
from medevac.flows.policy.language import (
    HOST_DOWN,
    HOST_STEPS,
    Answer,
    Disable,
    Evacuate,
    Fence,
    Flow,
    Leave,
    Match,
    Policy,
    Step,
    Verify,
    host_steps,
    walk,
)
from medevac.flows.policy.matching import includes
from medevac.flows.policy.nesting import check_nesting
from medevac.flows.policy.orders import check_orders
from medevac.flows.policy.placeholders import meaningless
from medevac.flows.policy.problems import WHOLE_FILE, Problems, quoted
from medevac.flows.policy.words import BUILT_IN, BUILT_IN_FILE, UNANSWERED

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names become parts of task names and znodes."""

_NEEDS: tuple[tuple[type[Step], type[Step], str], ...] = (
    (Evacuate, Fence, "two copies of one disk could run"),
    (Disable, Fence, "a host that still runs would be given up"),
    (Verify, Evacuate, "there is nothing to verify yet"),
)
"""A step, the step that must stand before it, and what would happen otherwise."""


def check_policy(draft: Draft) -> None:
    """Report what is wrong with one policy by itself."""
    name = draft.policy.name
    if name and not _NAME.fullmatch(name):
        hint = "use letters, digits, '-', '_' and '.', 64 at most"
        draft.problems.error(draft.place("policy"), f"{quoted(name)} cannot be the name of a policy", hint)
    if name == BUILT_IN and draft.problems.file != str(BUILT_IN_FILE):
        message = f"{quoted(name)} is the name of the policy that is built in"
        draft.problems.error(draft.place("policy"), message, "choose another")
    _check_match(draft)
    _check_states(draft)
    for failure, flow in draft.policy.when.items():
        if not flow.every(UnreadStep):
            _check_flow(draft, failure, flow)


def check_set(drafts: Sequence[Draft], whole: Problems) -> None:
    """Report what is wrong with policies, in order of precedence, because of each other.

    What is the fault of no single file goes to *whole*.
    """
    sound = not any(draft.problems.failed for draft in drafts)
    _check_names(drafts)
    if not sound:  # a match that could not be read would look like one that means everyone
        return
    for position, draft in enumerate(drafts):
        _check_shadow(draft, [earlier.policy for earlier in drafts[:position]])
    check_orders(drafts)
    _check_answered([draft.policy for draft in drafts], whole)


def _check_flow(draft: Draft, failure: str, flow: Flow) -> None:
    unreadable = draft.problems.failed
    for index, step in enumerate(flow.steps):
        place = draft.place("when", failure, index)
        earlier = flow.steps[:index]
        if once(step, failure) and any(type(step) is type(other) for other in earlier):
            draft.problems.error(place, f"'{step.word}' stands here a second time", "one of each is enough")
            continue
        dead = _misplaced(step, earlier) if failure == HOST_DOWN else ()
        lacks = () if unreadable else unsaid(step)
        for message, hint in dict.fromkeys((*lacks, *dead, *misplaced(step, earlier, failure))):
            draft.problems.error(place, message, hint)
        for message, hint in meaningless(step):
            draft.problems.warning(place, message, hint)
    if flow.leaves and len(flow.steps) > 1:
        index = next(index for index, step in enumerate(flow.steps) if isinstance(step, Leave))
        message = "'leave' means that nothing is done, yet other steps stand beside it"
        draft.problems.error(draft.place("when", failure, index), message, "keep either")
    check_nesting(flow.steps, draft.binder, ("when", failure), host_steps(failure))
    _check_effect(draft, failure, flow)
    _check_deadline(draft, failure, flow)


def _misplaced(step: Step, earlier: Sequence[Step]) -> Iterator[tuple[str, str]]:
    before = set(map(type, walk(tuple(earlier))))
    for inner in walk((step,)):
        for cls, needed, otherwise in _NEEDS:
            if isinstance(inner, cls) and needed not in before:
                yield f"'{cls.word}' before '{needed.word}': {otherwise}", f"put '- {needed.word}' above"
        before.add(type(inner))
    late = _late(step, earlier)
    if late:
        message = f"'{step.word}' after '{late[0].word}': it is carried out once for the host, before all servers"
        yield message, f"put '- {step.word}' above"


def _late(step: Step, earlier: Sequence[Step]) -> list[Step]:
    """Return the steps before the host step *step* that belong after it, but for those that are reported already."""
    if not isinstance(step, HOST_STEPS):
        return []
    fenced = next((index for index, other in enumerate(earlier) if isinstance(other, Fence)), 0)
    told = (Evacuate, Verify) if isinstance(step, Fence) else ()
    return [other for other in earlier[fenced:] if not isinstance(other, (*HOST_STEPS, Leave, *told))]


def _check_effect(draft: Draft, failure: str, flow: Flow) -> None:
    """Warn when the flow is sound, but will not do what its author probably expects."""
    if flow.leaves:
        return
    place = draft.place("when", failure)
    if failure in UNANSWERED:
        draft.problems.warning(place, f"this flow is not carried out: {UNANSWERED[failure]}", "leave it out")
    if failure == HOST_DOWN and not flow.moves and not draft.problems.failed:
        hint = "add '- evacuate', or write 'leave'"
        draft.problems.warning(place, "this flow brings no server back, and is not carried out", hint)
    elif failure == HOST_DOWN and flow.every(Evacuate) and not flow.step(Disable):
        index = next(i for i, step in enumerate(flow.steps) if any(isinstance(s, Evacuate) for s in walk((step,))))
        message = "'evacuate' without 'disable': Nova evacuates only from a host that it knows to be down"
        draft.problems.warning(draft.place("when", failure, index), message, "put '- disable' above")


def _check_deadline(draft: Draft, failure: str, flow: Flow) -> None:
    """Warn when even the first try of each step may take longer than the deadline of the policy or the flow."""
    allowed = smooth_course(flow)
    for deadline, path in ((draft.policy.deadline, ("deadline",)), (flow.deadline, ("when", failure, "deadline"))):
        if deadline and allowed > float(deadline):
            message = f"the deadline is {deadline}, but the steps for {failure} may take {Duration(allowed)}"
            draft.problems.warning(draft.place(*path), message, "allow more, or give the steps less time")


def _check_match(draft: Draft) -> None:
    match = draft.policy.match
    if match.unless is not None and not match.unless.everyone and includes(match.unless, replace(match, unless=None)):
        message = "nobody is left: what 'not' takes away is all that the other lines mean"
        draft.problems.error(draft.place("match", "not"), message, "narrow 'not'")


def _check_states(draft: Draft) -> None:
    if draft.policy.states.building is Answer.EVACUATE:
        message = "a server that is being built never ran, and Nova does not evacuate it"
        draft.problems.error(draft.place("states", "building"), message, "write leave or hold")


def _check_names(drafts: Iterable[Draft]) -> None:
    first: dict[str, str] = {}
    for draft in drafts:
        name, file = draft.policy.name, draft.problems.file
        if name and name in first:
            message = f"another policy is called {quoted(name)} too"
            draft.problems.error(draft.place("policy"), message, f"it is in {first[name]}")
        first.setdefault(name, file)


def _check_shadow(draft: Draft, earlier: Sequence[Policy]) -> None:
    """Report a policy, or a failure of it, that an earlier policy answers for all of its servers."""
    match, when = draft.policy.match, draft.policy.when
    shadows = {failure: _shadow(match, failure, earlier) for failure in when}
    lost = {failure: policy for failure, policy in shadows.items() if policy}
    if lost and len(lost) == len(when):
        names = " and ".join(dict.fromkeys(f"'{policy.name}'" for policy in lost.values()))
        hint = "rename its file so that it sorts first, or narrow the other's match"
        draft.problems.error(draft.place("policy"), f"this policy can never win: {names} comes first", hint)
        return
    for failure, policy in lost.items():
        message = f"this flow is never used: '{policy.name}' comes first and answers {failure} for the same servers"
        draft.problems.warning(draft.place("when", failure), message)


def _shadow(match: Match, failure: str, earlier: Iterable[Policy]) -> Policy | None:
    return next((policy for policy in earlier if failure in policy.when and includes(policy.match, match)), None)


def _check_answered(policies: Iterable[Policy], whole: Problems) -> None:
    answering = [policy for policy in policies if HOST_DOWN in policy.when]
    if not answering:
        message = f"no policy answers {HOST_DOWN}: when a host dies, its servers stay where they are"
        whole.warning(WHOLE_FILE, message, f"write '{HOST_DOWN}:' and a flow under 'when'")
    elif not any(policy.match.everyone for policy in answering):
        message = f"no policy answers {HOST_DOWN} for everyone: a server that none of them matches stays where it is"
        whole.warning(WHOLE_FILE, message, "add a last policy with 'match: everyone'")
