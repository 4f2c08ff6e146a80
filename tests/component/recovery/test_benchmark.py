"""The benchmark runs, and what it counts (not what it times) stays within what docs/benchmarks.md promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from medevac.sandbox.zookeeper import ZookeeperMissingError, require_installed
from tests.fixtures.services import require

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "recovery.py"


@pytest.mark.slow
def test_a_quick_run_of_the_benchmark_prints_its_figures() -> None:
    with require("ZooKeeper", ZookeeperMissingError):
        require_installed()
    done = subprocess.run([sys.executable, SCRIPT, "--quick"], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["event_to_fence_ms"]["events"] == 3
    assert found["event_to_fence_ms"]["p50"] > 0
    assert [each["servers"] for each in found["recovery"]] == [1, 10]
    one, ten = found["recovery"]
    # The fixed part: triage with its brakes, claim, steps, evidence, journal, report.
    assert one["zookeeper_operations_per_server"] <= 80
    # Ten more than one call each: service, list, plan, looks, verify, and the conductor's share of a warm session.
    # What becomes of the first few says how many more are asked for at once (medevac.flows.throttle).
    assert 1.0 <= ten["http_requests_per_server"] <= 2.7
    # A tenth of the fixed part, and for each server one write that proves the claim before the call.
    assert 1.0 <= ten["zookeeper_operations_per_server"] <= 9.0
    assert ten["cpu_ms_per_server"] > 0
    assert ten["conductor_resident_mb"] > 10
    assert ten["ratio_to_bare"] > 0
