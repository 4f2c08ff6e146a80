"""The root command: what it lists, how it fails, and that it starts without what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from medevac.cli.root import COMMANDS, root, run
from medevac.core.errors import CloudUnavailableError, FencingError, MedevacError, StoreUnreachableError

LISTED = root.list_commands(click.Context(root))


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def failing(error: BaseException) -> click.Command:
    def fail() -> None:
        raise error

    return click.Command("fail", callback=fail)


def test_help_imports_nothing_that_only_a_sub_command_needs() -> None:
    heavy = ["kazoo", "taskflow", "openstack", "novaclient", "keystoneauth1", "yaml", "rich", "aiohttp"]
    done = python(
        "import sys, json; from medevac.cli.root import run; run(['--help']);"
        f"print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert "Usage: medevac" in done.stdout


@pytest.mark.parametrize("command", [["incident", "list"], ["incident", "hold"], ["job", "list"], ["event", "post"]])
def test_what_only_reads_and_writes_zookeeper_imports_no_engine_and_no_cloud(command: list[str]) -> None:
    heavy = ["taskflow", "oslo_serialization", "openstack", "novaclient", "keystoneauth1", "libvirt"]
    done = python(
        f"import sys, json; from medevac.cli.root import run; run({[*command, '--help']});"
        f"print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_help_lists_every_sub_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in LISTED if name not in shown or COMMANDS[name].summary not in shown] == []


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_sub_command_can_be_loaded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert f"Usage: medevac {name}" in capsys.readouterr().out


def test_a_sub_command_that_comes_near_is_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    near = LISTED[0][:-1]
    assert run([near]) == 2
    assert f"Did you mean {LISTED[0]!r}?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["event", "incident", "job", "pacemaker", "policy", "site"])
def test_the_list_of_a_group_cuts_no_sentence_short(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "...\n" not in capsys.readouterr().out.partition("Commands:")[2]


def test_a_report_that_could_not_be_written_is_refused_before_the_demo_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--json", str(tmp_path / "gone" / "report.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_an_unknown_sub_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["xyzzy"]) == 2
    assert "No such command 'xyzzy'" in capsys.readouterr().err


def test_without_click_one_sentence_says_what_to_install() -> None:
    done = python("import sys; sys.modules['click'] = None; from medevac.cli.main import main; main()")
    assert done.returncode == 1
    assert done.stderr == "medevac: the command line needs click; install it with: pip install 'medevac[cli]'\n"


def test_without_its_library_a_sub_command_says_which_extra_brings_it() -> None:
    done = python(
        "import sys; sys.modules['yaml'] = None; sys.argv[1:] = ['policy', 'check', '--help'];"
        "from medevac.cli.main import main; main()"
    )
    assert done.returncode == 1
    assert done.stderr == "medevac: 'check' needs yaml; install it with: pip install 'medevac[worker]'\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FencingError("the device of compute-1 refused"), 1),
        (MedevacError("no such job"), 1),
        (StoreUnreachableError("no answer from 127.0.0.1:1"), 3),
        (CloudUnavailableError("no answer from Nova"), 3),
    ],
)
def test_a_foreseeable_error_is_one_line_and_an_exit_code(
    error: MedevacError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([], failing(error)) == code
    assert capsys.readouterr().err == f"medevac: {error}\n"


def test_an_unforeseen_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run([], failing(ZeroDivisionError()))


def test_ctrl_c_exits_as_shells_count_it() -> None:
    assert run([], failing(KeyboardInterrupt())) == 130


def test_a_command_sets_the_exit_code_by_what_it_returns() -> None:
    assert run([], click.Command("check", callback=lambda: 1)) == 1
    assert run([], click.Command("check", callback=lambda: None)) == 0
