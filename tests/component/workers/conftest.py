"""A bench for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from kazoo.client import KazooClient

from tests.component.workers.bench import Bench


@pytest.fixture
def bench(zk: KazooClient, tmp_path: Path) -> Bench:
    """Return a site that works, with triage and policies for every failure."""
    return Bench(zk, tmp_path)
