"""Small files, small functions: the coordinator that got away in every code base shall not get away in this one."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator

from tests.unit.house import tree

FILE_LINES = 400
FUNCTION_LINES = 50
MEDIAN_LINES = 8
PYTHON = (*tree.COMPONENTS, "tests", "benchmarks")


def functions(*rooms: str) -> Iterator[tuple[str, int]]:
    for path in tree.sources(*rooms):
        for node in ast.walk(tree.parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{tree.name(path)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {tree.name(path): len(path.read_text().splitlines()) for path in tree.sources(*PYTHON)}
    assert {file: lines for file, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines() -> None:
    assert {function: lines for function, lines in functions(*PYTHON) if lines > FUNCTION_LINES} == {}


def test_the_median_function_of_the_product_is_short() -> None:
    assert statistics.median(lines for _, lines in functions(*tree.COMPONENTS)) <= MEDIAN_LINES
