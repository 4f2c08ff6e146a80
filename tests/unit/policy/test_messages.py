"""What authors see: one golden file for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.flows.policy.problems import ProblemsError
from medevac.flows.policy.reader import read_policies, review_policies
from medevac.workers.site import read_site, review_site
from tests.unit.policy import goldens

ONLY_WARNINGS = {
    "deadline-too-short",
    "evacuate-without-disable",
    "flow-deadline-too-short",
    "failure-without-flows",
    "flow-without-evacuate",
    "message-placeholder",
    "no-chroot",
    "nobody-answers",
    "not-everyone",
    "one-flow-never-used",
}


def name(case: Path) -> str:
    return case.stem


@pytest.mark.parametrize("case", goldens.broken("broken") + goldens.broken("broken-sets"), ids=name)
def test_a_broken_policy_says_where_and_what_to_write_instead(case: Path) -> None:
    review = review_policies(case)

    goldens.assert_golden(case, review.problems)
    assert review.failed == (case.stem not in ONLY_WARNINGS)


@pytest.mark.parametrize("case", goldens.broken("broken-sites"), ids=name)
def test_a_broken_site_file_says_where_and_what_to_write_instead(case: Path) -> None:
    _, problems = review_site(case, {})

    goldens.assert_golden(case, problems.listed())
    assert problems.failed == (case.stem not in ONLY_WARNINGS)


@pytest.mark.parametrize("case", goldens.broken("broken-sites"), ids=name)
def test_no_message_about_a_site_file_shows_a_secret(case: Path) -> None:
    _, problems = review_site(case, {})

    assert "hunter2" not in "".join(map(str, problems.listed()))


def test_every_golden_file_belongs_to_a_case() -> None:
    for expect in goldens.HERE.glob("broken*/*.expect"):
        assert expect.with_suffix(".yaml").exists() or expect.with_suffix("").is_dir()


def test_errors_of_all_files_are_raised_at_once() -> None:
    with pytest.raises(ProblemsError) as raised:
        read_policies(goldens.HERE / "broken")

    assert len({problem.file for problem in raised.value.problems}) > len(goldens.broken("broken")) - len(ONLY_WARNINGS)
    assert str(raised.value.problems[0]) in str(raised.value)


def test_errors_of_a_site_file_are_raised_at_once() -> None:
    with pytest.raises(ProblemsError, match="'zookeeper' is missing"):
        read_site(goldens.HERE / "broken-sites" / "missing-settings.yaml", {})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"policy: caf\xe9\n", "policy.yaml:1:12: byte 0xe9 is not UTF-8"),
        ("policy: a\n".encode("utf-16"), "policy.yaml: the file is UTF-16"),
        (b"#" * 300_000, "policy.yaml: the file is larger than 256 KiB"),
        (b"policy: a\x00b\n", "policy.yaml:1:10: character U+0000 is not allowed"),
    ],
)
def test_a_file_that_is_no_text_says_so(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(data)

    assert message in "\n".join(map(str, review_policies(file).problems))


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xef\xbb\xbfpolicy: a\nmatch: everyone\nwhen: {host.down: leave}\n")

    assert read_policies(file).policies[0].name == "a"


def test_a_path_that_is_not_there_is_a_problem_and_not_a_traceback(tmp_path: Path) -> None:
    assert [p.message for p in review_policies(tmp_path / "nowhere").problems] == ["there is no such file or directory"]


def test_a_site_file_that_is_not_there_is_a_problem_and_not_a_traceback(tmp_path: Path) -> None:
    _, problems = review_site(tmp_path / "nowhere", {})

    assert [p.message for p in problems.listed()] == ["cannot be read: No such file or directory"]
