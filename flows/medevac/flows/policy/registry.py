"""Registry: every step that a flow may name, medevac's own and those that others install.

A package offers a step as an entry point of the group `medevac.steps`: a frozen dataclass below `Step` whose
fields are the step's parameters, with a `word`, and with `execute` and `revert`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, cast

from medevac.flows.policy.actions import STEPS, Step

GROUP = "medevac.steps"
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclasses.dataclass(frozen=True, slots=True)
class Unusable:
    """A step that is installed and cannot be used."""

    word: str
    """The name of its entry point."""
    reason: str
    remedy: str


@dataclasses.dataclass(frozen=True, slots=True)
class Registry:
    """What is installed."""

    steps: Mapping[str, type[Step]]
    unusable: Mapping[str, Unusable]
    """By word."""


def steps() -> Mapping[str, type[Step]]:
    """Return every step that can be used, by its word."""
    return registry().steps


@cache
def registry() -> Registry:
    """Return what is installed; other people's packages are imported at the first call, and never break it."""
    return collect(tuple(entry_points(group=GROUP)))


def collect(found: tuple[EntryPoint, ...]) -> Registry:
    """Return medevac's own steps and those of *found*."""
    known: dict[str, type[Step]] = dict(STEPS)
    unusable: dict[str, Unusable] = {}
    for point in found:
        step = _load(point, known)
        if isinstance(step, Unusable):
            unusable[step.word] = step
        else:
            known[step.word] = step
    return Registry(MappingProxyType(known), MappingProxyType(unusable))


def _load(point: EntryPoint, known: Mapping[str, type[Step]]) -> type[Step] | Unusable:
    package = point.dist.name if point.dist else point.module
    try:
        step = point.load()
    except Exception as error:  # noqa: BLE001 - whatever a stranger's import raises is told, not passed on
        reason = f"importing {point.value} of {package} raised {type(error).__name__}: {error}"
        return Unusable(point.name, reason, f"install {package} anew, or remove it")
    reason = _fault(point, step, known)
    return (
        Unusable(point.name, reason, f"ask the authors of {package} to mend it") if reason else cast("type[Step]", step)
    )


def _fault(point: EntryPoint, step: Any, known: Mapping[str, type[Step]]) -> str:  # noqa: ANN401 - a stranger's object
    """Return what makes *step* unusable, or nothing."""
    if not (isinstance(step, type) and issubclass(step, Step) and dataclasses.is_dataclass(step)):
        return f"{point.value} is not a dataclass below medevac.flows.policy.actions.Step"
    if step.word != point.name or not _WORD.fullmatch(step.word):
        return f"its word is {step.word!r} and its entry point is called {point.name!r}: both must be the same word"
    if step.word in known:
        return f"there is a step '{step.word}' already"
    missing = [method for method in ("execute", "revert") if not callable(getattr(step, method, None))]
    unsaid = [field.name for field in dataclasses.fields(step) if "about" not in field.metadata]
    if missing or unsaid:
        return f"it lacks {' and '.join([*missing, *(f'the meaning of {name} (said)' for name in unsaid)])}"
    return ""
