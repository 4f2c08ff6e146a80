"""What may stand in a file: nothing from this workplace, and no exception without its reason."""

from __future__ import annotations

import re

import pytest

from tests.unit.house import tree

# Composed, so that this file does not hold what it forbids.
REGISTRIES = tuple(f"{name}.org" for name in ("pypi", "pythonhosted", "deb.debian", "npmjs"))

WORKPLACE = ("/work/" + "shared", "../" + "shared", "/work/" + "main", "/opt/" + "mv")


@pytest.mark.parametrize("words", [REGISTRIES, WORKPLACE], ids=["package registries", "this workplace"])
def test_no_file_names_a_place_that_others_do_not_have(words: tuple[str, ...]) -> None:
    found = {tree.name(path): [w for w in words if w in path.read_text("utf-8")] for path in tree.texts()}
    assert {file: named for file, named in found.items() if named} == {}


def unexplained(pattern: str, *rooms: str) -> list[str]:
    """Return the lines that end in *pattern* and do not follow a line of comment."""
    found = []
    for path in tree.sources(*rooms):
        above = ""
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(pattern, line) and not above.startswith("#"):
                found.append(f"{tree.name(path)}:{number}: {line.strip()}")
            above = line.strip()
    return found


def test_every_exception_to_a_lint_rule_says_why() -> None:
    assert unexplained(r"# noqa: [A-Z0-9, ]+$", *tree.COMPONENTS, "tests", "benchmarks") == []


def test_every_ignored_type_error_of_the_product_says_why() -> None:
    assert unexplained(r"# type: ignore\[[a-z, -]+\]$", *tree.COMPONENTS) == []


def test_every_lint_rule_that_is_off_says_why() -> None:
    settings = (tree.ROOT / "pyproject.toml").read_text("utf-8")
    rules = re.findall(r'^    "[A-Z]+[0-9]+",.*$', settings, re.MULTILINE)
    assert rules
    assert [line for line in rules if not re.search(r", +# \w+", line)] == []


def test_names_are_written_out_in_file_names() -> None:
    names = {tree.name(path) for path in tree.sources(*tree.COMPONENTS)}
    assert [name for name in names if re.search(r"(^|[/_])(utils?|helpers?|misc|common|mgr|cfg)[._]", name)] == []
