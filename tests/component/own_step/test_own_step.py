"""A step of one's own from another package: installed, checked, stored, carried out, undone; and broken ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from taskflow import engines

from medevac.core.errors import ClaimLostError
from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.extension import ServerResult, StepContext
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    Ending,
    FirstOf,
    If,
    Match,
    Page,
    Policy,
    Result,
    Step,
    Verify,
    Wait,
    said,
)
from medevac.flows.policy.registry import collect
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import DEAD, SITE, Recovery, policy
from tests.unit.flows.test_control import ONCE, again, asked, flow

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "examples" / "own-step"

POLICY = """\
policy: everyone
match: everyone
when:
  host.down:
    - fence
    - disable
    - evacuate
    - verify
    - address-book: {book}
"""

CLI = "from medevac.cli.main import main; main()"

RECOVER = """\
import sys
from pathlib import Path
from medevac.flows.policy.reader import read_policies
from tests.unit.flows.recovering import Recovery
recovery = Recovery("web", "db")
recovery.run(*read_policies(Path(sys.argv[1])).policies)
assert recovery.raised is None, recovery.raised
print(recovery.site.log.state)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # Without isolation it is built by the hatchling that built medevac, if that is here; else pip fetches one.
    isolation = ["--no-build-isolation"] if _importable("hatchling") else []
    done = subprocess.run(
        [*pip, *isolation, "--target", folder, PACKAGE], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def _importable(name: str) -> bool:
    command = [sys.executable, "-c", f"import {name}"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def python(installed: Path | None, *words: str | Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(each) for each in (installed, ROOT) if each)
    return subprocess.run(
        [sys.executable, *words], env={**os.environ, "PYTHONPATH": path}, cwd=ROOT,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def promised(folder: Path) -> Path:
    (folder / "10-everyone.yaml").write_text(POLICY.format(book=folder / "book"))
    return folder


def test_without_the_package_the_word_is_unknown(tmp_path: Path) -> None:
    checked = python(None, "-c", CLI, "policy", "check", promised(tmp_path))
    assert checked.returncode == 1
    assert "address-book" in checked.stdout


def test_an_installed_step_is_checked_like_medevacs_own(installed: Path, tmp_path: Path) -> None:
    promised(tmp_path)
    checked = python(installed, "-c", CLI, "policy", "check", tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    text = (tmp_path / "10-everyone.yaml").read_text().replace("address-book: ", "address-book: {fiel: ")
    (tmp_path / "10-everyone.yaml").write_text(text.rstrip() + "}\n")
    mistaken = python(installed, "-c", CLI, "policy", "check", tmp_path)
    assert mistaken.returncode == 1
    assert "file" in mistaken.stdout


def test_an_installed_step_is_carried_out_in_a_recovery(installed: Path, tmp_path: Path) -> None:
    promised(tmp_path)
    ran = python(installed, "-c", RECOVER, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "recovered\n"
    names = [line.split() for line in (tmp_path / "book").read_text().splitlines()]
    assert [name for name, _ in names] == ["db", "web"]
    assert {host for _, host in names} <= {"spare-1", "spare-2"}


def test_the_packages_own_test_passes() -> None:
    ran = python(PACKAGE, "-m", "pytest", "-q", "-p", "no:cacheprovider", PACKAGE)
    assert ran.returncode == 0, ran.stdout


# -- steps of this test's own, on the engine


@dataclass(frozen=True, slots=True)
class Poke(Step):
    """Does to each server what the test says."""

    word: ClassVar[str] = "poke"
    done: ClassVar[list[str]] = []
    undone: ClassVar[list[str]] = []

    how: str = field(default="done", metadata=said("What becomes of them."))

    def execute(self, context: StepContext) -> Iterable[ServerResult]:
        if self.how == "raise":
            message = "a bug"
            raise ValueError(message)
        for server in context.servers:
            self.done.append(server.planned.name)
            if self.how == "back":
                yield context.back(server, "dead", "restarted in place")
            elif self.how == "failed":
                yield context.failed(server, "no luck")
            else:
                yield context.done(server)

    def revert(self, context: StepContext) -> None:
        if self.how == "raise in revert":
            message = "a bug"
            raise ValueError(message)
        self.undone.extend(server.planned.name for server in context.servers)


@pytest.fixture(autouse=True)
def _nothing_done_yet() -> None:
    Poke.done.clear()
    Poke.undone.clear()


def run(recovery: Recovery, *policies: Policy) -> None:
    """Run the flow of *policies*, as they are: this test's step is not installed, so that no file could name it."""
    brief = Brief("host.down:dead:1", "host.down", DEAD, START, SITE)
    with ThreadPoolExecutor(2) as executor:
        engine = engines.load(
            factory.assemble(brief, policies), engine="parallel", executor=executor, defer_reverts=True
        )
        engine.storage.inject({"ports": recovery.site.ports}, transient=True)
        engine.run()


def test_a_step_that_brings_a_server_back_in_place_spares_it_the_evacuation() -> None:
    recovery = Recovery("a", "b")
    run(recovery, flow(FirstOf(((Poke("back"),), (ONCE,))), Verify()))
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert recovery.calls("POST") == 0
    assert recovery.rows()["a"]["host"] == "dead"


def test_an_alternative_of_medevacs_own_is_for_those_that_the_step_failed_for() -> None:
    recovery = Recovery("a", "b")
    run(recovery, flow(FirstOf(((Poke("failed"),), (ONCE,))), Verify()))
    assert recovery.results() == dict.fromkeys("ab", "recovered")
    assert sorted(Poke.done) == ["a", "b"]
    assert len(asked(recovery)) == 2


def test_what_a_step_raises_is_its_failure_and_the_recovery_goes_on() -> None:
    recovery = Recovery("a")
    run(recovery, flow(Poke("raise"), ONCE, Verify()))
    assert recovery.results() == {"a": "recovered"}
    assert recovery.site.log.state == "parked"
    assert "a: poke failed: ValueError: a bug" in recovery.site.log.reason


def test_a_lost_claim_is_no_failure_of_the_step() -> None:
    recovery = Recovery("a")
    recovery.after(0.5, lambda: setattr(recovery.site.log, "owned", False))
    with pytest.raises(ClaimLostError):
        run(recovery, flow(Wait(Duration(1)), Poke(), ONCE))
    assert recovery.calls("POST") == 0


def test_a_condition_may_ask_what_the_step_did() -> None:
    recovery = Recovery("a")
    run(recovery, flow(ONCE, Verify(), Poke("failed"), If("poke", Result.FAILED, (Page(text="{host}"),))))
    assert [sent.text for sent in recovery.site.notifier.sent] == ["dead"]


def test_a_step_that_fails_for_a_server_that_is_back_is_retried_for_it_alone_and_told_to_people() -> None:
    recovery = Recovery("a")
    run(recovery, flow(ONCE, Verify(), again(2, Poke("failed"))))
    assert Poke.done == ["a", "a", "a"]
    assert Poke.undone == []
    assert recovery.results() == {"a": "recovered"}
    assert "a: poke failed: no luck" in recovery.site.log.reason


def test_revert_undoes_the_step_for_the_servers_that_it_was_done_for() -> None:
    recovery = Recovery("a", "b")
    recovery.server("b").pinned_zone = "nowhere"
    run(recovery, flow(Poke(), ONCE, Verify(), on_failure=Ending.REVERT))
    assert sorted(Poke.undone) == ["a", "b"]
    assert sorted(Poke.done) == ["a", "b"]
    assert recovery.results() == {"a": "recovered", "b": "failed"}
    assert "undone after 'evacuate' failed" in recovery.site.log.reason


def test_a_step_that_cannot_be_undone_is_told_and_stops_nobody() -> None:
    recovery = Recovery("a", "other")
    recovery.server("a").pinned_zone = "nowhere"
    first = flow(Poke("raise in revert"), ONCE, name="first", match=Match(server=("a",)), on_failure=Ending.REVERT)
    run(recovery, first, policy("rest"))
    assert "could not be undone: ValueError: a bug" in recovery.told()
    assert recovery.results()["other"] == "recovered"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nowhere_at_all:Step", "ModuleNotFoundError"),
        ("medevac.flows.policy.actions:Wait", "entry point"),
        ("os:path", "dataclass"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_sentence_and_no_traceback(value: str, reason: str) -> None:
    known = collect((EntryPoint("broken", value, "medevac.steps"),))
    assert reason in known.unusable["broken"].reason
    assert "broken" not in known.steps
