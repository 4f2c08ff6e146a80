"""Every scenario comes out as its timeline says, some on a real ZooKeeper too, and breaks no rule on its way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from medevac.sandbox.scenarios.player import play_folder
from medevac.sandbox.scenarios.stores import RealStore
from medevac.sandbox.zookeeper import ZookeeperServer

HERE = Path(__file__).parent
SCENARIOS = sorted(path.parent for path in HERE.glob("*/script.yaml"))
WRITE = "MEDEVAC_WRITE_GOLDENS"
ENOUGH = 60

each_scenario = pytest.mark.parametrize("folder", SCENARIOS, ids=lambda folder: folder.name)


@each_scenario
def test_a_scenario_comes_out_as_its_timeline_says_and_breaks_no_rule(folder: Path) -> None:
    played = play_folder(folder)
    text = "\n".join(played.timeline) + "\n"
    expected = folder / "timeline.expect"
    if os.environ.get(WRITE):
        expected.write_text(text, "utf-8")

    assert played.violations == ()
    assert text == expected.read_text("utf-8"), f"{WRITE}=1 writes what comes now"


@pytest.mark.parametrize("folder", SCENARIOS[::8], ids=lambda folder: folder.name)
def test_a_real_zookeeper_makes_no_difference(folder: Path, zookeeper: ZookeeperServer) -> None:
    played = play_folder(folder, RealStore(zookeeper.hosts))

    assert played.violations == ()
    assert "\n".join(played.timeline) + "\n" == (folder / "timeline.expect").read_text("utf-8")


@each_scenario
def test_a_scenario_says_in_a_sentence_what_it_is_about(folder: Path) -> None:
    prose = (folder / "README.md").read_text("utf-8").strip()

    assert prose.endswith(".")
    assert 30 < len(prose) < 400


def test_there_are_scenarios_for_many_situations() -> None:
    assert len(SCENARIOS) >= ENOUGH
