"""The tutorial, followed word for word in an empty folder: it must not tell what is not so.

Blocks of docs/tutorial.md that are marked `tutorial` are carried out in their order: files are written, commands
run, and what they print is compared; "..." stands for anything.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from medevac.sandbox.zookeeper import ZookeeperMissingError, require_installed
from tests.fixtures.services import require

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorial.md"
SCRIPTS = Path(sysconfig.get_path("scripts"))
DEADLINE = 120.0
LINES_OF_THE_PAGE = 7
"""Commands with output that the page shows, at least."""
RUN = """#!/usr/bin/env bash
exec {medevac} "$@" --servers 12 --evacuate-seconds 0.6 --session-timeout 8 --no-kill
"""
"""In the place of ./run, which would install a virtual environment first; the demo as it is has a test of its own."""


@dataclass(frozen=True)
class Block:
    """A fenced block that is carried out."""

    kind: str
    words: tuple[str, ...]
    text: str


def blocks() -> Iterator[Block]:
    fenced = re.compile(r"^```(\w+) tutorial *(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for found in fenced.finditer(PAGE.read_text("utf-8")):
        yield Block(found[1], tuple(found[2].split()), found[3])


class Reader:
    """Somebody who follows the page, in one terminal and then in another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".state"
        self.kept: subprocess.Popen[str] | None = None
        self.site = ""
        self.compared = 0
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "activate").write_text(f"PATH={shlex.quote(str(SCRIPTS))}:$PATH\n")
        (folder / "run").write_text(RUN.format(medevac=shlex.quote(str(SCRIPTS / "medevac"))))
        (folder / "run").chmod(0o755)
        self.state.touch()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDEVAC_")}
        self.environment |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "TMPDIR": str(folder)}

    def follow(self, block: Block) -> None:
        if block.kind == "yaml":
            (self.folder / block.words[0]).write_text(block.text, "utf-8")
        elif block.words == ("keep",):
            self.keep(block.text)
        elif block.kind == "sh":
            for command in block.text.splitlines():
                code, output = self.run(command)
                assert code == 0, f"{command}\n{output}"
        else:
            self.compare(block)

    def run(self, command: str) -> tuple[int, str]:
        """Run *command* in a shell that goes on where the last one ended; return its exit code and what it told."""
        told = re.sub(r"\S+/medevac-site-X+/env", self.site, command)
        script = f". ./.state\n{told}\ncode=$?\nexport -p > .state\nexit $code"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return done.returncode, done.stdout

    def compare(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            code, output = self.run(command)
            assert code in (0, 1), output
            assert re.fullmatch(pattern(shown), output), f"{command} prints\n{output}\nand the page says\n{shown}"
            self.compared += 1

    def keep(self, command: str) -> None:
        """Run *command* until it says how to look around, and let it stay."""
        self.kept = subprocess.Popen(
            ["bash", "-c", f". ./.state\nexec {command}"],
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        told = self._told_until("To end it")
        env = re.search(r"^  \. (\S+/env)$", told, re.MULTILINE)
        assert env, told
        assert re.search(r"^  held +higher policies .* before lower began +\(shop > everyone\)$", told, re.MULTILINE)
        assert "All 16 of 16 servers are back, and everything held." in told
        self.site = env[1]

    def _told_until(self, words: str) -> str:
        """Return what the kept command tells until *words*; it is ended if they do not come."""
        assert self.kept is not None
        assert self.kept.stdout is not None
        watchdog = Timer(2 * DEADLINE, self.kept.kill)
        watchdog.start()
        told = ""
        for line in self.kept.stdout:
            told += line
            if words in line:
                break
        watchdog.cancel()
        return told

    def leave(self) -> int:
        """End what was kept, with Ctrl-C, and return its exit code."""
        assert self.kept is not None
        self.kept.send_signal(signal.SIGINT)
        self.kept.communicate(timeout=DEADLINE)
        return self.kept.returncode


def pattern(shown: str) -> str:
    """Return the regular expression for what the page shows: "..." is anything, alone in a line any lines."""
    lines = []
    for line in shown.splitlines(keepends=True):
        if line.strip() == "...":
            lines.append(r"(?:.*\n)*")
        else:
            lines.append(re.sub(r"(?:\\\ )*\\\.\\\.\\\.(?:\\\ )*", ".*", re.escape(line)))
    return "".join(lines)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with require("ZooKeeper", ZookeeperMissingError):
        require_installed()
    found = Reader(tmp_path)
    yield found
    if found.kept is not None and found.kept.poll() is None:
        found.kept.kill()
        found.kept.communicate(timeout=DEADLINE)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_can_be_followed_word_for_word(reader: Reader) -> None:
    for block in blocks():
        reader.follow(block)

    assert reader.compared >= LINES_OF_THE_PAGE
    assert reader.leave() in (0, 130)
    assert [path.name for path in reader.folder.glob("medevac-site-*")] == []


def test_every_file_of_the_tutorial_is_named_where_it_is_to_be_saved() -> None:
    prose = re.sub(r"^```.*?^```$", "", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)

    assert [block.words[0] for block in blocks() if block.kind == "yaml" and f"`{block.words[0]}`" not in prose] == []


@pytest.mark.parametrize("output", ["one\nthree\n", "one\ntwo (5 s)\nthree\nfour\n", "two (5 s)\nthree\n"])
def test_output_that_differs_from_the_page_is_noticed(output: str) -> None:
    assert re.fullmatch(pattern("one\ntwo (... s)\nthree\n"), "one\ntwo (31 s)\nthree\n")
    assert not re.fullmatch(pattern("one\ntwo (... s)\nthree\n"), output)
