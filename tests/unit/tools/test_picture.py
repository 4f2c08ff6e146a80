"""The picture: TaskFlow's own compiled graph, drawn."""

from __future__ import annotations

from pathlib import Path

from medevac.flows.brief import Brief
from medevac.flows.factory import document
from medevac.flows.picture import picture
from medevac.flows.plan import Settings
from medevac.flows.policy.reader import read_policies

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies" / "demo"


def drawn(**notes: str) -> tuple[str, str]:
    brief = Brief("i", "host.down", "h1", 0.0, Settings())
    found = picture(document(brief, read_policies(EXAMPLES).policies), notes)
    return found.mermaid(), found.dot()


def test_every_atom_of_the_flow_is_a_node_and_runs_after_its_predecessor() -> None:
    mermaid, dot = drawn()
    assert mermaid.splitlines()[:3] == ["flowchart TD", '    n0["fence"]', '    n1["survey"]']
    assert "    n0 --> n1" in mermaid
    assert "    n0 -> n1;" in dot
    assert "evacuate:pet" in mermaid
    assert '["report"]' in mermaid


def test_a_note_stands_with_its_atom_and_cannot_end_the_label() -> None:
    mermaid, _ = drawn(fence='the "power"')
    assert "n0[\"fence: the 'power'\"]" in mermaid
