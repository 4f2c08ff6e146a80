"""Player: one scenario from its files to its timeline."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from medevac.sandbox.clock import START
from medevac.sandbox.scenarios.acts import Hands
from medevac.sandbox.scenarios.crew import Crew
from medevac.sandbox.scenarios.language import Act, Script
from medevac.sandbox.scenarios.reading import read_ground, read_script
from medevac.sandbox.scenarios.stage import Ground, Stage
from medevac.sandbox.scenarios.stores import MemoryStore, Store
from medevac.sandbox.scenarios.timeline import timeline, told

_QUIET = ("taskflow", "medevac", "kazoo", "oslo_utils")
"""Loggers whose warnings are no news here: what goes wrong was ordered."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    timeline: tuple[str, ...]
    violations: tuple[str, ...]
    """Rules that were broken: none, if all is well."""
    seconds: float
    """How long it lasted, by its own clock."""


def play_folder(folder: Path, store: Store | None = None, crew: Crew | None = None) -> Played:
    """Play the scenario in *folder*.  Raises ProblemsError for files with mistakes."""
    return play(read_ground(folder), read_script(folder), store, crew)


def play(
    ground: Ground, script: Script, store: Store | None = None, crew: Crew | None = None, random: Random | None = None
) -> Played:
    """Play *script* on *ground*: in memory unless *store* is another, by the usual *crew* unless it lacks something.

    With *random*, workers take turns in an order that it decides, and may be interrupted anywhere.
    """
    with _quiet():
        stage = Stage(ground, store or MemoryStore(), crew or Crew(), random)
        try:
            return _Play(stage, script).run()
        finally:
            stage.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let the loggers of _QUIET say nothing, and be as they were afterwards."""
    before = {name: logging.getLogger(name).level for name in _QUIET}
    try:
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


class _Play:
    def __init__(self, stage: Stage, script: Script) -> None:
        self._stage = stage
        self._script = script
        self._hands = Hands(stage)
        self._done: list[tuple[float, str]] = []
        self._ahead = 0
        self._triggers: list[tuple[str, Act]] = []

    def run(self) -> Played:
        stage = self._stage
        for act in self._script.acts:
            self._schedule(act)
        stage.witness.before = lambda deed: self._trigger(deed, lambda act: act.before)
        stage.witness.behind = lambda deed: self._trigger(deed, lambda act: act.behind)
        stage.begin()
        stage.play(START + float(self._script.lasts), self._over)
        stage.witness.look()
        stage.witness.close()
        return Played(
            timeline=tuple(timeline(stage, self._done)),
            violations=tuple(stage.witness.violations),
            seconds=stage.loom.now() - START,
        )

    def _schedule(self, act: Act) -> None:
        if act.at is None:
            self._triggers.append((act.before or act.behind, act))
            return
        self._ahead += 1

        def happen() -> None:
            self._ahead -= 1
            self._do(act)

        self._stage.loom.at(START + float(act.at), happen)

    def _trigger(self, deed: str, place: object) -> None:
        calm = self._script.calm
        if calm is not None and self._stage.loom.now() >= START + float(calm):
            return
        for words, act in list(self._triggers):
            if words == deed and place(act) == words:  # type: ignore[operator]  # one of the two lambdas above
                self._triggers.remove((words, act))
                self._do(act)

    def _do(self, act: Act) -> None:
        self._done.append((self._stage.loom.now(), told(act)))
        for line in dataclasses.fields(act):
            value = getattr(act, line.name)
            if line.name not in ("at", "before", "behind") and value != line.default and value not in ((), {}):
                self._hands.do(line.name, value)

    def _over(self) -> bool:
        return not self._ahead and not self._stage.loom.busy and self._stage.quiet()
