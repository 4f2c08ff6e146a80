"""Flow files: named flows read and checked by themselves, before any policy uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from medevac.flows.policy.actions import Flow
from medevac.flows.policy.document import Entries, Entry, Node, Text
from medevac.flows.policy.grammar import UnreadStep, reader
from medevac.flows.policy.named import (
    FLOW,
    PARAMETER,
    SETTINGS,
    Expander,
    Library,
    NamedFlow,
    Template,
    placeholders,
    put_defaults,
)
from medevac.flows.policy.nesting import check_nesting
from medevac.flows.policy.problems import WHOLE_FILE, Problems, did_you_mean, quoted
from medevac.flows.policy.registry import steps

_OWN_KEYS = (FLOW, "about", "parameters", "steps", *SETTINGS)


def is_flow(node: Node | None) -> bool:
    """Tell whether the document *node* is a named flow and no policy."""
    return (
        isinstance(node, Entries)
        and FLOW in (keys := {entry.key.value for entry in node.entries})
        and ("policy" not in keys and "when" not in keys)
    )


def read_flows(files: Iterable[tuple[Node, Problems]]) -> Library:
    """Return the named flows in *files*, each checked with what it names; what is wrong goes to their problems."""
    library: dict[str, Template] = {}
    read: list[tuple[str, Node, Problems]] = []
    for node, problems in files:
        template = _template(node, problems)
        if template is None:
            continue
        if template.name in library:
            place = _entry(node, FLOW).value.place
            hint = f"it is in {library[template.name].file}"
            problems.error(place, f"another flow is called {quoted(template.name)} too", hint)
        library.setdefault(template.name, template)
        read.append((template.name, node, problems))
    for _, node, problems in read:
        _check(node, problems, library)
    broken = {name for name, _, problems in read if problems.failed}
    return {name: replace(template, broken=name in broken) for name, template in library.items()}


def _template(node: Node, problems: Problems) -> Template | None:
    binder = reader(problems)
    found = {entry.key.value: entry for entry in binder.entries(node, "a flow") or ()}
    name = binder.text(found[FLOW].value, (FLOW,))
    if name is None:
        return None
    if not PARAMETER.fullmatch(name.value.replace("-", "_")) or name.value in steps():
        hint = "use letters, digits, '-' and '_', and no word of a step"
        problems.error(name.place, f"{quoted(name.value)} cannot be the name of a flow", hint)
        return None
    body = found.get("steps")
    settings = tuple(found[key] for key in SETTINGS if key in found)
    parameters = _parameters(found.get("parameters"), problems)
    return Template(name.value, problems.file, parameters, body.value if body else Text("", WHOLE_FILE), settings)


def _parameters(given: Entry | None, problems: Problems) -> Mapping[str, Text]:
    binder = reader(problems)
    parameters: dict[str, Text] = {}
    for entry in (binder.entries(given.value, "'parameters'") or ()) if given else ():
        name = entry.key.value
        if not PARAMETER.fullmatch(name) or name in _OWN_KEYS:
            hint = "use letters, digits and '_', and none of " + ", ".join(_OWN_KEYS)
            problems.error(entry.key.place, f"{quoted(name)} cannot be the name of a parameter", hint)
        elif not isinstance(entry.value, Text):
            binder.text(entry.value, ("parameters", name))
        else:
            parameters[name] = entry.value
    return parameters


def _check(node: Node, problems: Problems, library: Mapping[str, Template]) -> None:
    """Report what is wrong with one flow, read with its defaults."""
    name = _entry(node, FLOW).value
    template = library[name.value if isinstance(name, Text) else ""]
    _check_parameters(template, node, problems)
    expanded = Expander(library, problems, (template.name,)).steps(put_defaults(template))
    kept = [entry for entry in _entries(node) if entry.key.value not in ("parameters", "steps")]
    if any(entry.key.value == "steps" for entry in _entries(node)):
        kept.append(Entry(_entry(node, "steps").key, expanded))
    binder = reader(problems)
    flow = binder.read_dataclass(NamedFlow, Entries(tuple(kept), node.place), (), "a flow", {"parameters": {}})
    if flow and not Flow(flow.steps).every(UnreadStep):
        check_nesting(flow.steps, binder, ("steps",))


def _check_parameters(template: Template, node: Node, problems: Problems) -> None:
    used = list(placeholders(template.steps))
    settings = [text for entry in template.settings for text in placeholders(entry.value)]
    names = {text.value[1:] for text in (*used, *settings)}
    for text in used:
        if text.value[1:] not in template.parameters:
            message = f"{quoted(text.value)} is not a parameter of this flow"
            known = [f"${name}" for name in template.parameters]
            hint = did_you_mean(text.value, known) if known else "name it under 'parameters', or write '$$' for a '$'"
            problems.error(text.place, message, hint)
    for entry in _entries(_entry(node, "parameters").value) if template.parameters else ():
        if entry.key.value in template.parameters and entry.key.value not in names:
            hint = f"write '${entry.key.value}' where its value belongs, or leave it out"
            problems.error(entry.key.place, f"parameter '{entry.key.value}' is not used in the steps", hint)


def _entries(node: Node) -> Sequence[Entry]:
    return node.entries if isinstance(node, Entries) else ()


def _entry(node: Node, key: str) -> Entry:
    return next(entry for entry in _entries(node) if entry.key.value == key)
