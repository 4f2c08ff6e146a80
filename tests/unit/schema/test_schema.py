"""The schemas and reference pages: generated from what reads the files, and true of every example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from medevac.cli.policy_schema import PAGES, SCHEMAS

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(p for p in (ROOT / "examples/policies").rglob("*.yaml") if "expect" not in str(p.relative_to(ROOT)))
EXPECTATIONS = sorted((ROOT / "examples/policies").glob("*/expect/*.yaml"))
DOMAIN_ONLY = 0.45
"""The part of the policy mistakes that only `policy check` sees: order of steps, unknown names, sums of times."""


def errors(kind: str, document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[kind]()).iter_errors(document)]


def kind_of(document: dict[str, Any]) -> str:
    return "flow" if "flow" in document and "policy" not in document else "policy"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_schema_is_one(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind]())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_is_valid(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert errors(kind_of(document), document) == []


@pytest.mark.parametrize("path", EXPECTATIONS, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_every_expectation_of_the_examples_is_valid(path: Path) -> None:
    assert errors("expectations", yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("when", {"host.dwon": "compute-1"}),
        ("when", {"host.down": "compute-1", "fence": "broken"}),
        ("then", {"outcome": "saved"}),
        ("then", {"within": "5 minutes"}),
        ("then", {"order": [{"web": 1}]}),
        ("given", {"hosts": ["a"]}),
        ("given", {"hosts": [{"zone": "az1"}], "servers": [{"name": "a", "host": "a"}]}),
        ("given", {"hosts": ["a"], "servers": [{"name": "a", "host": "a", "boots_from": "disk"}]}),
        ("expekt", "a sentence"),
    ],
)
def test_an_editor_would_mark_the_mistake_in_an_expectation(place: str, value: object) -> None:
    sound = {
        "expect": "a",
        "given": {"hosts": ["a"], "servers": [{"name": "a", "host": "a"}]},
        "when": {"host.down": "a"},
        "then": {"outcome": "recovered", "order": ["a", ["b", "c-*"]]},
    }

    assert errors("expectations", sound) == []
    assert errors("expectations", [sound, sound]) == []
    assert errors("expectations", {**sound, place: value}) != []


def test_the_example_of_a_site_file_is_valid() -> None:
    assert errors("site", yaml.safe_load((ROOT / "examples/medevac.yaml").read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "policy: a\nmatch: everyone\nwhen: {host.down: [fense]}\nwehn: 1",
        "policy: a\nmatch: {projekt: x}\nwhen: {host.down: leave}",
        "policy: a\nmatch: everyone\nwhen: {host.dwon: leave}",
        "policy: a\nmatch: everyone\npriority: urgent\nwhen: {host.down: leave}",
        "policy: a\nmatch: everyone\ndeadline: 5 minutes\nwhen: {host.down: leave}",
        "policy: a\nmatch: everyone\nwhen: {host.down: [{evacuate: {paralel: 3}}]}",
        "policy: a\nmatch: everyone\nwhen: {host.down: [{evacuate: {parallel: many}}]}",
        "match: everyone\nwhen: {host.down: leave}",
    ],
)
def test_an_editor_would_mark_the_mistake(text: str) -> None:
    assert errors("policy", yaml.safe_load(text)) != []


def test_most_of_the_known_mistakes_are_marked() -> None:
    documents = []
    for path in sorted((ROOT / "tests/unit/policy/broken").glob("*.yaml")):
        try:
            documents.append(yaml.safe_load(path.read_text()))
        except (yaml.YAMLError, ValueError, OverflowError):
            continue  # an editor marks these without a schema
    unmarked = [document for document in documents if not errors("policy", document)]
    assert len(documents) > 60
    assert len(unmarked) < DOMAIN_ONLY * len(documents)


@pytest.mark.parametrize("kind", PAGES)
def test_the_committed_reference_page_is_what_the_code_says(kind: str) -> None:
    committed = (ROOT / "docs/reference" / f"{kind}.md").read_text()
    assert committed == PAGES[kind](), f"run: medevac policy reference {kind} > docs/reference/{kind}.md"
