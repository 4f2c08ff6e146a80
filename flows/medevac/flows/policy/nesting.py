"""Nesting: what may stand in which control, and what a condition may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.policy.actions import CONTROLS, HOST_STEPS, FirstOf, If, Leave, Step, Together, Verify, walk
from medevac.flows.policy.binding import Binder, Path
from medevac.flows.policy.problems import did_you_mean, quoted

MOST_NESTED = 4
"""Controls within controls; who needs more is better served by named flows and fewer of them."""


def check_nesting(steps: Sequence[Step], binder: Binder, path: Path, host: tuple[type[Step], ...] = HOST_STEPS) -> None:
    """Report what stands where it cannot: *steps* are the whole flow, the place of each is at *path* and its index.

    *host* are the steps that are carried out once for the host, before those of its servers.
    """
    earlier: list[str] = []
    for index, step in enumerate(steps):
        here = (*path, index)
        _check_condition(step, earlier, binder, here)
        if isinstance(step, CONTROLS):
            _check_host_steps(step, host, binder, here)
            _check_control(step, earlier, binder, here, depth=1)
        earlier += [inner.word for inner in walk((step,))]


def _check_control(step: Step, earlier: Sequence[str], binder: Binder, path: Path, depth: int) -> None:
    place = binder.place(*path)
    if depth > MOST_NESTED:
        binder.problems.error(place, f"controls are nested more than {MOST_NESTED} deep", "take some apart")
        return
    _check_branches(step, binder, path)
    for branch in step.branches():
        before = list(earlier)
        for inner in branch:
            _check_inner(inner, step, binder, path)
            _check_condition(inner, before, binder, path)
            if isinstance(inner, CONTROLS):
                _check_control(inner, before, binder, path, depth + 1)
            before += [one.word for one in walk((inner,))]


def _check_host_steps(control: Step, host: tuple[type[Step], ...], binder: Binder, path: Path) -> None:
    for branch in control.branches():
        for inner in branch:
            if isinstance(inner, host):
                where = f"'{inner.word}' stands in '{control.word}'"
                message = f"{where}: it is carried out once for the host, before all servers"
                hint = f"put '- {inner.word}' at the beginning of the flow"
                binder.problems.error(binder.place(*path), message, hint)
            _check_host_steps(inner, host, binder, path)


def _check_inner(inner: Step, control: Step, binder: Binder, path: Path) -> None:
    place = binder.place(*path)
    if isinstance(inner, Leave):
        message = f"'leave' stands in '{control.word}': it is a whole flow, and never a part of one"
        binder.problems.error(place, message, "leave it out")
    elif isinstance(inner, Verify) and isinstance(control, Together):
        message = "'verify' stands in 'together': what it would look at is not done yet"
        binder.problems.error(place, message, "put '- verify' after it")


def _check_branches(step: Step, binder: Binder, path: Path) -> None:
    if binder.problems.failed:  # what could not be read would look like an empty place
        return
    place = binder.place(*path)
    branches = step.branches()
    if any(not branch for branch in branches) or not branches:
        binder.problems.error(place, f"a branch of '{step.word}' has no step", "write a step, or leave the branch out")
    if isinstance(step, Together | FirstOf) and len(branches) == 1:
        what = "step" if isinstance(step, Together) else "alternative"
        binder.problems.error(place, f"'{step.word}' has only one {what}", f"leave '{step.word}' out")


def _check_condition(step: Step, earlier: Sequence[str], binder: Binder, path: Path) -> None:
    if not isinstance(step, If) or step.step in earlier:
        return
    place = binder.place(*path, "step") if (*path, "step") in binder.places else binder.place(*path)
    known = tuple(dict.fromkeys(word for word in earlier if word not in ("fence", "disable", "if")))
    hint = did_you_mean(step.step, known) if known else "put the step above"
    binder.problems.error(place, f"no step {quoted(step.step)} stands before this 'if'", hint)
