"""Named flows: steps written once, with parameters, and put in the place of their name wherever it stands.

They are put there before anything is bound, as nodes: what is stored of a policy names no flow, and needs none.
Every node of a flow stands, after that, where its name stood: that is where its user can mend something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from medevac.flows.policy.actions import CONTROLS, Ending, Step
from medevac.flows.policy.document import Entries, Entry, Items, Node, Text, Unread
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.problems import Place, Problems, did_you_mean, quoted
from medevac.flows.policy.words import said

FLOW = "flow"
SETTINGS = ("deadline", "on_failure")
"""What stands beside the steps of a flow, and beside its name where it is used as a whole."""
MOST_STEPS = 200
"""In one flow, with those of the flows that it names."""

PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")

_CONTROLS = frozenset(control.word for control in CONTROLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFlow:
    """A flow in a file of its own: `parallel: $parallel` in its steps stands for the value of a parameter."""

    name: str = field(metadata=said("A short name, unique among steps and flows.", key=FLOW))
    about: str = field(default="", metadata=said("What the flow does, for people."))
    parameters: Mapping[str, str] = field(
        default_factory=dict,
        metadata=said("The parameters and their defaults; one with nothing after its ':' must be given."),
    )
    steps: tuple[Step, ...] = field(metadata=said("The steps, in order."))
    deadline: Duration | None = field(default=None, metadata=said("How long it may take in all.", least=1))
    on_failure: Ending | None = field(default=None, metadata=said("What becomes of it when a step ends badly."))


@dataclass(frozen=True, slots=True)
class Template:
    """A named flow as nodes, to be put in the place of its name."""

    name: str
    file: str
    parameters: Mapping[str, Text]
    """The defaults; an empty text has to be replaced."""
    steps: Node
    settings: tuple[Entry, ...]
    broken: bool = False
    """It has errors of its own, which are told where it stands: who uses it has one error."""


Library = Mapping[str, Template]


class Expander:
    """Puts named flows in the place of their names, in one policy or one flow."""

    def __init__(self, library: Library, problems: Problems, within: tuple[str, ...] = ()) -> None:
        """Look names up in *library*; *within* are the flows that lead here, the outermost first."""
        self._library = library
        self._problems = problems
        self._within = within
        self._room = MOST_STEPS

    def flow(self, node: Node) -> Node:
        """Return the flow *node* in which no name is left: a list of steps, or `{steps: [...], deadline: ...}`."""
        self._room = MOST_STEPS
        call = self._call(node)
        if call is not None:
            return self._whole(call)
        if isinstance(node, Entries) and any(entry.key.value == "steps" for entry in node.entries):
            entries = (
                Entry(entry.key, self.steps(entry.value)) if entry.key.value == "steps" else entry
                for entry in node.entries
            )
            return Entries(tuple(entries), node.place)
        return self.steps(node)

    def steps(self, node: Node) -> Node:
        """Return the steps *node* with every name replaced by the steps that it stands for."""
        if isinstance(node, Items):
            return Items(tuple(step for item in node.items for step in self._item(item)), node.place)
        expanded = tuple(self._item(node))
        return expanded[0] if len(expanded) == 1 else Items(expanded, node.place)

    def _item(self, node: Node) -> Iterator[Node]:
        call = self._call(node)
        if call is not None:
            yield from self._spliced(call)
        elif not self._has_room(node.place):
            yield Unread(node.place)
        elif isinstance(node, Items):
            yield self.steps(node)
        elif isinstance(node, Entries):
            yield Entries(tuple(map(self._inside, node.entries)), node.place)
        else:
            yield node

    def _inside(self, entry: Entry) -> Entry:
        """Return the step *entry* with what a control holds expanded."""
        if entry.key.value not in _CONTROLS:
            return entry
        if not isinstance(entry.value, Entries):
            return Entry(entry.key, self.steps(entry.value))
        parts = (
            Entry(part.key, self.steps(part.value)) if part.key.value in _HOLDERS else part
            for part in entry.value.entries
        )
        return Entry(entry.key, Entries(tuple(parts), entry.value.place))

    def _call(self, node: Node) -> _Call | None:
        """Return the use of a named flow that *node* is, if it is one."""
        if isinstance(node, Text) and node.value in self._library:
            return _Call(node, {}, ())
        if not isinstance(node, Entries):
            return None
        given = {entry.key.value: entry for entry in node.entries}
        name = given.pop(FLOW, None)
        if name is None:
            return None
        word = name.value if isinstance(name.value, Text) else Text("", name.value.place)
        settings = tuple(given.pop(key) for key in SETTINGS if key in given)
        return _Call(word, given, settings)

    def _whole(self, call: _Call) -> Node:
        """Return the flow that *call* stands for, with its settings."""
        template = self._found(call)
        if template is None:
            return Unread(call.name.place)
        values = self._values(call, template)
        own = {entry.key.value for entry in call.settings}
        settings = [
            Entry(Text(entry.key.value, call.name.place), _put(entry.value, values, call.name.place))
            for entry in template.settings
            if entry.key.value not in own
        ]
        steps = Entry(Text("steps", call.name.place), self._body(call, template, values))
        return Entries((steps, *call.settings, *settings), call.name.place)

    def _spliced(self, call: _Call) -> Iterator[Node]:
        """Yield the steps that *call*, one step among others, stands for."""
        template = self._found(call)
        if template is None:
            yield Unread(call.name.place)
            return
        if call.settings or template.settings:
            message = (
                f"flow {quoted(template.name)} has a {(call.settings or template.settings)[0].key.value} of its own"
            )
            hint = "such a flow cannot be one step of another; take it out, or use the flow as a whole"
            self._problems.error(call.name.place, message, hint)
        body = self._body(call, template, self._values(call, template))
        yield from body.items if isinstance(body, Items) else (body,)

    def _found(self, call: _Call) -> Template | None:
        name = call.name.value
        if name in self._within:
            chain = " > ".join((*self._within[self._within.index(name) :], name))
            self._problems.error(call.name.place, f"flow {quoted(name)} would hold itself: {chain}")
            return None
        if name not in self._library:
            hint = did_you_mean(name, self._library) if self._library else "there is no named flow beside this file"
            self._problems.error(call.name.place, f"{quoted(name)} is not a flow", hint)
            return None
        if self._library[name].broken and not self._within:
            hint = f"mend {self._library[name].file}"
            self._problems.error(call.name.place, f"flow {quoted(name)} cannot be used: it has errors", hint)
            return None
        return self._library[name]

    def _values(self, call: _Call, template: Template) -> Mapping[str, Node]:
        values: dict[str, Node] = dict(template.parameters)
        for key, entry in call.given.items():
            if key not in template.parameters:
                message = f"{quoted(key)} is not a parameter of flow {quoted(template.name)}"
                hint = did_you_mean(key, template.parameters) if template.parameters else "it has none"
                self._problems.error(entry.key.place, message, hint)
            values[key] = entry.value
        for key, value in values.items():
            if isinstance(value, Text) and value.empty:
                message = f"flow {quoted(template.name)} needs a value for '{key}'"
                hint = f"write {{flow: {template.name}, {key}: ...}}"
                self._problems.error(call.name.place, message, hint)
                values[key] = Unread(call.name.place)
        return values

    def _body(self, call: _Call, template: Template, values: Mapping[str, Node]) -> Node:
        """Return the steps of *template*, as if they had been written where its name stands."""
        inner = Expander(self._library, self._problems, (*self._within, template.name))
        inner._room = self._room
        body = inner.steps(_put(template.steps, values, call.name.place))
        self._room = inner._room
        return body

    def _has_room(self, place: Place) -> bool:
        self._room -= 1
        if self._room == 0:
            message = f"the flow grows to more than {MOST_STEPS} steps"
            self._problems.error(place, message, "does a flow name others that name others?")
        return self._room > 0


@dataclass(frozen=True, slots=True)
class _Call:
    """A place where a named flow is used."""

    name: Text
    given: Mapping[str, Entry]
    settings: tuple[Entry, ...]


_HOLDERS = frozenset({"steps", "then", "else", "alternatives"})
"""The parameters of controls that hold steps."""


def placeholders(node: Node) -> Iterator[Text]:
    """Yield every `$name` in *node*."""
    if isinstance(node, Text):
        if node.value.startswith("$") and not node.value.startswith("$$"):
            yield node
    elif isinstance(node, Items):
        for item in node.items:
            yield from placeholders(item)
    elif isinstance(node, Entries):
        for entry in node.entries:
            yield from placeholders(entry.value)


def put_defaults(template: Template) -> Node:
    """Return the steps of *template* with its defaults; what has none cannot be judged."""
    defaults = {key: Unread(text.place) if text.empty else text for key, text in template.parameters.items()}
    return _put(template.steps, defaults, None)


def _put(node: Node, values: Mapping[str, Node], place: Place | None) -> Node:
    """Return *node* with `$name` replaced; what is not replaced stands at *place*, or stays where it was."""
    here = place or node.place
    if isinstance(node, Text):
        if node.value.startswith("$$"):
            return Text(node.value[1:], here)
        if node.value.startswith("$"):
            return values.get(node.value[1:], Unread(here))
        return Text(node.value, here, node.empty)
    if isinstance(node, Items):
        return Items(tuple(_put(item, values, place) for item in node.items), here)
    if isinstance(node, Entries):
        entries = (
            Entry(Text(entry.key.value, place or entry.key.place), _put(entry.value, values, place))
            for entry in node.entries
        )
        return Entries(tuple(entries), here)
    return Unread(here)
