"""What Nova remembers of evacuations by hand makes the first recovery shorter, or is not believed."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "hindsight.py"
SERVERS = 10
"""With few servers finding out costs most."""
CLOUDS = "narrow"


@pytest.fixture(scope="module")
def clouds() -> dict[str, dict[str, Any]]:
    """Return what became of the first recovery by what was done before, for clouds that take one at once."""
    command = [sys.executable, SCRIPT, "--servers", str(SERVERS), "--seeds", "1", "--cloud", CLOUDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["clouds"]
    return {name: each[f"{SERVERS} servers"]["with"] for name, each in found.items()}


def test_where_hosts_were_evacuated_in_different_ways_the_first_recovery_is_shorter(
    clouds: dict[str, dict[str, Any]],
) -> None:
    for name, pasts in clouds.items():
        assert pasts["1, then 5"]["best"] == 1, name
        assert pasts["1, then 5"]["to without"] < 1, name


def test_what_is_believed_costs_no_first_recovery_much_and_is_worth_it_on_average(
    clouds: dict[str, dict[str, Any]],
) -> None:
    ratios = [each["to without"] for pasts in clouds.values() for each in pasts.values() if each["best"]]
    assert len(ratios) >= 2
    assert max(ratios) <= 1.1, clouds
    assert statistics.mean(ratios) <= 0.95, clouds


def test_hosts_that_were_always_evacuated_in_one_way_may_tell_nothing(clouds: dict[str, dict[str, Any]]) -> None:
    (share,) = (pasts for name, pasts in clouds.items() if "share" in name)
    assert [share[name]["best"] for name in ("1", "5", "all")] == [0, 0, 0]
