"""The stages on which the contract of the Cloud port is played."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import pytest

from medevac.sandbox.cloud.model.site import build
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.cloud.server import RunningCloud
from medevac.sandbox.fakes import FakeCloud
from medevac.workers.openstack.nova import connect
from tests.contract.cloud.rig import RigStage
from tests.contract.cloud.stage import Stage
from tests.contract.cloud.worlds import QUICK, SITE, WorldStage

PATIENT = pytest.mark.timeout(300)


@contextmanager
def _simulated() -> Iterator[Stage]:
    with RunningCloud(SITE, QUICK) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.addresses.environment().items():
            patch.setenv(name, value)
        cloud = connect()
        yield WorldStage(running.world, cloud)
        cloud.close()


@contextmanager
def _fake() -> Iterator[Stage]:
    world = World(time.time, QUICK)
    with world.settled():
        build(world, SITE)
    yield WorldStage(world, FakeCloud(world))


@contextmanager
def _real() -> Iterator[Stage]:
    rig = _rig()
    rig.reset()
    yield rig


@cache
def _rig() -> RigStage:
    name = os.environ.get("MEDEVAC_TEST_CLOUD")
    if name is None:
        pytest.skip("MEDEVAC_TEST_CLOUD names no cloud to play on (tests/contract/cloud/rig.py says how)")
    return RigStage(name)


STAGES: dict[str, Callable[[], AbstractContextManager[Stage]]] = {"fake": _fake, "simulated": _simulated, "real": _real}


@pytest.fixture(params=["fake", "simulated", pytest.param("real", marks=(pytest.mark.real_nova, PATIENT))])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return a cloud with empty hosts that are up."""
    with STAGES[request.param]() as stage:
        yield stage
