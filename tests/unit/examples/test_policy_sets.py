"""The policy sets under examples/policies: each says who needs it, passes the checker, and keeps what it promises."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from medevac.cli.policy import group
from medevac.sandbox.expectations.reading import find
from medevac.sandbox.expectations.runner import run
from medevac.workers.site import review_site

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies"
SETS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
ENOUGH = 8
INDEX = Path(__file__).parents[3] / "docs" / "policies.md"

each_set = pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)


def test_there_are_sets_for_many_situations() -> None:
    assert len(SETS) >= ENOUGH


@each_set
def test_a_set_says_in_prose_who_needs_it_and_the_index_names_it(folder: Path) -> None:
    prose = (folder / "README.md").read_text("utf-8")

    assert prose.startswith("# ")
    assert len(prose.split("\n\n")[1]) > 100
    assert f"examples/policies/{folder.name})" in INDEX.read_text("utf-8")


@each_set
def test_a_set_has_no_error_and_no_warning(folder: Path) -> None:
    told = CliRunner().invoke(group, ["check", str(folder), "--json"])

    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["problems"] == []


@each_set
def test_what_a_set_says_of_the_site_file_can_stand_there(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "medevac.yaml"
    for lines in re.findall(
        r"^```yaml\n(.*?)^```$", (folder / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        file.write_text(f"zookeeper: zk1:2181/medevac\npolicies: {folder}\n{lines}", "utf-8")

        _, problems = review_site(file, {})

        assert [str(each) for each in problems.listed()] == []


@each_set
def test_every_policy_of_a_set_says_what_it_promises(folder: Path) -> None:
    policies = [path for path in folder.glob("*.yaml") if not path.name.endswith(".expect.yaml")]

    assert policies
    assert [path.name for path in policies if not re.search(r"^about: \S", path.read_text("utf-8"), re.MULTILINE)] == []


@each_set
def test_what_a_set_promises_comes_true(folder: Path) -> None:
    results = list(run([folder]))

    assert find(folder)
    assert [(result.expect, [str(each) for each in result.problems]) for result in results if not result.met] == []


@each_set
def test_a_set_is_tried_on_a_host_that_dies(folder: Path) -> None:
    assert any("host.down:" in file.read_text("utf-8") for file in find(folder))


@each_set
def test_a_promise_that_is_turned_round_is_not_met(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    for file in find(copy):
        file.write_text(_with_another_outcome(file.read_text("utf-8")), "utf-8")

    results = list(run([copy]))

    assert results
    assert [result.expect for result in results if result.met] == []
    assert all("expected the outcome" in str(result.problems[0]) for result in results)


def _with_another_outcome(text: str) -> str:
    """Return *text* with each outcome another than it was; every expectation of the examples names one."""
    return re.sub(r"outcome: (\w+)", lambda found: f"outcome: {'held' if found[1] != 'held' else 'recovered'}", text)
