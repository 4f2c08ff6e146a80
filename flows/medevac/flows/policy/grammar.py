"""Grammar: from a document's nodes to a policy, where the written form is more than a dataclass's fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from medevac.flows.policy.binding import Binder, Path, key_of
from medevac.flows.policy.document import Entries, Entry, Items, Node, Text
from medevac.flows.policy.duration import TimeOfDay, parse_time_of_day
from medevac.flows.policy.language import (
    EVERYONE,
    FAILURES,
    RESERVED,
    SYNONYMS,
    After,
    Flow,
    Match,
    Policy,
    Readiness,
    Ready,
    Step,
)
from medevac.flows.policy.named import Expander, Library
from medevac.flows.policy.problems import Place, Problems, quoted
from medevac.flows.policy.registry import registry

_MOST_PORT = 65_535

_MATCH_KEYS = frozenset(
    key for line in dataclasses.fields(Match) for key in (key_of(line), line.metadata["also"]) if key
)

_BESIDE = "on_failure"
"""The one parameter that may also stand beside its step, as a sibling of the step's word."""


@dataclass(frozen=True, slots=True)
class UnreadStep(Step):
    """Stands for a step that could not be read and is reported; no sound policy has one."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy as its file says it: to be used only if the file's problems have no error."""

    policy: Policy
    binder: Binder
    """What bound it: it knows where everything stands."""

    @property
    def problems(self) -> Problems:
        """Return everything that is wrong with the file."""
        return self.binder.problems

    def place(self, *path: str | int) -> Place:
        """Return where the value at *path* stands."""
        return self.binder.place(*path)


def reader(problems: Problems, flows: Iterable[str] = ()) -> Binder:
    """Return what reads the language's own types; *flows* are the names that could stand for steps."""
    readers = {**_READERS, Step: lambda binder, node, path: _step(binder, node, path, tuple(flows))}
    return Binder(problems, readers=readers, reserved=RESERVED, synonyms=SYNONYMS)


def read_policy(node: Node, problems: Problems, library: Library = MappingProxyType({})) -> Draft | None:
    """Return the policy that *node* says, with everything that is wrong in *problems*; None when it says none.

    Named flows are looked up in *library*.
    """
    binder = reader(problems, library)
    policy = binder.read_dataclass(Policy, _without_names(node, Expander(library, problems)), (), "a policy")
    if policy is None:
        return None
    for failure in policy.when:
        if failure not in FAILURES:
            word = Text(failure, binder.place("when", failure))
            binder.unknown(word, "failure", "that medevac knows", FAILURES)
    if not policy.when and ("when",) in binder.places and not problems.failed:
        problems.error(binder.place("when"), "no failure stands under 'when'", "write host.down: and a flow")
    return Draft(policy, binder)


def _without_names(node: Node, expander: Expander) -> Node:
    """Return the policy *node* with named flows put in the place of their names."""
    if not isinstance(node, Entries):
        return node
    entries = (
        Entry(entry.key, _flows_without_names(entry.value, expander)) if entry.key.value == "when" else entry
        for entry in node.entries
    )
    return Entries(tuple(entries), node.place)


def _flows_without_names(node: Node, expander: Expander) -> Node:
    if not isinstance(node, Entries):
        return node
    return Entries(tuple(Entry(entry.key, expander.flow(entry.value)) for entry in node.entries), node.place)


def read_match(binder: Binder, node: Node, path: Path) -> Match | None:
    """Read a match: its lines, or the word everyone where that makes sense."""
    nested = path[-1] in ("not", "exclude")
    if nested and "not" in path[:-1]:
        binder.problems.error(binder.place(*path), "'not' stands inside 'not'", "write the lines outside both")
        return None
    if isinstance(node, Text) and node.value == EVERYONE and not nested:
        return Match()
    if isinstance(node, Entries) and node.entries:
        return binder.read_dataclass(Match, node, path)
    hint = "name servers, such as 'project: payments'" + ("" if nested else f", or write 'match: {EVERYONE}'")
    key = path[-1]
    if isinstance(node, Text) and node.value == EVERYONE:
        binder.problems.error(node.place, f"'{key}: {EVERYONE}' leaves nobody", hint)
    elif isinstance(node, Text) and not node.empty:
        binder.unknown(node, "way to match", "", () if nested else (EVERYONE,))
    else:
        binder.problems.error(node.place, f"'{key}' does not say which servers are meant", hint)
    return None


def _after(binder: Binder, node: Node, path: Path) -> After | None:
    """Read `{project: db, ready: guest, …}`: the lines of a match stand beside the other keys."""
    entries = binder.entries(node, f"'{path[-1] if isinstance(path[-1], str) else path[-2]}'")
    if entries is None:
        return None
    whom = tuple(entry for entry in entries if entry.key.value in _MATCH_KEYS)
    others = tuple(entry for entry in entries if entry.key.value not in _MATCH_KEYS)
    if not whom and not any(entry.key.value == "policy" for entry in others):
        hint = "add 'policy: NAME' or a line of a match, such as 'metadata: {role: db}'"
        binder.problems.error(node.place, "'after' does not say whom to wait for", hint)
    match = binder.read_dataclass(Match, Entries(whom, node.place), path, "'after'")
    return binder.read_dataclass(After, Entries(others, node.place), path, "'after'", {"match": match or Match()})


