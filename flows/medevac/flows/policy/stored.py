"""Stored form: a policy as JSON, in its own language, with every default written out.

It is what a job keeps of the policies that decided: they are read back by the same grammar that reads files, so
a job posted by a release that knows a step this one does not know is refused, and never carried out in part.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from medevac.core.errors import MalformedDocumentError
from medevac.flows.policy.binding import key_of
from medevac.flows.policy.document import Entries, Entry, Items, Node, Text
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.grammar import read_policy
from medevac.flows.policy.language import EVERYONE, After, Flow, Match, Policy, PolicySet, Ready, Step
from medevac.flows.policy.problems import WHOLE_FILE, Problems

_DIGITS = 16


def to_document(policy: Policy) -> dict[str, Any]:
    """Return *policy* as JSON's own types; `from_document` returns an equal policy."""
    return cast("dict[str, Any]", _written(policy))


def from_document(document: Mapping[str, Any]) -> Policy:
    """Return the policy that `to_document` turned into *document*; raise MalformedDocumentError otherwise."""
    problems = Problems("stored policy")
    draft = read_policy(_node(document), problems)
    if draft is None or problems.failed:
        message = "; ".join(f"{problem.file}: {problem.message}" for problem in problems.listed())
        raise MalformedDocumentError(message or None)
    return draft.policy


def policy_set(policies: Iterable[Policy]) -> PolicySet:
    """Return *policies*, in this order of precedence, with their digest."""
    ordered = tuple(policies)
    text = json.dumps([to_document(policy) for policy in ordered], sort_keys=True, separators=(",", ":"))
    return PolicySet(ordered, hashlib.sha256(text.encode()).hexdigest()[:_DIGITS])


def _written(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    for cls, write in _FORMS.items():
        if isinstance(value, cls):
            return write(value)
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return _written_fields(value)
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, tuple) else value


def _written_match(match: Match) -> Any:  # noqa: ANN401 - a word or an object
    return EVERYONE if match.everyone else _written_fields(match)


def _written_flow(flow: Flow) -> Any:  # noqa: ANN401 - a list or an object
    settings = _written_fields(flow)
    return settings if len(settings) > 1 else settings["steps"]


def _written_after(after: After) -> dict[str, Any]:
    """Return the lines of the match and the other keys as one object."""
    rest = _written_fields(after)
    rest.pop("match", None)
    return _written_fields(after.match) | rest


def _written_fields(value: object) -> dict[str, Any]:
    """Return the fields of *value*; those that say nothing (no deadline, no such line in a match) are left out."""
    given = ((field, getattr(value, field.name)) for field in dataclasses.fields(cast("Any", value)))
    return {key_of(field): _written(item) for field, item in given if item is not None and item not in ((), {})}


def _written_step(step: Step) -> Any:  # noqa: ANN401 - a word or an object
    parameters = _written_fields(step)
    return {step.word: parameters} if parameters else step.word


_FORMS: Mapping[type, Callable[[Any], Any]] = {
    Duration: str,
    Ready: str,
    TimeOfDay: str,
    Step: _written_step,
    Flow: _written_flow,
    After: _written_after,
    Match: _written_match,
}


def _node(plain: object) -> Node:
    """Return *plain* as the nodes of a file in which every text is in quotes."""
    if isinstance(plain, Mapping):
        entries = (Entry(Text(str(key), WHOLE_FILE), _node(item)) for key, item in plain.items())
        return Entries(tuple(entries), WHOLE_FILE)
    if isinstance(plain, list | tuple):
        return Items(tuple(_node(item) for item in plain), WHOLE_FILE)
    return Text("" if plain is None else str(plain), WHOLE_FILE, empty=plain is None)
