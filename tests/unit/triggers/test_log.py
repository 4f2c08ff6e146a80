"""The agent's log: one line a message, wherever it can be written."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medevac.triggers.log import Log, one_line


def test_each_message_is_one_line_with_time_and_process(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "alert.log"))
    log.write("host.fenced host compute-3")
    log.write("a value with\na line break \udcff")
    lines = (tmp_path / "alert.log").read_text().splitlines()
    assert len(lines) == 2
    stamp, program, rest = lines[0].split(" ", 2)
    assert stamp.endswith("Z")
    assert program.startswith("medevac-alert[")
    assert rest == "host.fenced host compute-3"
    assert (tmp_path / "alert.log").stat().st_mode & 0o007 == 0


def test_a_log_that_cannot_be_written_disturbs_nothing(tmp_path: Path) -> None:
    Log(str(tmp_path / "nowhere" / "alert.log")).write("said all the same")
    Log("nul\0l").write("said all the same")


@given(st.text())
def test_no_message_can_forge_a_second_line(message: str) -> None:
    assert len(one_line(message).splitlines()) <= 1
    assert len(one_line(message)) <= 2000
