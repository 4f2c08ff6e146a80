"""Golden files: what is compared with what, and how they are written anew."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
WRITE = "MEDEVAC_WRITE_GOLDENS"


def broken(folder: str) -> list[Path]:
    """Return the cases in *folder*: YAML files or directories of them."""
    return sorted(path for path in (HERE / folder).iterdir() if path.suffix == ".yaml" or path.is_dir())


def assert_golden(case: Path, problems: Iterable[object]) -> None:
    """Compare the rendered *problems* of *case* with the .expect beside it; MEDEVAC_WRITE_GOLDENS=1 writes it."""
    rendered = "\n".join(str(problem) for problem in problems).replace(f"{case.parent}/", "") + "\n"
    expect = case.with_suffix(".expect")
    if os.environ.get(WRITE):
        expect.write_text(rendered, encoding="utf-8")
    assert rendered == expect.read_text(encoding="utf-8")
