"""Picture: a flow as TaskFlow itself compiled it, drawn as Mermaid or Graphviz text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from taskflow import atom
from taskflow.engines.action_engine.compiler import PatternCompiler

from medevac.flows.factory import recover

_SHAPES = {"task": ("[", "]"), "retry": ("{{", "}}")}


@dataclass(frozen=True, slots=True)
class Node:
    """One atom of the flow."""

    key: str
    """n0, n1 ...: what drawings call it."""
    name: str
    kind: str
    """task or retry."""
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The atoms of a flow, and which runs after which."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    """Keys of nodes."""

    def mermaid(self) -> str:
        """Return it as a Mermaid flowchart."""
        lines = ["flowchart TD"]
        for node in self.nodes:
            left, right = _SHAPES[node.kind]
            lines.append(f'    {node.key}{left}"{_plain(node.label)}"{right}')
        lines += [f"    {before} --> {after}" for before, after in self.edges]
        return "\n".join(lines)

    def dot(self) -> str:
        """Return it in Graphviz's language."""
        lines = ["digraph recover {", "    node [shape=box, fontname=sans];"]
        lines += [f'    {node.key} [label="{_plain(node.label)}"];' for node in self.nodes]
        lines += [f"    {before} -> {after};" for before, after in self.edges]
        return "\n".join([*lines, "}"])


def picture(document: Mapping[str, Any], notes: Mapping[str, str] | None = None) -> Picture:
    """Return the flow that the factory builds from *document*; *notes* adds to the label of an atom by its name."""
    graph = PatternCompiler(recover(document)).compile().execution_graph
    atoms = [node for node in graph.topological_sort() if isinstance(node, atom.Atom)]
    keys = {node: f"n{number}" for number, node in enumerate(atoms)}
    nodes = [
        Node(key, node.name, graph.nodes[node]["kind"], _label(node.name, notes or {})) for node, key in keys.items()
    ]
    edges = [(keys[node], keys[after]) for node in atoms for after in _next_atoms(graph, node)]
    return Picture(tuple(nodes), tuple(dict.fromkeys(edges)))


def _next_atoms(graph: Any, node: object) -> Iterator[atom.Atom]:  # noqa: ANN401 - TaskFlow has no type hints
    """Yield the atoms that run after *node*: the beginnings and ends of flows between them are looked through."""
    for after in graph.successors(node):
        if isinstance(after, atom.Atom):
            yield after
        else:
            yield from _next_atoms(graph, after)


def _label(name: str, notes: Mapping[str, str]) -> str:
    return f"{name}: {notes[name]}" if name in notes else name


def _plain(text: str) -> str:
    """Return *text* without what would end a label."""
    return text.replace('"', "'").replace("\n", " ")
