"""What the tests of medevac on a real Nova have: the rig, and medevac on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.contract.cloud.rig import RigStage
from tests.contract.recovery.product import Product


@pytest.fixture
def rig() -> Iterator[RigStage]:
    """Return a real Nova whose hosts are up and empty, and leave it so."""
    name = os.environ.get("MEDEVAC_TEST_CLOUD")
    if name is None:
        pytest.skip("MEDEVAC_TEST_CLOUD names no cloud to play on (tests/contract/cloud/rig.py says how)")
    stage = RigStage(name)
    stage.reset()
    yield stage
    stage.reset()


@pytest.fixture
def product(rig: RigStage, zk: KazooClient, zk_hosts: str, tmp_path: Path) -> Iterator[Product]:
    """Return medevac on the rig; its workers end with the test."""
    with Product(rig, zk, zk_hosts, tmp_path) as product:
        yield product
