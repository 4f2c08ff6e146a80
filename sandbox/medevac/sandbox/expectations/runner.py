"""Runner: every expectation of some paths, tried, with what came otherwise and how long it took."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medevac.flows.policy.language import PolicySet
from medevac.flows.policy.problems import WHOLE_FILE, Problem, Problems, ProblemsError, Severity
from medevac.flows.policy.reader import load, read_policies
from medevac.sandbox.expectations.judging import differences, timeline
from medevac.sandbox.expectations.reading import FOLDER, Draft, find, read
from medevac.sandbox.expectations.stage import play


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation, or a file that holds none that can be tried."""

    file: str
    line: int
    """Counts from 1; 0 means the file as a whole."""
    expect: str
    """Its sentence; empty for a file that cannot be read."""
    problems: tuple[Problem, ...]
    """What is wrong with the file, or came otherwise than expected."""
    timeline: tuple[str, ...] = ()
    """When each server was back; only where something came otherwise."""
    seconds: float = 0.0

    @property
    def met(self) -> bool:
        """Tell whether everything came as it was expected."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)


def run(paths: Sequence[Path]) -> Iterator[Result]:
    """Yield the result of each expectation that *paths* (files, or directories with all below them) mean.

    Raises nothing: a path without expectations, and a policy with errors, are results too.
    """
    logging.getLogger("taskflow").setLevel(logging.CRITICAL)  # a failure that was expected is no news
    known: dict[Path, PolicySet] = {}
    for path in paths:
        files = find(path)
        if not files:
            yield _none(path)
        for file in files:
            yield from _run_file(file, known)


def _run_file(file: Path, known: dict[Path, PolicySet]) -> Iterator[Result]:
    drafts, problems = read(file)
    if problems.failed:
        yield Result(str(file), 0, "", problems.listed())
        return
    for draft in drafts:
        yield _run(file, draft, known)


def _run(file: Path, draft: Draft, known: dict[Path, PolicySet]) -> Result:
    began = time.perf_counter()
    place = draft.place()
    _, found = load(file)
    try:
        played = play(draft, _policies(file, draft, known))
    except ProblemsError as error:
        return Result(str(file), place.line, draft.expectation.expect, error.problems)
    wrong = differences(draft, played)
    for each in wrong:
        found.error(each.place, each.message, each.hint)
    lines = timeline(draft, played) if wrong else ()
    seconds = time.perf_counter() - began
    return Result(str(file), place.line, draft.expectation.expect, found.listed(), tuple(lines), seconds)


def _policies(file: Path, draft: Draft, known: dict[Path, PolicySet]) -> PolicySet:
    """Return the policies that are meant: those that are named, or those beside the file.

    Raises ProblemsError when they have errors.
    """
    folder = draft.expectation.policies or (file.parent.parent if file.parent.name == FOLDER else file.parent)
    if folder not in known:
        known[folder] = read_policies(folder)
    return known[folder]


def _none(path: Path) -> Result:
    problems = Problems(str(path))
    hint = f"their files are called NAME.expect.yaml, or lie in a folder called {FOLDER}"
    problems.error(WHOLE_FILE, "there is no expectation here", hint)
    return Result(str(path), 0, "", problems.listed())
