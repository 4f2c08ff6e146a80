"""The files of this repository, as the house rules look at them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMPONENTS = ("core", "triggers", "flows", "workers", "cli", "sandbox")
ROOMS = (*COMPONENTS, "tests", "benchmarks", "examples", "docs", "deploy", ".ci")
TEXT = {"", ".py", ".md", ".toml", ".ini", ".yaml", ".yml", ".sh", ".service", ".json", ".txt"}


def texts() -> Iterator[Path]:
    """Yield every file that people write, captured test data excepted."""
    for path in [*ROOT.glob("*"), *(p for room in ROOMS for p in (ROOT / room).rglob("*"))]:
        if path.is_file() and path.suffix in TEXT and ROOT / "tests" / "data" not in path.parents:
            yield path


def sources(*rooms: str) -> list[Path]:
    """Return the Python files of *rooms*."""
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py"))


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of *path*."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name(path: Path) -> str:
    """Return *path* as it is called in this repository."""
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    """Return the names of the modules that *path* imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
