"""Documents lead somewhere, and their commands exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.house import tree

PAGES = sorted(path for path in tree.texts() if path.suffix == ".md")


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_names_the_two_commands_of_the_bootstrap_script() -> None:
    readme = (tree.ROOT / "README.md").read_text("utf-8")
    shown = subprocess.run(["bash", tree.ROOT / "run"], capture_output=True, text=True, timeout=30, check=False)
    assert shown.returncode == 2
    offered = re.findall(r"^\./run (\w+)", shown.stderr, re.MULTILINE)
    assert offered == ["demo", "test"]
    assert [word for word in offered if f"    ./run {word}\n" not in readme] == []


@pytest.mark.parametrize("command", ["test", "real"])
def test_ci_runs_the_test_command_of_the_readme_and_the_real_suites(command: str) -> None:
    script = (tree.ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(rf"^\./run {command} </dev/null \|\| code=\$\?$", script, re.MULTILINE)