def _ready(binder: Binder, node: Node, path: Path) -> Ready | None:
    text = binder.text(node, path)
    if text is None:
        return None
    kind, _, port = text.value.partition(":")
    if kind not in (Readiness.ACTIVE, Readiness.GUEST, Readiness.PORT):
        binder.unknown(text, "value", "of 'ready'", ("active", "guest", "port:NUMBER"))
        return None
    if kind != Readiness.PORT and ":" not in text.value:
        return Ready(Readiness(kind))
    if kind == Readiness.PORT and port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= _MOST_PORT:
        return Ready(Readiness.PORT, int(port))
    binder.problems.error(text.place, f"{quoted(text.value)} is not a value of 'ready'", "write port:5432, or active")
    return None


def read_time_of_day(binder: Binder, node: Node, path: Path) -> TimeOfDay | None:
    """Return the time of day at *node*; None, with a problem, where there is none."""
    text = binder.text(node, path)
    time = parse_time_of_day(text.value) if text else None
    if text is not None and time is None:
        binder.problems.error(text.place, f"{quoted(text.value)} is not a time of day", "write 02:00 or 22:30, in UTC")
    return time


def _flow(binder: Binder, node: Node, path: Path) -> Flow | None:
    """Read a flow: a step, a list of steps, or `{steps: [...], deadline: ..., on_failure: ...}`."""
    given = {entry.key.value: entry for entry in node.entries} if isinstance(node, Entries) else {}
    if "steps" not in given:
        steps = _steps(binder, node, path)
        return Flow(steps) if steps else None
    steps = _steps(binder, given.pop("steps").value, path)
    return binder.read_dataclass(Flow, Entries(tuple(given.values()), node.place), path, "a flow", {"steps": steps})


def _steps(binder: Binder, node: Node, path: Path) -> tuple[Step, ...]:
    items = node.items if isinstance(node, Items) else (node,)
    if not items:
        binder.problems.error(
            node.place, f"the flow for '{path[-1]}' is empty", "write 'leave' if nothing is to be done"
        )
    return tuple(binder.read(Step, item, (*path, index)) or UnreadStep() for index, item in enumerate(items))


def _step(binder: Binder, node: Node, path: Path, flows: tuple[str, ...]) -> Step:
    if isinstance(node, Entries):
        return _step_with_parameters(binder, node, path, flows)
    if isinstance(node, Items):
        binder.problems.error(
            node.place, "a step is a word, or a word with parameters, not a list", "leave the brackets out"
        )
        return UnreadStep()
    word = binder.text(node, path)
    if word is None:
        return UnreadStep()
    binder.places[path] = word.place
    cls = _step_class(binder, word, flows)
    step = binder.read_dataclass(cls, Entries((), word.place), path, f"'{cls.word}'") if cls else None
    return step or UnreadStep()


def _step_with_parameters(binder: Binder, node: Entries, path: Path, flows: tuple[str, ...]) -> Step:
    """Read `word: {parameter: value}`, with `on_failure:` inside the braces or beside the word."""
    words = [entry for entry in node.entries if entry.key.value != _BESIDE]
    beside = [entry for entry in node.entries if entry.key.value == _BESIDE]
    if len(words) != 1:
        _not_one_step(binder, node, words)
        return UnreadStep()
    word = words[0]
    binder.places[path] = word.key.place
    cls = _step_class(binder, word.key, flows)
    if cls is None:
        return UnreadStep()
    parameters = _parameters(binder, cls, word, beside)
    step = binder.read_dataclass(cls, parameters, path, f"'{cls.word}'") if parameters else None
    return step or UnreadStep()


def _not_one_step(binder: Binder, node: Entries, words: list[Entry]) -> None:
    if words:
        message = f"{quoted(words[1].key.value)} stands beside the step {quoted(words[0].key.value)}"
        hint = "put it in braces after the step's ':', or begin the next step with '- '"
        binder.problems.error(words[1].key.place, message, hint)
    else:
        binder.problems.error(
            node.place, f"'{_BESIDE}' has no step beside it", "write it below its step, without a '- '"
        )


def _parameters(binder: Binder, cls: type[Step], word: Entry, beside: list[Entry]) -> Entries | None:
    """Return what stands in the braces of *word* and *beside* it as one."""
    inside = word.value
    if isinstance(inside, Text) and inside.empty:
        inside = Entries((), word.key.place)
    if cls.short and isinstance(inside, Text | Items):
        inside = Entries((Entry(Text(cls.short, word.key.place), inside),), inside.place)
    entries = binder.entries(inside, f"'{cls.word}'")
    if entries is None:
        return None
    if not dataclasses.fields(cast("Any", cls)) and (entries or beside):
        place = (*entries, *beside)[0].key.place
        binder.problems.error(place, f"'{cls.word}' has no parameters", f"write '- {cls.word}'")
        return None
    if beside and any(entry.key.value == _BESIDE for entry in entries):
        binder.problems.error(
            beside[0].key.place, f"'{_BESIDE}' stands inside and beside '{cls.word}'", "keep one of them"
        )
        beside = []
    return Entries((*entries, *beside), inside.place)


def _step_class(binder: Binder, word: Text, flows: tuple[str, ...]) -> type[Step] | None:
    known = registry()
    if word.value in known.unusable:
        unusable = known.unusable[word.value]
        message = f"the step '{word.value}' cannot be used: {unusable.reason}"
        binder.problems.error(word.place, message, unusable.remedy)
    elif word.value not in known.steps:
        binder.unknown(word, "step", "", (*known.steps, *flows))
    return known.steps.get(word.value)


_READERS: Mapping[type, Callable[[Binder, Node, Path], Any]] = {
    After: _after,
    Flow: _flow,
    Match: read_match,
    Ready: _ready,
    TimeOfDay: read_time_of_day,
}
