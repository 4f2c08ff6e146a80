"""What counts as a policy file, in which order, and how much is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.flows.policy.problems import MOST_PROBLEMS, ProblemsError
from medevac.flows.policy.reader import read_policies, review_policies

FLOW = "when: {host.down: [fence, disable, evacuate, verify]}\n"


def put(folder: Path, file: str, match: str = "everyone") -> None:
    (folder / file).write_text(f"policy: {Path(file).stem}\nmatch: {match}\n{FLOW}")


def test_the_names_of_files_give_the_precedence(tmp_path: Path) -> None:
    put(tmp_path, "90-all.yaml")
    put(tmp_path, "50-b.yml", "{project: b}")
    put(tmp_path, "10-a.yaml", "{project: a}")

    assert [policy.name for policy in read_policies(tmp_path).policies] == ["10-a", "50-b", "90-all"]


def test_hidden_files_directories_and_other_files_are_no_policies(tmp_path: Path) -> None:
    put(tmp_path, "10-a.yaml")
    for name in (".10-a.yaml", "10-a.yaml~", "10-a.yaml.orig", "README.md"):
        (tmp_path / name).write_text("nonsense: [")
    (tmp_path / "old.yaml").mkdir()

    assert [policy.name for policy in read_policies(tmp_path).policies] == ["10-a"]


def test_a_single_file_is_a_set_of_one(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", "{project: a}")

    assert len(read_policies(tmp_path / "a.yaml").policies) == 1
    assert review_policies(tmp_path / "a.yaml").problems == ()


def test_the_same_files_elsewhere_are_the_same_set(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        put(tmp_path / folder, "a.yaml")

    assert read_policies(tmp_path / "one") == read_policies(tmp_path / "two")


def test_warnings_do_not_stop_a_set_from_being_used(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", "{project: a}")

    assert [str(problem.severity) for problem in review_policies(tmp_path).problems] == ["warning"]
    assert read_policies(tmp_path).policies[0].name == "a"


def test_one_broken_file_stops_the_whole_set(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml")
    put(tmp_path, "b.yaml", "everybody")

    with pytest.raises(ProblemsError, match=r"b\.yaml:2:8: 'everybody' is not a way to match"):
        read_policies(tmp_path)


def test_after_a_hundred_problems_no_more_are_told(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("policy: a\nmatch: everyone\n" + FLOW + "".join(f"x{key}: 1\n" for key in range(500)))
    problems = review_policies(file).problems

    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].message == "there are more problems"


def test_a_device_or_pipe_is_not_opened(tmp_path: Path) -> None:
    assert review_policies(Path("/dev/zero")).problems[0].message == "there is no such file or directory"
    assert review_policies(tmp_path).problems[0].message == "there is no policy in this directory"
