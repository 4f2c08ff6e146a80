"""Making: from the words of policies to the deeds that carry them out."""

from __future__ import annotations

from medevac.flows.policy.language import (
    ColdMigrate,
    Kill,
    LiveMigrate,
    Rebuild,
    Reset,
    Restart,
    Resume,
    Step,
)
from medevac.flows.steps import in_place, kill, migrate
from medevac.flows.steps.errands import Deed

ONE = 1
"""A kill ends when its call does: there is nothing to be under way beside it."""


def deed(step: Step) -> Deed | None:
    """Return what carries *step* out, or None where it is no deed."""
    if isinstance(step, Restart):
        return in_place.Restart(step.parallel, float(step.timeout), _bounds(step))
    if isinstance(step, Reset):
        return in_place.Reset(_bounds(step), float(step.timeout), float(step.watch), float(step.min_uptime))
    if isinstance(step, Resume):
        return in_place.Resume(float(step.within), float(step.every))
    if isinstance(step, Kill):
        return kill.Kill(ONE, float(step.timeout))
    return _moving(step)


def _moving(step: Step) -> Deed | None:
    if isinstance(step, LiveMigrate):
        return migrate.LiveMigrate(step.parallel, float(step.timeout))
    if isinstance(step, ColdMigrate):
        return migrate.ColdMigrate(step.parallel, float(step.timeout))
    if isinstance(step, Rebuild):
        return in_place.Rebuild(step.parallel, float(step.timeout))
    return None


def _bounds(step: Restart | Reset) -> in_place.Bounds:
    return in_place.Bounds(step.at_most, float(step.within))
