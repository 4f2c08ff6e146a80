"""Courses: how long a flow takes when nothing fails and each step takes all the time that it is allowed."""

from __future__ import annotations

from collections.abc import Iterable

from medevac.flows.policy.actions import (
    Evacuate,
    Fence,
    FirstOf,
    Flow,
    If,
    Retry,
    Step,
    Together,
    Verify,
    Wait,
    WaitFor,
    walk,
)
from medevac.flows.policy.duration import DAY


def smooth_course(flow: Flow) -> float:
    """Return the seconds that *flow* may take although no step has to be repeated and no alternative is needed."""
    return _in_turn(flow.steps)


def patience_before_fence(flow: Flow) -> float | None:
    """Return the seconds that *flow* waits, step by step, before it fences the host; None where it never does."""
    waited = 0.0
    for step in flow.steps:
        if any(isinstance(inner, Fence) for inner in walk((step,))):
            return waited
        waited += _allowed(step)
    return None


def _in_turn(steps: Iterable[Step]) -> float:
    return sum(map(_allowed, steps))


def _allowed(step: Step) -> float:
    if isinstance(step, Evacuate):
        return float(step.timeout)
    if isinstance(step, Verify | WaitFor):
        return float(step.within)
    if isinstance(step, Wait):
        return float(DAY if step.time is None else step.time)
    return _allowed_inside(step)


def _allowed_inside(step: Step) -> float:
    if isinstance(step, Together):
        return max(map(_allowed, step.steps), default=0.0)
    if isinstance(step, Retry):
        return _in_turn(step.steps)
    if isinstance(step, FirstOf):
        return _in_turn(step.alternatives[0]) if step.alternatives else 0.0
    if isinstance(step, If):
        return min(_in_turn(step.then), _in_turn(step.otherwise))
    return 0.0
