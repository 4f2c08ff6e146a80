"""The default number of evacuations at once beside every fixed one, on clouds whose clock is simulated too."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "pace.py"
SERVERS = 50
LITTLE = 1.1
"""What may be lost on one cloud: of four recoveries, chance makes one longer by as much as that."""


@pytest.fixture(scope="module")
def clouds() -> dict[str, dict[str, float]]:
    """Return the seconds until the last server was back, by cloud that does not change, and setting."""
    command = [sys.executable, SCRIPT, "--servers", str(SERVERS), "--seeds", "1", "--recoveries", "4", "--steady"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout)[f"{SERVERS} servers"]["clouds"]
    return found


def fixed(seconds: dict[str, float]) -> list[float]:
    return [seconds[name] for name in seconds if name.isdigit()]


def test_on_each_cloud_that_was_met_before_the_default_is_as_good_as_the_best_fixed_number_or_better(
    clouds: dict[str, dict[str, float]],
) -> None:
    lost = {name: seconds["following"] / min(fixed(seconds)) for name, seconds in clouds.items()}
    assert max(lost.values()) <= LITTLE, lost
    assert statistics.mean(lost.values()) <= 1.05, lost


@pytest.mark.parametrize("which", ["first", "following"])
def test_no_fixed_number_is_as_good_as_the_default_on_all_clouds(
    clouds: dict[str, dict[str, float]], which: str
) -> None:
    def lost(setting: str) -> float:
        return statistics.mean(seconds[setting] / min(fixed(seconds)) for seconds in clouds.values())

    numbers = [name for name in next(iter(clouds.values())) if name.isdigit()]
    assert len(numbers) == 5
    assert all(lost(which) < lost(number) for number in numbers)


def test_the_first_recovery_on_an_unknown_cloud_costs_little_more(clouds: dict[str, dict[str, float]]) -> None:
    lost = {name: seconds["first"] / min(fixed(seconds)) for name, seconds in clouds.items()}
    assert statistics.mean(lost.values()) <= 1.15, lost
