"""The fault table names tests that exist, and every scenario stands in it."""

from __future__ import annotations

import re

from tests.unit.house import tree

PAGE = (tree.ROOT / "docs" / "faults.md").read_text("utf-8")
SCENARIOS = {path.parent.name for path in (tree.ROOT / "tests" / "scenarios").glob("*/script.yaml")}
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("|") and "---" not in line]
NAMED = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[-1])]


def exists(name: str) -> bool:
    """Tell whether *name* is a scenario, or a test written as FILE::FUNCTION."""
    file, _, function = name.partition("::")
    if not function:
        return name in SCENARIOS
    path = tree.ROOT / file
    return path.is_file() and f"def {function}(" in path.read_text("utf-8")


def test_every_test_that_the_fault_table_names_exists() -> None:
    assert len(NAMED) > 80
    assert [name for name in NAMED if not exists(name)] == []


def test_every_scenario_stands_in_the_fault_table() -> None:
    assert sorted(SCENARIOS - set(NAMED)) == []


def test_every_line_of_the_fault_table_names_a_test() -> None:
    heads = {"test", "caught by"}
    assert [row for row in ROWS if row[-1].strip() not in heads and not re.search(r"`[^`]+`", row[-1])] == []
