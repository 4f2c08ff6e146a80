"""The stages on which the contract of the Cloud port is played."""

from __future__ import annotations

import os
from functools import cache

import pytest

from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import Stage

PATIENT = pytest.mark.timeout(300)


@pytest.fixture(params=[pytest.param("real", marks=(pytest.mark.real_nova, PATIENT))])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Return a cloud with empty hosts that are up."""
    real = _rig()
    real.reset()
    return real


@cache
def _rig() -> RigStage:
    name = os.environ.get("MEDEVAC_TEST_CLOUD")
    if name is None:
        pytest.skip("MEDEVAC_TEST_CLOUD names no cloud to play on (tests/contract/cloud/rig.py says how)")
    return RigStage(name)
